"""The intervals of headlines, as tables and pages show them."""

from fsbench.scores.results import Interval
from fsbench.scores.results import Intervals

__all__ = ["Ends", "class_interval", "fold_interval", "mean_interval"]

Ends = tuple[float, float]
"""The lower and the upper end of a 95 % confidence interval, each in [0, 1]."""


def mean_interval(found: Intervals | None) -> Ends | None:
    """Returns the 95 % interval of the mean headline; None if it is not known."""
    return None if found is None else _ends(found.mean)


def fold_interval(found: Intervals | None, fold: int) -> Ends | None:
    """Returns the interval of a fold's headline; None if it is not known."""
    return None if found is None else _ends(found.folds.get(fold))


def class_interval(found: Intervals | None, name: str) -> Ends | None:
    """Returns the interval of a class's headline; None if it is not known."""
    return None if found is None else _ends(found.classes.get(name))


def _ends(found: Interval | None) -> Ends | None:
    return None if found is None else (found.low.headline, found.high.headline)
