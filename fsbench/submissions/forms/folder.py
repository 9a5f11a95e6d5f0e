"""Masks in a folder."""

import os
from collections.abc import Callable
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from pathlib import PurePosixPath

from fsbench.errors import SubmissionError
from fsbench.files import NOT_BLOCKING
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import MAX_MASK_BYTES
from fsbench.submissions.forms.contract import MAX_MASKS
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.layout import DEEPEST
from fsbench.submissions.forms.layout import is_hidden
from fsbench.submissions.forms.layout import take_files

__all__ = ["FolderSubmission"]

_NAME = attrgetter("name")


class FolderSubmission(Submission):
    """Reads files as they are, one at a time, and holds none open. Links are followed: the folder is its owner's."""

    def __init__(self, path: Path, known: Known) -> None:
        self._root = path.resolve()
        found = Found(known)
        files: dict[str, object] = {}
        for name, entry in _walk(self._root, found):
            if len(files) >= MAX_MASKS:
                raise SubmissionError(f"{path}: there are more than {MAX_MASKS} files. Hand in one fold at a time.")
            if _is(entry.is_file):
                files[name] = name
            else:
                found.problem(
                    "unsafe", name, "is a link that leads nowhere" if entry.is_symlink() else "is no plain file"
                )
        take_files(found, files, known)
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns the path inside the folder."""
        return str(self._places[key])

    def read(self, key: MaskKey) -> bytes:
        """Returns the bytes of a file. Raises as Submission.read does."""
        try:
            # Not blocking: what was a file when it was listed may now be a pipe.
            file = os.open(f"{self._root}/{self._places[key]}", os.O_RDONLY | getattr(os, "O_BINARY", 0) | NOT_BLOCKING)
            try:
                content = _read_whole(file)
            finally:
                os.close(file)
        except OSError as error:
            raise self._error(key, f"cannot be read ({error.strerror})") from error
        if len(content) > MAX_MASK_BYTES:
            raise self._error(key, f"is larger than {MAX_MASK_BYTES} bytes")
        return content


def _read_whole(file: int) -> bytes:
    """Returns what an open file holds, or more than `MAX_MASK_BYTES` of it; takes no memory beyond that."""
    size = os.fstat(file).st_size
    content = os.read(file, min(size, MAX_MASK_BYTES) + 1)
    if len(content) != size:  # it shrinks or grows, or is no file any more
        while len(content) <= MAX_MASK_BYTES and (more := os.read(file, 1 << 20)):
            content += more
    return content


def _walk(root: Path, found: Found) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yields all that is no folder. Goes no deeper than any form is, and not into a folder that it is in already."""
    todo = [("", False)]  # folders, and whether a link leads to them: nothing else goes round
    while todo:
        folder, is_linked = todo.pop()
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                listed = sorted(entries, key=_NAME)
            goes_round = is_linked and _goes_round(root, folder)
        except OSError as error:
            found.problem("unreadable", folder or ".", f"cannot be listed ({error.strerror})")
            continue
        if goes_round:
            found.problem("unsafe", folder, "is a link to a folder that it lies in")
            continue
        for entry in listed:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if is_hidden(entry.name):
                continue
            if not _is(entry.is_dir):
                yield name, entry
            elif name.count("/") < DEEPEST:
                todo.append((name, is_linked or entry.is_symlink()))
            else:
                found.problem("nesting", name, f"is a folder more than {DEEPEST} folders deep")


def _goes_round(root: Path, folder: str) -> bool:
    """Tells whether a folder, named from the root on, is one of those that it is named in."""
    return any((root / folder).samefile(root / above) for above in PurePosixPath(folder).parents)


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a loop of links
        return False
