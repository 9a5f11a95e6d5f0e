"""Numbers of entries as pages show them."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.intervals import Ends
from fsbench.leaderboard.tables import Table
from fsbench.metrics import or_none
from fsbench.scores.metrics import Column
from fsbench.scores.results import Score

__all__ = [
    "MANY_CLASSES",
    "Number",
    "hosts",
    "metric_choices",
    "number",
    "others",
    "rounded",
    "scale_top",
    "seconds",
]

MANY_CLASSES = 40
"""Of more than these no chart has bars that can be told apart: it shows classes in order of their scores."""


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


def hosts(links: Iterable[str]) -> list[tuple[str, str]]:
    """Returns for each web address what a row calls it, which is its host, and the address."""
    return [(urlsplit(link).netloc.removeprefix("www."), link) for link in links]


def number(value: float | None, ends: Ends | None = None) -> Number:
    """Returns a value for a sortable cell."""
    return Number(value, ends, "" if value is None else repr(value))


def rounded(values: Iterable[float], column: Column | None = None) -> list[float | None]:
    """Returns scores with four digits, which is more than a screen shows; None for NaN.

    Args:
        values: The scores.
        column: What they are of; None for shares. Pages show a hundred times what they are given.
    """
    part = 1.0 if column is None else column.scale / 100
    return [None if value != value else round(float(value) * part, 4) for value in values]


def others(score: Score, table: Table) -> list[float | None]:
    """Returns the values of a score but the headline, as parts of what a page shows for a share of 1."""
    return [or_none(score[name] * table.about[name].scale / 100) for name in table.names[:-1]]


def metric_choices(table: Table) -> list[Column]:
    """Returns what a page lets one choose from, the headline first."""
    return [table.about[name] for name in (table.names[-1], *table.names[:-1])]


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
