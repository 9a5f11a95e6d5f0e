"""Writing files whole, and where they may lie: a reader, or a run that was killed, sees the old file or the new one.

What a killed process was writing lies beside, under a name of its own, until the next one that writes there clears it
away. Such a file is locked as long as its process lives, so nobody takes what another still needs.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import IO

from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.errors import RunError

__all__ = [
    "NOT_BLOCKING",
    "clear_leftovers",
    "content_digest",
    "for_fold",
    "locked",
    "named_errors",
    "named_path",
    "open_regular",
    "path_part",
    "scratch_folder",
    "whole_folder",
    "write_files",
    "write_whole",
]

NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0)
"""For `os.open`: a pipe that stands where a file was does not wait for somebody who writes. Not every system has it."""

_LONGEST_PART = 200  # bytes; file systems take 255, and endings come behind
_LEFTOVER = re.compile(r"\..*\.fsbench-[a-z0-9_]{8}\.tmp", re.DOTALL)
_OWNER = "owner"
_cleared: set[str] = set()  # folders that this process has looked through


@contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, without a buffer.

    Raises:
        OSError: It is not there or may not be read, or it is something else than a file, such as a pipe: reading that
            waits for somebody who writes.
    """
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | NOT_BLOCKING)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        yield stream


def path_part(name: str, what: str, error: type[FsbenchError] = DataError) -> str:
    """Returns a name that somebody gave, if it may be a file's or folder's name: then no path leaves its folder.

    Args:
        name: The name.
        what: What it is of, e.g. "version".
        error: What is raised.

    Raises:
        FsbenchError: `error`; the name is blank, starts with a dot, has a "/", a "\\" or a character that nobody sees,
            or is too long.
    """
    if not name.strip() or not name.isprintable() or name.startswith(".") or "/" in name or "\\" in name:
        why = "it must not be blank, start with a dot, or hold '/', '\\' or control characters"
    elif len(name.encode("utf-8")) > _LONGEST_PART:
        why = f"it is longer than {_LONGEST_PART} bytes"
    else:
        return name
    shown = name if len(name) <= _LONGEST_PART else f"{name[:_LONGEST_PART]}..."
    raise error(f"The {what} {shown!r} cannot be a file name: {why}. Give it another name.")


def write_whole(path: Path, content: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Writes a file through a temporary one in the same folder: write, fsync, rename, fsync the folder.

    Args:
        path: The file; its folder is made if it is not there.
        content: Bytes, text (written as UTF-8), or a function that writes to a binary stream.
    """
    with named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_once(path.parent)
        stream, temporary = _claimed_file(path.parent, path.name)
        try:
            with stream:
                if callable(content):
                    content(stream)
                else:
                    stream.write(content.encode("utf-8") if isinstance(content, str) else content)
                stream.flush()
                os.fsync(stream.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)  # before it is closed, and so no longer claimed
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def whole_folder(out: Path, *, replaces: bool = False) -> Iterator[Path]:
    """Makes a folder that appears when it is complete, and not at all if the block raises.

    Args:
        out: The folder; those above it are made if they are not there.
        replaces: Take the place of what is there, which the caller knows to be its own; otherwise only of an empty
            folder.

    Yields:
        An empty folder of the same name, to be filled.

    Raises:
        OSError: `out` holds something, and may not be replaced.
    """
    out = out.resolve()  # "." has no name to be renamed to
    with scratch_folder(out.name, out.parent) as scratch:
        fresh, replaced = scratch / "made" / out.name, scratch / "replaced" / out.name
        fresh.mkdir(parents=True)
        yield fresh
        fresh.chmod(0o755)
        if replaces and out.exists():
            replaced.parent.mkdir()
            out.rename(replaced)
        fresh.rename(out)
        if replaced.exists():
            shutil.rmtree(replaced)


@contextmanager
def scratch_folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """Makes a folder that is gone when the block ends; if the process is killed, the next that makes one clears it.

    Args:
        name: Becomes a part of its name.
        parent: Where it is made, itself made if it is not there; None for the system's folder of temporary files.
    """
    place = parent or Path(tempfile.gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    clear_leftovers(place)
    while True:
        folder = Path(tempfile.mkdtemp(dir=place, prefix=_prefix(name), suffix=".tmp"))
        with suppress(FileNotFoundError, FileExistsError):  # cleared away before it was claimed
            stream = (folder / _OWNER).open("xb")
            if _holds(stream, folder / _OWNER):
                break
            stream.close()
    try:
        yield folder
    finally:
        _remove(folder, stream)


def clear_leftovers(folder: Path) -> None:
    """Removes what killed processes of fsbench were writing in a folder; what a living one writes stays."""
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - a Path for each file takes ten times as long
            if _LEFTOVER.fullmatch(name):
                with suppress(OSError):  # somebody's who may read it alone, or claimed
                    _clear(folder / name)


def _clear_once(folder: Path) -> None:
    # A run writes thousands of files to a folder, and what was left there before it was there at the first.
    key = os.path.abspath(folder)  # noqa: PTH100 - the same
    if key not in _cleared:
        _cleared.add(key)
        clear_leftovers(folder)


def _clear(path: Path) -> None:
    """Removes a temporary file or folder. Raises OSError if its process lives, or it cannot be known."""
    if path.is_symlink():
        return
    if not path.is_dir():
        with path.open("r+b") as stream:
            _lock(stream, wait=False)
            path.unlink()
        return
    with (path / _OWNER).open("ab") as stream:  # made where its process had no time to
        _lock(stream, wait=False)
        _remove(path, stream)


def _remove(folder: Path, stream: IO[bytes]) -> None:
    """Removes a temporary folder, given what claims it: that last, so that a part of it is known for what it is."""
    replaced = folder / "replaced"
    for path in replaced.iterdir() if replaced.is_dir() else ():
        if not (folder.parent / path.name).exists():  # stopped before its successor was there
            path.rename(folder.parent / path.name)
    for path in folder.iterdir():
        if path.name != _OWNER:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    stream.close()
    (folder / _OWNER).unlink(missing_ok=True)
    folder.rmdir()


def _prefix(name: str) -> str:
    return f".{name[:40]}.fsbench-"


def _claimed_file(folder: Path, name: str) -> tuple[IO[bytes], Path]:
    while True:
        handle, made = tempfile.mkstemp(dir=folder, prefix=_prefix(name), suffix=".tmp")
        stream = os.fdopen(handle, "wb")
        if _holds(stream, Path(made)):
            return stream, Path(made)
        stream.close()


def _holds(stream: IO[bytes], path: Path) -> bool:
    """Locks a file; returns False if another process took it for a leftover before that."""
    with suppress(OSError):  # a file system without locks, where nobody clears
        _lock(stream, wait=True)
    return path.exists()


def _lock(stream: IO[bytes], *, wait: bool) -> None:
    """Locks a file until it is closed. Raises OSError if it cannot be, or another process has it and none waits."""
    try:
        import fcntl
    except ImportError as error:  # not a Unix
        raise OSError(errno.ENOTSUP, "this system locks no files so") from error
    fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Lets an OSError name the file that was to be written: a full disk names none, others the temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno:  # a library's own has no place for a name
            error.filename = str(path)
            del error.filename2
        raise


def write_files(folder: Path, files: Iterable[tuple[str, bytes | str]]) -> None:
    """Writes files below a folder, given each one's path from there with "/", and its bytes or its text (UTF-8).

    Raises:
        DataError: A path leads out of the folder.
    """
    for name, content in files:
        path = folder.joinpath(*(path_part(part, "file") for part in name.split("/")))
        with named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run's folder for this process, and clears it of what a killed one was writing.

    The lock goes with the process, however it ends.

    Raises:
        RunError: Another process has it.
    """
    from filelock import FileLock  # here alone, as most reads and writes need no lock
    from filelock import Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / "lock", thread_local=False).acquire(blocking=False)
    except Timeout:
        raise RunError(f"{folder}: another fsbench is at work here. Wait for it, or give another --out.") from None
    with held:
        for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
            clear_leftovers(place)
        yield


def content_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, or of the names and contents of all files in a folder.

    Raises:
        DataError: A file cannot be read.
    """
    try:
        if not path.is_dir():
            return _file_digest(path).hexdigest()
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
            digest.update(_file_digest(file).digest())
    except OSError as error:
        what = f"{error.filename or path}: cannot be read ({error.strerror})"
        raise DataError(f"{what}. Check the path, and who may read it.") from error
    return digest.hexdigest()


def _file_digest(path: Path) -> "hashlib._Hash":
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256")


def named_path(value: object) -> Path | None:
    """Returns the file or folder that an option names, whatever its type; None if it names none that is there."""
    if not isinstance(value, str | Path) or not str(value):
        return None
    try:
        path = Path(value).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long for a name, with a zero byte, of a user who is not there
        return None


def for_fold(path: str | Path, fold: int) -> Path:
    """Returns a path in which "{fold}" stands for the fold."""
    return Path(str(path).replace("{fold}", str(fold)))
