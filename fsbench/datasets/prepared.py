"""Folders that are made of the files of a release, for all commands that make a dataset of another."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from fsbench.errors import DataError
from fsbench.files import whole_folder
from fsbench.files import write_files
from fsbench.progress import track

__all__ = ["write_prepared"]

logger = logging.getLogger(__name__)


def write_prepared(
    out: Path,
    contents: Mapping[str, bytes | str],
    files: Mapping[str, Path],
    *,
    link: bool = False,
    progress: bool = False,
) -> None:
    """Writes a folder, whole or not at all; one that is there already, and is the same, stays.

    Args:
        out: The folder.
        contents: Of files that are written, by path below it.
        files: Where files come from, likewise.
        link: Make links to these, instead of copies.
        progress: Show a progress bar.

    Raises:
        DataError: `out` holds something else.
    """
    if out.is_dir() and any(out.iterdir()):
        _check_same(out, contents, files)
        logger.warning("%s: is there already, and is the same.", out)
        return
    with whole_folder(out) as fresh:
        write_files(fresh, contents.items())
        for name, source in track(files.items(), "link" if link else "copy", len(files), unit="file", show=progress):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            if link:
                (fresh / name).symlink_to(source.resolve())
            else:
                shutil.copyfile(source, fresh / name)


def _check_same(out: Path, contents: Mapping[str, bytes | str], files: Mapping[str, Path]) -> None:
    """Raises DataError if a folder is not what would be made: other metadata, a missing file, or one of other size."""
    for name, content in contents.items():
        wanted = content.encode() if isinstance(content, str) else content
        if not (out / name).is_file() or (out / name).read_bytes() != wanted:
            raise DataError(f"{out}: holds something else ({name} is missing or another). Remove it, or give --out.")
    for name, source in files.items():
        if not (out / name).is_file() or (out / name).stat().st_size != source.stat().st_size:
            raise DataError(f"{out / name}: is missing or another than {source}. Remove {out}, or give another --out.")
