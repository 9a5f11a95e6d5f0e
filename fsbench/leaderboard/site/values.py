"""Numbers of entries as pages show them."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.intervals import Ends

__all__ = [
    "Number",
    "number",
    "rounded",
    "scale_top",
    "seconds",
]


class Number(NamedTuple):
    """A value as a cell shows it.

    Attributes:
        value: The value; None if it is missing.
        interval: Of the value; None if it is not known.
        key: The text that it is sorted by; empty if it is missing.
    """

    value: float | None
    interval: Ends | None
    key: str


def number(value: float | None, ends: Ends | None = None) -> Number:
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
