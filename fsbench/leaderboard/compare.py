"""Two methods on the same episodes, held against each other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fsbench.errors import RunError
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.shelf import read_entry
from fsbench.protocol import reported_names
from fsbench.running.runs import find_runs
from fsbench.running.runs import Run
from fsbench.scores.metrics import unbounded
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.scores.statistics import Comparison
from fsbench.scores.statistics import Difference
from fsbench.scores.statistics import paired
from fsbench.scores.statistics import paired_mean
from fsbench.streams import named_stream
from fsbench.text import columns

__all__ = ["Compared", "as_entry", "compare", "compare_means"]


@dataclass(frozen=True)
class Compared:
    """Two methods on the same episodes, held against each other.

    Attributes:
        one, other: The methods.
        found: By how much the first is better than the second.
    """

    one: Entry
    other: Entry
    found: Comparison

    def to_frame(self) -> pd.DataFrame:
        """Returns the headline (J&F) in per cent: a row over all, for each fold and for each class.

        Returns:
            Columns of, one, other, difference, low, high (of the 95 % interval), p.
        """
        rows = []
        for name, first, second, each in self._rows():
            low, high = (
                (None, None) if each.interval is None else (each.interval.low.headline, each.interval.high.headline)
            )
            values = {
                "one": first.headline,
                "other": second.headline,
                "difference": each.mean.headline,
                "low": low,
                "high": high,
            }
            shares = {key: None if value is None else 100 * value for key, value in values.items()}
            rows.append({"of": name, **shares, "p": each.p.headline})
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """Returns all values at full precision: {"episodes", "protocol", "methods", "rows": [...]}."""
        rows: list[dict[str, Any]] = [  # Any: JSON
            {
                "of": name,
                "scores": [first.model_dump(), second.model_dump()],
                "difference": each.mean.model_dump(),
                "interval": None if each.interval is None else each.interval.model_dump(),
                "p": each.p.model_dump(),
            }
            for name, first, second, each in self._rows()
        ]
        about = {"episodes": self._episodes, "protocol": self.one.protocol}
        return json.dumps({**about, "methods": [self.one.title, self.other.title], "rows": rows}, indent=1)

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [
            (
                reported_names(self.one.protocol)[-1],
                self.one.title,
                self.other.title,
                "difference",
                "95 % interval",
                "p",
            )
        ]
        lines += [(name, *_cells(first, second, each)) for name, first, second, each in self._rows()]
        head = (
            f"{self.one.dataset} {self.one.manifest_version}, {self._episodes} episodes, protocol {self.one.protocol}"
        )
        foot = (
            "Per cent. p is two-sided, of flipped signs of the classes' differences; where there are fewer than six\n"
            "classes, of their videos', and speaks of these classes alone, while the interval is for all there might "
            "be."
        )
        return "\n".join([head, "", columns(lines), "", foot])

    def _repr_html_(self) -> str:
        both = f"{escape(self.one.title)}, {escape(self.other.title)}"
        return f"<p>{escape(reported_names(self.one.protocol)[-1])}: {both}</p>{self.to_frame().to_html(index=False)}"

    @property
    def _episodes(self) -> int:
        return len(self.one.known_details.episodes)

    def _rows(self) -> list[tuple[str, Score, Score, Difference]]:
        """Returns what is compared: its name, both scores, the difference."""
        both = (self.one, self.other)
        folds = [{fold.fold: fold.score.mean for fold in entry.folds} for entry in both]
        classes = [{each.name: each.score.mean for fold in entry.folds for each in fold.classes} for entry in both]
        first, second = (mean_score(list(scores.values())) for scores in folds)
        return [
            ("all", first, second, self.found.mean),
            *((f"fold {fold}", folds[0][fold], folds[1][fold], each) for fold, each in self.found.folds.items()),
            *((name, classes[0][name], classes[1][name], each) for name, each in self.found.classes.items()),
        ]


def as_entry(side: Run | Entry | str | Path) -> Entry:
    """Returns one side of a comparison as an entry.

    Args:
        side: A run, an entry, the JSON of an entry, or the folder of a method's finished runs.

    Raises:
        RunError: There is none, or the runs are of several methods.
    """
    if isinstance(side, Entry):
        return side
    if not isinstance(side, Run) and Path(side).is_file():
        return read_entry(Path(side).parent.parent, Path(side))
    folders = list(side.results) if isinstance(side, Run) else find_runs(Path(side))
    found = entries_from_runs(folders)
    if len(found) != 1:
        several = f"runs of {', '.join(entry.title for entry in found)}" if found else "no finished run of whole folds"
        raise RunError(f"{side}: holds {several}. Name the folder of one method's runs, or an entry's .json.")
    return found[0]


def compare(one: Entry, other: Entry) -> Compared:
    """Tests whether two methods differ; see `fsbench.scores.statistics.paired`.

    Raises:
        RunError: They were not evaluated on the same episodes by the same protocol, or the scores of their episodes are
            not there.
    """
    return Compared(one, other, paired(*_tables(one, other), _draws(one), **_names(one.protocol)))


def compare_means(one: Entry, other: Entry) -> Difference:
    """Returns the mean of what `compare` finds, in a part of its time. Raises RunError likewise."""
    return paired_mean(*_tables(one, other), _draws(one), **_names(one.protocol))


def _names(protocol: str) -> Mapping[str, Any]:  # Any: what `paired` takes
    return {"names": reported_names(protocol), "unbounded": unbounded(protocol)}


def _tables(one: Entry, other: Entry) -> tuple[pd.DataFrame, pd.DataFrame]:
    for name in ("dataset", "manifest_digest", "protocol"):
        if getattr(one, name) != getattr(other, name):
            raise RunError(
                f"{one.title} and {other.title} cannot be compared: their {name} differs ({getattr(one, name)}, "
                f"{getattr(other, name)}). Evaluate both in the same way."
            )
    if not has_chain(one.protocol):
        raise RunError(f"Protocol {one.protocol}: intervals and tests are for the averages of protocol 'standard'.")
    return one.known_details.table, other.known_details.table


def _draws(entry: Entry) -> np.random.Generator:
    return named_stream(0, "compare", entry.manifest_digest)


def _cells(first: Score, second: Score, found: Difference) -> tuple[str, ...]:
    interval = "-" if found.interval is None else f"{_signed(found.interval.low)} to {_signed(found.interval.high)}"
    return (
        f"{100 * first.headline:.1f}",
        f"{100 * second.headline:.1f}",
        _signed(found.mean),
        interval,
        f"{found.p.headline:.4f}",
    )


def _signed(score: Score) -> str:
    return f"{100 * score.headline:+.1f}"
