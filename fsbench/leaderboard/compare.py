"""Two methods on the same episodes, held against each other."""

import json
import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import pandas as pd

from fsbench.errors import RunError
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.slices import Slicer
from fsbench.protocol import reported_names
from fsbench.running.runs import find_runs
from fsbench.running.runs import Run
from fsbench.scores.metrics import unbounded
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.scores.statistics import Difference
from fsbench.scores.statistics import Episodes
from fsbench.scores.statistics import paired
from fsbench.scores.statistics import paired_mean
from fsbench.splits.binning import find_attribute
from fsbench.streams import named_stream
from fsbench.text import columns

__all__ = ["Compared", "as_entry", "compare", "compare_means"]


class _Row(NamedTuple):
    """A line of a comparison.

    Attributes:
        name: What it is of.
        episodes: How many.
        one, other: The scores of both methods.
        found: By how much the first is better.
    """

    name: str
    episodes: int
    one: Score
    other: Score
    found: Difference


@dataclass(frozen=True)
class Compared:
    """Two methods on the same episodes, held against each other.

    Attributes:
        one, other: The methods.
        rows: The lines: over all; for each fold and each class, or for each slice of an attribute.
        by: Name of the attribute; empty for folds and classes.
        find: Says what the sentences are like when it is asked for; see `find_slicer`.
    """

    one: Entry
    other: Entry
    rows: tuple[_Row, ...]
    by: str
    find: Callable[[], Slicer] = field(repr=False, compare=False)

    def to_frame(self, by: str | None = None) -> pd.DataFrame:
        """Returns the headline (J&F) in per cent: a row over all, for each fold and for each class, or by an attribute.

        Args:
            by: An attribute (`fsbench list attributes`), a row for each of its slices; None for what was compared.

        Returns:
            Columns of, episodes, one, other, difference, low, high (of the 95 % interval), p.

        Raises:
            FsbenchError: As `compare`.
        """
        if by is not None:
            return self.sliced(by).to_frame()
        rows = []
        for row in self.rows:
            low, high = _ends(row.found)
            values = {
                "one": row.one.headline,
                "other": row.other.headline,
                "difference": row.found.mean.headline,
                "low": low,
                "high": high,
            }
            shares = {key: None if value is None else 100 * value for key, value in values.items()}
            rows.append({"of": row.name, "episodes": row.episodes, **shares, "p": row.found.p.headline})
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """Returns all values at full precision: {"episodes", "protocol", "methods", "by"?, "rows": [...]}."""
        rows: list[dict[str, Any]] = [  # Any: JSON
            {
                "of": row.name,
                "episodes": row.episodes,
                "scores": [row.one.model_dump(), row.other.model_dump()],
                "difference": row.found.mean.model_dump(),
                "interval": None if row.found.interval is None else row.found.interval.model_dump(),
                "p": row.found.p.model_dump(),
            }
            for row in self.rows
        ]
        about: dict[str, Any] = {"episodes": self.rows[0].episodes, "protocol": self.one.protocol}
        about |= {"methods": [self.one.title, self.other.title]} | ({"by": self.by} if self.by else {})
        return json.dumps({**about, "rows": rows}, indent=1)

    def __str__(self) -> str:
        headline = reported_names(self.one.protocol)[-1]
        lines: list[tuple[str, ...]] = [
            (headline, "episodes", self.one.title, self.other.title, "difference", "95 % interval", "p")
        ]
        lines += [(row.name, str(row.episodes), *_cells(row)) for row in self.rows]
        head = (
            f"{self.one.dataset} {self.one.manifest_version}, {self.rows[0].episodes} episodes, "
            f"protocol {self.one.protocol}{f', by {self.by}' if self.by else ''}"
        )
        foot = (
            "Per cent. p is two-sided, of flipped signs of the classes' differences; where there are fewer than six\n"
            "classes, of their videos', and speaks of these classes alone, while the interval is for all there might "
            "be."
        )
        if any(_ends(row.found)[0] is None for row in self.rows):
            foot += "\nThere is no interval where a fold has a single class, or a class a single video."
        if self.by:
            foot += "\nA slice is averaged over the draws, folds and classes that it has; each is a test by itself."
        return "\n".join([head, "", columns(lines), "", foot])

    def _repr_html_(self) -> str:
        both = f"{escape(self.one.title)}, {escape(self.other.title)}"
        return f"<p>{escape(reported_names(self.one.protocol)[-1])}: {both}</p>{self.to_frame().to_html(index=False)}"

    def sliced(self, by: str) -> "Compared":
        """Returns the same comparison over all and for each slice of an attribute. Raises as `compare`."""
        attribute = find_attribute(by)
        slicer = self.find()
        one, other = (slicer.slices(entry, attribute) for entry in (self.one, self.other))
        tables = _tables(self.one, self.other)
        labels = [slicer.labels(table, attribute) for table in tables]
        found = {
            name: _mean_difference(self.one, *(table[of == name] for table, of in zip(tables, labels, strict=True)))
            for name in one
        }
        rows = (_Row(name, one[name].episodes, one[name].score, other[name].score, found[name]) for name in one)
        return replace(self, rows=(self.rows[0], *rows), by=by)


def as_entry(side: Run | Entry | str | Path, splits: Path | None = None) -> Entry:
    """Returns one side of a comparison as an entry.

    Args:
        side: A run, an entry, the JSON of an entry, or the folder of a method's finished runs.
        splits: Where the manifest of runs may be; see `find_manifest`.

    Raises:
        RunError: There is none, or the runs are of several methods.
    """
    if isinstance(side, Entry):
        return side
    if not isinstance(side, Run) and Path(side).is_file():
        return read_entry(Path(side).parent.parent, Path(side))
    folders = list(side.results) if isinstance(side, Run) else find_runs(Path(side))
    found = entries_from_runs(folders, partial(manifest_folds, splits=splits), with_controls=True)
    if len(found) != 1:
        several = f"runs of {', '.join(entry.title for entry in found)}" if found else "no finished run of whole folds"
        raise RunError(f"{side}: holds {several}. Name the folder of one method's runs, or an entry's .json.")
    return found[0]


def compare(one: Entry, other: Entry, data_root: Path = Path("data"), splits: Path | None = None) -> Compared:
    """Tests whether two methods differ; see `fsbench.scores.statistics.paired`.

    Args:
        one, other: The methods.
        data_root, splits: Where it is known what the sentences are like, for slices; see `find_slicer`.

    Raises:
        RunError: They were not evaluated on the same episodes by the same protocol, or the scores of their episodes are
            not there.
    """
    tables = _tables(one, other)
    found = paired(*tables, _draws(one), **_names(one.protocol))
    folds = [{fold.fold: fold.score.mean for fold in entry.folds} for entry in (one, other)]
    classes = [{each.name: each.score.mean for fold in entry.folds for each in fold.classes} for entry in (one, other)]
    first, second = (mean_score(list(scores.values())) for scores in folds)
    by_fold, by_class = (tables[0][name].value_counts() for name in ("fold", "class"))
    rows = (
        _Row("all", len(tables[0]), first, second, found.mean),
        *(
            _Row(f"fold {fold}", int(by_fold[fold]), folds[0][fold], folds[1][fold], each)
            for fold, each in found.folds.items()
        ),
        *(
            _Row(name, int(by_class[name]), classes[0][name], classes[1][name], each)
            for name, each in found.classes.items()
        ),
    )
    return Compared(one, other, rows, "", partial(find_slicer, one.dataset, one.manifest_digest, data_root, splits))


def compare_means(one: Entry, other: Entry) -> Difference:
    """Returns the mean of what `compare` finds, in a part of its time. Raises RunError likewise."""
    _require_pair(one, other)
    return _mean_difference(one, one.known_details.prepared, other.known_details.prepared)


def _mean_difference(entry: Entry, one: pd.DataFrame | Episodes, other: pd.DataFrame | Episodes) -> Difference:
    """Returns the mean difference of two tables of episodes, by the protocol and the draws of an entry."""
    return paired_mean(one, other, _draws(entry), **_names(entry.protocol))


def _names(protocol: str) -> Mapping[str, Any]:  # Any: what `paired` takes
    return {"names": reported_names(protocol), "unbounded": unbounded(protocol)}


def _tables(one: Entry, other: Entry) -> tuple[pd.DataFrame, pd.DataFrame]:
    _require_pair(one, other)
    return one.known_details.table, other.known_details.table


def _require_pair(one: Entry, other: Entry) -> None:
    """Raises RunError unless both were evaluated in the same way, and in one that these statistics are for."""
    for name in ("dataset", "manifest_digest", "protocol"):
        if getattr(one, name) != getattr(other, name):
            raise RunError(
                f"{one.title} and {other.title} cannot be compared: their {name} differs ({getattr(one, name)}, "
                f"{getattr(other, name)}). Evaluate both in the same way."
            )
    if not has_chain(one.protocol):
        raise RunError(f"Protocol {one.protocol}: intervals and tests are for the averages of protocol 'standard'.")


def _draws(entry: Entry) -> np.random.Generator:
    return named_stream(0, "compare", entry.manifest_digest)


def _cells(row: _Row) -> tuple[str, ...]:
    low, high = _ends(row.found)
    p = row.found.p.headline
    return (
        *(_shown(score.headline, "{:.1f}") for score in (row.one, row.other)),
        _shown(row.found.mean.headline, "{:+.1f}"),
        "-" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}",
        "-" if math.isnan(p) else f"{p:.4f}",
    )


def _ends(found: Difference) -> tuple[float, float] | tuple[None, None]:
    """Returns the ends of the headline's interval; None if there is none."""
    if found.interval is None or math.isnan(found.interval.low.headline):
        return None, None
    return found.interval.low.headline, found.interval.high.headline


def _shown(share: float, form: str) -> str:
    return "-" if math.isnan(share) else form.format(100 * share)
