"""Contour accuracy F: the F-measure of two boundaries (DAVIS, Perazzi et al., CVPR 2016, section 4)."""

import numpy as np
import numpy.typing as npt

from fsbench.metrics.counts import clip_counts
from fsbench.metrics.counts import PairCounts
from fsbench.metrics.region import jaccard

__all__ = ["contour_accuracy", "f_measure", "region_and_contour"]


def f_measure(counts: PairCounts) -> float:
    """Returns F of one frame, in [0, 1]; 1 if both boundaries are empty, 0 if one is.

    A boundary is empty not only where the mask is, but also where it fills the frame: a full-frame truth and an empty
    prediction have J = 0 and F = 1, in DAVIS and so here.
    """
    if counts.pred_boundary == 0 or counts.truth_boundary == 0:
        return float(counts.pred_boundary == counts.truth_boundary)
    precision = counts.pred_matched / counts.pred_boundary
    recall = counts.truth_matched / counts.truth_boundary
    if precision + recall == 0:
        return 0.0
    # In this order of operations, because the last bit depends on it.
    return 2 * precision * recall / (precision + recall)


def contour_accuracy(
    pred: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], tolerance: float = 0.008
) -> npt.NDArray[np.float64]:
    """Returns the F-measure of the boundaries in each frame.

    Args:
        pred: bool [T, H, W], the predicted masks; or [H, W] for a single frame.
        truth: bool, as `pred`.
        tolerance: How far apart two boundary pixels may be and still match: below 1, a share of the frame's diagonal;
            from 1 on, whole pixels.

    Returns:
        float64 [T] in [0, 1] ([1] for a single frame), bit-equal to davis2017-evaluation; a frame whose boundaries
        are both empty scores 1, one of them 0.

    Raises:
        ValueError: The masks are no bool arrays of one such shape, or the tolerance is none.
    """
    return np.array([f_measure(counts) for counts in clip_counts(pred, truth, tolerance)], dtype=np.float64)


def region_and_contour(
    pred: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], tolerance: float = 0.008
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns J and F of each frame from one pass over the masks.

    Args:
        pred: As in `contour_accuracy`.
        truth: As in `contour_accuracy`.
        tolerance: As in `contour_accuracy`.

    Returns:
        What `region_similarity` and `contour_accuracy` return, in this order.

    Raises:
        ValueError: As in `contour_accuracy`.
    """
    counts = clip_counts(pred, truth, tolerance)
    region = np.array([jaccard(frame) for frame in counts], dtype=np.float64)
    contour = np.array([f_measure(frame) for frame in counts], dtype=np.float64)
    return region, contour
