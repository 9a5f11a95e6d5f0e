"""Contour accuracy F: the F-measure of two boundaries (DAVIS, Perazzi et al., CVPR 2016, section 4)."""

import numpy as np
import numpy.typing as npt

from fsbench.metrics.counts import clip_counts
from fsbench.metrics.counts import PairCounts
from fsbench.metrics.region import jaccard

__all__ = ["contour_accuracy", "f_measure", "region_and_contour"]

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def f_measure(pred_boundary: Counts, truth_boundary: Counts, pred_matched: Counts, truth_matched: Counts) -> Values:
    """Returns F of each frame, in [0, 1]; 1 if both boundaries are empty, 0 if one is.

    A boundary is empty not only where the mask is, but also where it fills the frame: a full-frame truth and an empty
    prediction have J = 0 and F = 1, in DAVIS and so here.

    Args:
        pred_boundary: int64 [T]; all four as in `fsbench.metrics.PairCounts`.
        truth_boundary: int64 [T].
        pred_matched: int64 [T].
        truth_matched: int64 [T].

    Returns:
        float64 [T].
    """
    precision = pred_matched / np.maximum(pred_boundary, 1)
    recall = truth_matched / np.maximum(truth_boundary, 1)
    both = precision + recall
    # In this order of operations, because the last bit depends on it.
    score = np.divide(2 * precision * recall, both, out=np.zeros(both.shape), where=both > 0)
    return np.where((pred_boundary == 0) & (truth_boundary == 0), 1.0, score)


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
    return region_and_contour(pred, truth, tolerance)[1]


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
    counts = np.array(clip_counts(pred, truth, tolerance), np.int64).reshape(-1, len(PairCounts._fields)).T
    return jaccard(*counts[:2]), f_measure(*counts[2:])
