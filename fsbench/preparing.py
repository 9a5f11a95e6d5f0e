"""From releases of others to datasets with a manifest, in one call each."""

from pathlib import Path

from fsbench.api import build_splits
from fsbench.datasets.refdavis import prepare_davis
from fsbench.splits.benchmark import Benchmark

__all__ = ["prepare_ref_davis17"]


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
