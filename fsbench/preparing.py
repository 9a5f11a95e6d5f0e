"""From releases of others to datasets with a manifest, in one call each."""

from pathlib import Path

from fsbench.api import build_splits
from fsbench.datasets.minivspw import prepare_mini_vspw
from fsbench.datasets.refdavis import prepare_davis
from fsbench.splits.benchmark import Benchmark

__all__ = ["prepare_few_shot_mini_vspw", "prepare_ref_davis17"]


def prepare_ref_davis17(
    davis: Path, text: Path, out: Path, splits: Path, *, link: bool = False, progress: bool = False
) -> Benchmark:
    """Makes the dataset `ref-davis17` and its manifest; what is there already, and is the same, stays.

    Args:
        davis, text, out, link: See `prepare_davis`.
        splits: Folder of all splits.
        progress: Show progress bars.

    Raises:
        DataError: A part of the release is missing or damaged, or `out` holds something else.
        ManifestError: No episode can be formed, or another manifest of this version is there.
    """
    prepare_davis(davis, text, out, link=link, progress=progress)
    return build_splits("ref-davis17", out, out=splits, progress=progress)


def prepare_few_shot_mini_vspw(
    vspw: Path, lists: Path, out: Path, splits: Path, *, link: bool = False, progress: bool = False
) -> Benchmark:
    """Makes the dataset `few-shot-mini-vspw` and its manifest; what is there already, and is the same, stays.

    Args:
        vspw, lists, out, link: See `prepare_mini_vspw`.
        splits: Folder of all splits.
        progress: Show progress bars.

    Raises:
        DataError: A file is missing, damaged or of another form, or `out` holds something else.
        ManifestError: No episode can be formed, or another manifest of this version is there.
    """
    prepare_mini_vspw(vspw, lists, out, link=link, progress=progress)
    return build_splits("few-shot-mini-vspw", out, out=splits, progress=progress)
