"""The intervals of an entry's headline, as tables and pages show them."""

from fsbench.leaderboard.entries import Entry
from fsbench.scores.results import Interval

__all__ = ["Ends", "class_interval", "fold_interval", "mean_interval"]

Ends = tuple[float, float]
"""The lower and the upper end of a 95 % confidence interval, each in [0, 1]."""


def mean_interval(entry: Entry) -> Ends | None:
    """Returns the 95 % interval of an entry's mean headline; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.mean)


def fold_interval(entry: Entry, fold: int) -> Ends | None:
    """Returns the interval of a fold's headline; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.folds.get(fold))


def class_interval(entry: Entry, name: str) -> Ends | None:
    """Returns the interval of a class's headline; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.classes.get(name))


def _ends(found: Interval | None) -> Ends | None:
    return None if found is None else (found.low.headline, found.high.headline)
