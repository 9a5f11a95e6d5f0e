"""Region similarity J: the Jaccard index of two masks (DAVIS-2017, Pont-Tuset et al., arXiv:1704.00675, section 5)."""

import numpy as np
import numpy.typing as npt

from fsbench.metrics.counts import as_clips
from fsbench.metrics.summary import mean

__all__ = [
    "foreground_background_iou",
    "jaccard",
    "mean_iou",
    "overall_iou",
    "pixel_accuracy",
    "precision_above",
    "region_similarity",
]

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def jaccard(intersection: Counts, union: Counts) -> Values:
    """Returns J of each frame, in [0, 1]; 1 if both masks are empty.

    Args:
        intersection: int64 [T], pixels in both masks.
        union: int64 [T], pixels in at least one.

    Returns:
        float64 [T].
    """
    return np.divide(intersection, union, out=np.ones(union.shape), where=union > 0)


def overall_iou(intersection: Counts, union: Counts) -> Values:
    """Returns what all frames have in common, as a share of what they have together; 1 if that is nothing.

    Args:
        intersection: int64 [T].
        union: int64 [T].

    Returns:
        float64 [1].
    """
    return jaccard(intersection.sum(keepdims=True), union.sum(keepdims=True))


def foreground_background_iou(intersection: Counts, union: Counts, pixels: Counts) -> Values:
    """Returns the mean of `overall_iou` of the objects and that of the background (few-shot segmentation, FB-IoU).

    Args:
        intersection: int64 [T].
        union: int64 [T].
        pixels: int64 [T], height times width.

    Returns:
        float64 [1].
    """
    return (overall_iou(intersection, union) + overall_iou(pixels - union, pixels - intersection)) / 2


def precision_above(threshold: float, intersection: Counts, union: Counts) -> Values:
    """Returns the share of frames whose IoU is above a threshold, as ReferFormer's A2D evaluation counts it.

    It computes in single precision, with 1e-6 added to both counts: an IoU of exactly 0.6 or 0.8 is above these.

    Args:
        threshold: The IoU.
        intersection: int64 [T].
        union: int64 [T].

    Returns:
        float64 [1]; NaN without a frame.
    """
    margin = np.float32(1e-6)
    iou = (intersection.astype(np.float32) + margin) / (union.astype(np.float32) + margin)
    return np.array([mean((iou.astype(np.float64) > threshold).astype(np.float64))])


def mean_iou(intersection: Counts, union: Counts) -> Values:
    """Returns the mean of `jaccard` over all frames, float64 [1], given the same; NaN without a frame."""
    return np.array([mean(jaccard(intersection, union))])


def pixel_accuracy(intersection: Counts, union: Counts, pixels: Counts) -> Values:
    """Returns the share of a frame's pixels on which both masks agree (ReVOS, A).

    Args:
        intersection: int64 [T].
        union: int64 [T].
        pixels: int64 [T], height times width.

    Returns:
        float64 [T].
    """
    return np.asarray(1 - (union - intersection) / pixels)


def region_similarity(pred: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Values:
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
    frames = list(zip(*as_clips(pred, truth), strict=True))
    return jaccard(
        np.array([np.count_nonzero(p & t) for p, t in frames], np.int64),
        np.array([np.count_nonzero(p | t) for p, t in frames], np.int64),
    )
