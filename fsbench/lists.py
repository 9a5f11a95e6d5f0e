"""Lists of ids in text files."""

from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path

from fsbench.errors import DataError

__all__ = ["Listed", "listed_at", "read_ids"]


class Listed(tuple[str, ...]):
    """Ids that a file lists, each once, in its order.

    Attributes:
        path: The file.
        lines: The number of each id's line.
    """

    path: Path
    lines: Mapping[str, int]


def read_ids(path: Path) -> Listed:
    """Reads a list of ids, one a line; spaces within belong to the id, and empty lines to nothing.

    Raises:
        DataError: The file cannot be read, is no text, lists nothing, or a line has two fields.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Give a text file of one id a line.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text in UTF-8. Give a text file of one id a line.") from error
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line.strip() or not line.strip().isprintable():
            raise DataError(f"{path}, line {number}: has more than one field. Give one id a line.")
        if line.strip():
            lines.setdefault(line.strip(), number)
    if not lines:
        raise DataError(f"{path}: lists nothing. Give one id a line.")
    listed = Listed(lines)
    listed.path, listed.lines = path, lines
    return listed


def listed_at(ids: Collection[str], name: str) -> str:
    """Returns where an id is listed, as the begin of an error's message; nothing where it comes from no file."""
    return f"{ids.path}, line {ids.lines[name]}: " if isinstance(ids, Listed) else ""
