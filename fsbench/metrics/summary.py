"""Mean, recall and decay of one object's scores over time (davis2017-evaluation, `utils.py`, `db_statistics`).

A nan marks a frame without a score. As in DAVIS, the mean and the decay leave it out, while recall counts it as a miss.
"""

import math

import numpy as np
import numpy.typing as npt

__all__ = ["decay", "mean", "means_of_runs", "or_none", "recall"]

Values = npt.NDArray[np.float64]


def mean(values: Values) -> float:
    """Returns the mean of the scores.

    Args:
        values: float64 [T] in frame order; nan is left out.

    Returns:
        The mean by numpy's own summation, on which the last bit depends; nan if there is no score.

    Raises:
        ValueError: The values have more than one axis.
    """
    _check(values)
    total = float(np.add.reduce(values))
    if not math.isnan(total) and values.size:
        return total / values.size  # what np.mean computes, without its preparations
    unknown = np.isnan(values)
    return float("nan") if unknown.all() else float(np.nanmean(values) if unknown.any() else np.mean(values))


def means_of_runs(values: Values, starts: npt.NDArray[np.intp]) -> Values:
    """Returns `mean` of each of several runs of scores, to the same bit.

    Args:
        values: float64 [T].
        starts: Where each run begins, [R]: 0 first, rising; the last goes to the end.

    Returns:
        float64 [R].
    """
    _check(values)
    unknown = np.isnan(values)
    known = np.where(unknown, 0.0, values)
    lengths = np.diff(starts, append=len(values))
    means = np.full(len(starts), np.nan)
    for length in set(lengths.tolist()):
        chosen = lengths == length
        places = starts[chosen, None] + np.arange(length)
        counts = length - unknown[places].sum(axis=1)
        sums = known[places].sum(axis=1)  # along what is contiguous: in the same order as of a run alone
        means[chosen] = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return means


def or_none(value: float) -> float | None:
    """Returns a value as JSON has it: None, there null, for nan, which does not apply."""
    return None if math.isnan(value) else value


def recall(values: Values, threshold: float = 0.5) -> float:
    """Returns the share of frames with a score above the threshold.

    Args:
        values: float64 [T]; nan is not above it.
        threshold: What a score must exceed.

    Returns:
        The share in [0, 1]; nan if there are no frames.

    Raises:
        ValueError: The values have more than one axis.
    """
    _check(values)
    return float(np.mean(values > threshold)) if values.size else float("nan")


def decay(values: Values, bins: int = 4, uint8_bins: bool = False) -> float:
    """Returns how much the score falls from the first to the last part of the clip.

    Neighbouring bins share a frame, as in DAVIS.

    Args:
        values: float64 [T] in frame order; nan is left out.
        bins: Number of parts.
        uint8_bins: Keep the frame ids at the edges of the bins in eight bits, as davis2017-evaluation with NumPy 2
            does: from 256 frames on, a bin may begin at a wrong frame or be empty. For comparison with its numbers.

    Returns:
        Mean of the first bin minus mean of the last, negative if the score rises; nan if one of them has no score.

    Raises:
        ValueError: The values have more than one axis, or there are no bins.
    """
    _check(values)
    if bins < 1:
        raise ValueError(f"bins must be >= 1, got {bins}.")
    # Rounds halves up, which np.round alone would round to even.
    edges = (np.round(np.linspace(1, values.size, bins + 1) + 1e-10) - 1).astype(np.int64)
    starts, stops = edges[:-1], edges[1:] + 1
    if uint8_bins:
        # By hand: what a cast from float to uint8 makes of 256 differs between processors. The ids wrap before the
        # stop is formed from them, and the stop wraps again: 255 + 1 is 0.
        starts, stops = starts % 256, stops % 256
    return mean(values[starts[0] : stops[0]]) - mean(values[starts[-1] : stops[-1]])


def _check(values: Values) -> None:
    if values.ndim != 1:
        raise ValueError(f"values must be [T], got {list(values.shape)}.")
