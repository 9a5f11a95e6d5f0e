"""Whether an object is seen when it is there: temporal and volumetric IoU, and accuracies of target-free sentences."""

import numpy as np
import numpy.typing as npt

__all__ = ["no_target_accuracy", "robustness", "target_accuracy", "temporal_iou", "volumetric_iou", "with_target"]

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def temporal_iou(pred_area: Counts, truth_area: Counts) -> Values:
    """Returns in how many frames both masks have a pixel, as a share of those in which one has (Long-RVOS, tIoU).

    Args:
        pred_area: int64 [T], pixels of the predicted mask.
        truth_area: int64 [T], pixels of the true one.

    Returns:
        float64 [1]; 1 if neither ever has one.
    """
    return volumetric_iou(np.ones(len(pred_area)), pred_area, truth_area)


def volumetric_iou(J: Values, pred_area: Counts, truth_area: Counts) -> Values:
    """Returns the sum of J over the frames in which both masks have a pixel, over the number of those in which one has.

    Args:
        J: float64 [T], the region similarity.
        pred_area: int64 [T].
        truth_area: int64 [T].

    Returns:
        float64 [1]; 1 if neither ever has one. Long-RVOS calls it vIoU.
    """
    pred, truth = pred_area > 0, truth_area > 0
    either = np.count_nonzero(pred | truth)
    return np.array([J[pred & truth].sum() / either if either else 1.0])


def with_target(values: Values, truth_area: Counts) -> Values:
    """Returns values as they are where the truth has a pixel in any frame, otherwise all NaN.

    Args:
        values: float64 [T].
        truth_area: int64 [T].
    """
    return values if truth_area.any() else np.full(len(values), np.nan)


def target_accuracy(pred_area: Counts, truth_area: Counts) -> Values:
    """Returns whether an object that is there was answered with a mask at all (MOVE and MeViSv2, T-acc).

    Args:
        pred_area: int64 [T].
        truth_area: int64 [T].

    Returns:
        float64 [1]: 1 if the prediction has a pixel in any frame, otherwise 0; NaN if the truth has none.
    """
    return with_target(np.array([float(pred_area.any())]), truth_area)


def no_target_accuracy(pred_area: Counts, truth_area: Counts) -> Values:
    """Returns whether a sentence that names nothing was answered with nothing (MOVE and MeViSv2, N-acc).

    Args:
        pred_area: int64 [T].
        truth_area: int64 [T].

    Returns:
        float64 [1]: 1 if the prediction has no pixel in any frame, otherwise 0; NaN if the truth has one.
    """
    return np.array([np.nan if truth_area.any() else float(not pred_area.any())])


def robustness(pred_area: Counts, intersection: Counts, foreground: Counts) -> Values:
    """Returns how little of what was predicted is wrong, measured by all that a frame shows (ReVOS, R).

    Args:
        pred_area: int64 [T].
        intersection: int64 [T].
        foreground: int64 [T], pixels of all annotated objects of the frame.

    Returns:
        float64 [T], max(0, 1 - wrong / foreground); of a frame without any object 1 if nothing is wrong, else 0.
    """
    wrong = pred_area - intersection
    share = np.divide(wrong, foreground, out=(wrong > 0).astype(np.float64), where=foreground > 0)
    return np.asarray(np.maximum(1 - share, 0.0))
