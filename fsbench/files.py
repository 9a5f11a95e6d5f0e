"""Writing files whole: a reader, or a run that was killed, sees the old file or the new one, never a part."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

__all__ = ["write_whole"]


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
