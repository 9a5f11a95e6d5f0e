"""Reading a JSON file that is too large to hold: where its parts lie is found in one pass, and each is read alone."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ
from mmap import mmap
from pathlib import Path
from typing import Any
from typing import NamedTuple

from fsbench.errors import DataError

__all__ = ["JsonParts", "Part"]

_DEEPEST = 8  # levels inside a part
_STRING = rb'"(?:[^"\\]++|\\.)*+"'


def _inside(levels: int) -> bytes:
    """Returns the pattern of what is between two brackets; possessive, so that no position is looked at twice."""
    nested = rb"|[\[{]" + _inside(levels - 1) + rb"[\]}]" if levels else b""
    return rb'(?:[^"\[\]{}]++|' + _STRING + nested + rb")*+"


_VALUE = _STRING + rb'|[^"\[\]{},:\s]++|[\[{]' + _inside(_DEEPEST) + rb"[\]}]"
_OPENING = {b"{": re.compile(rb"\s*{\s*(})?"), b"[": re.compile(rb"\s*\[\s*(\])?")}
_ENTRY = {
    b"{": re.compile(rb"\s*(" + _STRING + rb")\s*:\s*(" + _VALUE + rb")\s*([,}])", re.DOTALL),
    b"[": re.compile(rb"\s*()(" + _VALUE + rb")\s*([,\]])", re.DOTALL),
}
_REST = re.compile(rb"\s*")


class Part(NamedTuple):
    """A value in a file.

    Attributes:
        start, end: Its first byte, and the one after its last.
    """

    start: int
    end: int


class JsonParts:
    """A JSON file, of which values are read one by one. It can be used by several threads, and sent to a process."""

    def __init__(self, path: Path) -> None:
        """Says which file; nothing is read yet."""
        self.path = path

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path.absolute()}  # another process may be at work in another folder

    def members(self, part: Part | None = None) -> Iterator[tuple[str, Part]]:
        """Yields the key of each value of an object, and where the value lies; of None, the whole file's.

        Raises:
            DataError: The file cannot be read, or there is no object.
        """
        seen = set()
        for key, value in self._entries(b"{", part):
            name = self._text(key, value)
            if name in seen:
                raise DataError(f"{self.path}: the key {name!r} comes twice in one place. Fetch the file again.")
            seen.add(name)
            yield name, value

    def items(self, part: Part) -> Iterator[Part]:
        """Yields where each value of a list lies. Raises DataError likewise."""
        for _, value in self._entries(b"[", part):
            yield value

    def has(self, text: bytes) -> bool:
        """Tells whether some text is anywhere in the file. Raises DataError if it cannot be read, or is empty."""
        with self._mapped() as content:
            return content.find(text) >= 0

    def value(self, part: Part) -> Any:  # Any: JSON
        """Returns a value. Raises DataError if it cannot be read."""
        try:
            with self.path.open("rb", buffering=0) as stream:
                stream.seek(part.start)
                return json.loads(stream.read(part.end - part.start))
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror}). Fetch it again.") from error
        except (ValueError, RecursionError) as error:
            raise self._damaged(part.start) from error

    def _text(self, key: bytes, value: Part) -> str:
        try:
            return str(json.loads(key))
        except ValueError as error:
            raise self._damaged(value.start) from error

    def _entries(self, bracket: bytes, part: Part | None) -> Iterator[tuple[bytes, Part]]:
        with self._mapped() as content:
            start, end = part or Part(0, len(content))
            opening = _OPENING[bracket].match(content, start, end)
            if opening is None:
                raise self._damaged(start)
            place, is_open = opening.end(), opening[1] is None
            while is_open:
                entry = _ENTRY[bracket].match(content, place, end)
                if entry is None:
                    raise self._damaged(place)
                yield entry[1], Part(*entry.span(2))
                place, is_open = entry.end(), entry[3] == b","
            if not _REST.fullmatch(content, place, end):
                raise self._damaged(place)

    @contextmanager
    def _mapped(self) -> Iterator[mmap]:
        try:
            with self.path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
                yield content
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror}). Fetch it again.") from error
        except ValueError as error:  # an empty file cannot be mapped
            raise self._damaged(0) from error

    def _damaged(self, place: int) -> DataError:
        return DataError(f"{self.path}: is no JSON of its form, from byte {place} on. Fetch the file again.")
