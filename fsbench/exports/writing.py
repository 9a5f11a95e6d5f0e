"""Where what leaves fsbench is written: a folder or a zip, whole or not at all."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from fsbench.errors import RunError
from fsbench.files import whole_folder
from fsbench.files import write_files
from fsbench.files import write_whole

__all__ = ["write_out"]


def write_out(out: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Writes files, each its path and content, to a folder, or to a zip if it ends in `.zip`, whole or not at all.

    Raises:
        RunError: It is there already.
    """
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise RunError(f"{out}: is there already. Name another folder or zip, or remove it.")
    if out.suffix == ".zip":
        write_whole(out, lambda stream: _write_zip(stream, files))
    else:
        with whole_folder(out) as fresh:
            write_files(fresh, files)


def _write_zip(stream: IO[bytes], files: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            # Without the time of day: the same run gives the same bytes.
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
