"""Writing files whole: a reader, or a run that was killed, sees the old file or the new one, never a part."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock
from filelock import Timeout

from fsbench.errors import DataError
from fsbench.errors import RunError

__all__ = ["content_digest", "for_fold", "locked", "whole_folder", "write_files", "write_whole"]


def write_whole(path: Path, content: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Writes a file through a temporary one in the same folder: write, fsync, rename, fsync the folder.

    Args:
        path: The file; its folder is made if it is not there.
        content: Bytes, text (written as UTF-8), or a function that writes to a binary stream.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            if callable(content):
                content(stream)
            else:
                stream.write(content.encode("utf-8") if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
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
        replaces: Take the place of what is there; otherwise only of an empty folder.

    Yields:
        An empty folder of the same name, to be filled.

    Raises:
        OSError: `out` holds something, and may not be replaced.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp") as scratch:
        fresh = Path(scratch) / out.name
        fresh.mkdir()
        yield fresh
        fresh.chmod(0o755)
        if replaces and out.exists():
            out.rename(Path(scratch) / "replaced")
        fresh.rename(out)


def write_files(folder: Path, files: Iterable[tuple[str, bytes | str]]) -> None:
    """Writes files below a folder, given each one's path from there with "/", and its bytes or its text (UTF-8)."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run's folder for this process. Raises RunError if another process has it.

    The lock goes with the process, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / "lock", thread_local=False).acquire(blocking=False)
    except Timeout:
        raise RunError(f"{folder}: another fsbench is at work here. Wait for it, or give another --out.") from None
    with held:
        yield


def content_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, or of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if path.is_dir():
                digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest() if path.is_dir() else stream.read())
    except OSError as error:
        raise DataError(f"{path}: the checkpoint cannot be read ({error.strerror}). Check --checkpoint.") from error
    return digest.hexdigest()


def for_fold(path: str | Path, fold: int) -> Path:
    """Returns a path in which "{fold}" stands for the fold."""
    return Path(str(path).replace("{fold}", str(fold)))
