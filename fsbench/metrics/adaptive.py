"""J and F of MOSEv2: a contour tolerance that follows the object's size, and scores where it leaves and returns.

The definitions are those of MOSE-api (MOSEv2/sam2_rcms/tools, September 2025).
"""

import math

import numpy as np
import numpy.typing as npt

from fsbench.metrics.boundary import f_measure
from fsbench.metrics.counts import boundary_map
from fsbench.metrics.counts import pair_counts
from fsbench.metrics.counts import PairCounts

__all__ = ["adaptive_contour", "capped_contour", "disappearance", "reappearance", "smoothed_jaccard"]

REACH = 0.1  # of the square root of the object's area

Masks = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def smoothed_jaccard(intersection: Counts, union: Counts) -> Values:
    """Returns J of each frame with one pixel added to both counts; 1 if both masks are empty.

    Args:
        intersection: int64 [T].
        union: int64 [T].

    Returns:
        float64 [T].
    """
    return np.asarray((intersection + 1) / (union + 1))


def adaptive_contour(pred: Masks, truth: Masks, tolerance: float) -> Values:
    """Returns F with a tolerance that follows the object.

    The tolerance is ceil(0.1 * sqrt(area of the truth)), at most `tolerance * diagonal`. That bound is not rounded to
    whole pixels, and the disk of such a radius lies off its centre, as skimage.morphology.disk and cv2.dilate have it.

    Args:
        pred: bool [T, H, W].
        truth: bool [T, H, W].
        tolerance: The bound: below 1, a share of the diagonal, 0.008 in the tool; from 1 on, pixels.

    Returns:
        float64 [T]; 1 if both boundaries are empty, 0 if one is.
    """
    return _each_frame(pred, truth, tolerance, follows=True)


def capped_contour(pred: Masks, truth: Masks, tolerance: float) -> Values:
    """Returns F as the tool prints it beside `adaptive_contour`, given the same.

    Where the object is so large that the bound of the adaptive tolerance holds, the tolerance is that bound, not
    rounded; elsewhere it is rounded up, as in DAVIS.
    """
    return _each_frame(pred, truth, tolerance, follows=False)


def disappearance(values: Values, truth_area: Counts) -> Values:
    """Returns the mean of values over each span of frames in which the object is gone, and the mean of these.

    Args:
        values: float64 [T].
        truth_area: int64 [T].

    Returns:
        float64 [1]; a span at the start does not count; NaN if there is no other.
    """
    gone = truth_area == 0
    return _mean_of_spans(values, [span for span in _spans(gone) if span.start > 0])


def reappearance(values: Values, truth_area: Counts) -> Values:
    """Returns the mean of values over each span of frames from the object's return on, and the mean of these.

    Args:
        values: float64 [T].
        truth_area: int64 [T].

    Returns:
        float64 [1]; a span begins after one in which the object is gone, and lasts until the next. NaN if there is
        none.
    """
    there = truth_area > 0
    return _mean_of_spans(values, [span for span in _spans(there) if span.start > 0])


def _spans(holds: Masks) -> list[slice]:
    """Returns where a condition holds, as maximal spans."""
    edges = np.flatnonzero(np.diff(np.r_[False, holds, False].astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _mean_of_spans(values: Values, spans: list[slice]) -> Values:
    return np.array([np.mean([np.mean(values[span]) for span in spans]) if spans else np.nan])


def _each_frame(pred: Masks, truth: Masks, tolerance: float, *, follows: bool) -> Values:
    counts = [_counts(p, t, tolerance, follows) for p, t in zip(pred, truth, strict=True)]
    return f_measure(*np.array(counts, np.int64).reshape(-1, len(PairCounts._fields)).T[2:])


def _counts(pred: Masks, truth: Masks, tolerance: float, follows: bool) -> PairCounts:
    bound = tolerance * math.hypot(*truth.shape) if tolerance < 1 else tolerance
    area = np.count_nonzero(truth)
    reach = math.ceil(REACH * math.sqrt(area)) if area else math.ceil(bound)
    if reach < bound:
        return pair_counts(pred, truth, reach if follows else math.ceil(bound))
    if bound == int(bound):
        return pair_counts(pred, truth, int(bound))
    edges = boundary_map(pred), boundary_map(truth)
    matched = [_num_near(edge, other, bound) for edge, other in zip(edges, reversed(edges), strict=True)]
    return PairCounts(0, 0, *(int(np.count_nonzero(edge)) for edge in edges), *matched)


def _num_near(edge: Masks, other: Masks, radius: float) -> int:
    """Returns how many pixels of a boundary have one of another in the disk of a radius that is no whole number."""
    steps = np.arange(-radius, radius + 1)
    margin = len(steps)
    middle = margin // 2  # as cv2.dilate takes it
    before = np.pad(other, margin).cumsum(axis=1, dtype=np.int32)  # of each row, up to and with a column
    ys, xs = np.nonzero(edge)
    is_near = np.zeros(len(ys), np.bool_)
    for row, step in enumerate(steps):
        columns = np.flatnonzero(steps**2 + step**2 <= radius**2)
        if columns.size:
            rows, first = ys + (margin + row - middle), xs + (margin - middle)
            is_near |= before[rows, first + columns[-1]] > before[rows, first + columns[0] - 1]
    return int(np.count_nonzero(is_near))
