"""Numbers of entries as pages show them."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from fsbench.leaderboard.entries import Entry
from fsbench.scores import results

__all__ = [
    "Interval",
    "Number",
    "class_interval",
    "fold_interval",
    "mean_interval",
    "number",
    "rounded",
    "scale_top",
    "seconds",
]

Interval = tuple[float, float]


class Number(NamedTuple):
    """A value with its interval and the text that it is sorted by, empty if it is missing."""

    value: float | None
    interval: Interval | None
    key: str


def mean_interval(entry: Entry) -> Interval | None:
    """Returns the 95 % interval of an entry's mean J&F; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.mean)


def fold_interval(entry: Entry, fold: int) -> Interval | None:
    """Returns the interval of a fold's J&F; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.folds.get(fold))


def class_interval(entry: Entry, name: str) -> Interval | None:
    """Returns the interval of a class's J&F; None if it is not known."""
    return None if entry.intervals is None else _ends(entry.intervals.classes.get(name))


def _ends(found: results.Interval | None) -> Interval | None:
    return None if found is None else (found.low.JF, found.high.JF)


def number(value: float | None, ends: Interval | None = None) -> Number:
    """Returns a value for a sortable cell."""
    return Number(value, ends, "" if value is None else repr(value))


def rounded(values: Iterable[float]) -> list[float | None]:
    """Returns scores with four digits, which is more than a screen shows; None for NaN."""
    return [None if value != value else round(float(value), 4) for value in values]


def scale_top(values: Sequence[float | None]) -> float:
    """Returns the end of a scale from 0 for values in [0, 1]: the next multiple of a tenth."""
    highest = max((value for value in values if value is not None), default=0.0)
    return min(1.0, max(0.1, (int(highest * 10 - 1e-9) + 1) / 10))


def seconds(entry: Entry) -> str:
    """Returns the time in the method by frame, sentence and draw."""
    if entry.seconds_per_frame is None:
        return "\N{EN DASH}"
    if entry.seconds_per_frame < 0.001:
        return "< 0.001"
    return f"{entry.seconds_per_frame:.3f}" if entry.seconds_per_frame < 1 else f"{entry.seconds_per_frame:.2f}"
