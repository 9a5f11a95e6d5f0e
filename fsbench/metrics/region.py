"""Region similarity J: the Jaccard index of two masks (DAVIS-2017, Pont-Tuset et al., arXiv:1704.00675, section 5)."""

import numpy as np
import numpy.typing as npt

from fsbench.metrics.counts import as_clips
from fsbench.metrics.counts import PairCounts

__all__ = ["jaccard", "region_similarity"]


def jaccard(counts: PairCounts) -> float:
    """Returns J of one frame, in [0, 1]; 1 if both masks are empty."""
    return _ratio(counts.intersection, counts.union)


def region_similarity(pred: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Returns the Jaccard index of each frame.

    Args:
        pred: bool [T, H, W], the predicted masks; or [H, W] for a single frame.
        truth: bool, as `pred`.

    Returns:
        float64 [T] in [0, 1] ([1] for a single frame), bit-equal to davis2017-evaluation; a frame empty in both
        scores 1, in one of them 0.

    Raises:
        ValueError: The masks are no bool arrays of one such shape.
    """
    frames = zip(*as_clips(pred, truth), strict=True)
    scores = [_ratio(int(np.count_nonzero(p & t)), int(np.count_nonzero(p | t))) for p, t in frames]
    return np.array(scores, dtype=np.float64)


def _ratio(intersection: int, union: int) -> float:
    return intersection / union if union else 1.0
