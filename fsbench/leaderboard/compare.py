"""Two methods on the same episodes, held against each other."""

import json
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
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
from fsbench.errors import suggestion
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.families import family_name
from fsbench.leaderboard.families import joined
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.slices import Slicer
from fsbench.protocol import reported_names
from fsbench.running.runs import find_runs
from fsbench.running.runs import Run
from fsbench.scores.episodes import ClassKey
from fsbench.scores.episodes import same_episodes
from fsbench.scores.episodes import Sample
from fsbench.scores.metrics import unbounded
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.scores.statistics import contrasted
from fsbench.scores.statistics import Difference
from fsbench.scores.statistics import mean_of
from fsbench.scores.statistics import paired
from fsbench.scores.statistics import paired_mean
from fsbench.scores.variance import trainings_of
from fsbench.splits.binning import Attribute
from fsbench.splits.binning import find_attribute
from fsbench.streams import named_stream
from fsbench.text import columns

__all__ = ["OF_TRAININGS", "Compared", "as_entry", "compare", "compare_means", "samples_of"]


_BETWEEN = " less "

OF_TRAININGS = {
    "none": "nothing was trained",
    "several": "differences between trainings are in it",
    "by start": "differences between trainings are in it; those between what all of a fold went on from, as far as "
    "folds show them",
    "by fold": "of a single training for each fold: differences between trainings are in it as far as folds show them",
    "one": "of a single training: differences between trainings are not in p",
}
"""In short, how differences between trainings come into p."""

_ABOUT_TRAININGS = {
    "none": "nothing was trained: classes, their videos and draws are what is seen as a sample.",
    "several": "several trainings; differences between them are in p and in all intervals.",
    "by start": "several trainings, in each fold from the same weights. Differences between trainings are in p and in\n"
    "all intervals; what folds show of differences between starts is in p and its interval.",
    "by fold": "a single training for each fold. What is between folds beyond what their classes make of it is\n"
    "in p and its interval; intervals of folds and classes hold for these trainings.",
    "one": "a single training: differences between trainings are not in p, nor in any interval.",
}


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


class _SliceOfBoth(NamedTuple):
    """A slice of an attribute, of two methods.

    Attributes:
        row: Its line.
        one, other: The methods' episodes that are in it.
    """

    row: _Row
    one: Sample
    other: Sample


@dataclass(frozen=True)
class Compared:
    """Two methods on the same episodes, held against each other.

    Attributes:
        one, other: The methods.
        rows: The lines: over all; for each fold and each class, or for each slice of an attribute, or for the two
            slices of a contrast and what is between them.
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
            Columns of, episodes, one, other, difference, low, high (of the 95 % interval), p (none of folds and
            classes).

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
            rows.append({"of": row.name, "episodes": row.episodes, **shares, "p": _p(row.found)})
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """Returns all values at full precision.

        They are {"episodes", "protocol", "methods", "trainings", "by"?, "rows": [...]}; for "trainings" see
        `fsbench.scores.variance.Trainings`.
        """
        rows: list[dict[str, Any]] = [  # Any: JSON
            {
                "of": row.name,
                "episodes": row.episodes,
                "scores": [row.one.model_dump(), row.other.model_dump()],
                "difference": row.found.mean.model_dump(),
                "interval": None if row.found.interval is None else row.found.interval.model_dump(),
                "p": None if row.found.p is None else row.found.p.model_dump(),
                "trainings": row.found.trainings,
            }
            for row in self.rows
        ]
        about: dict[str, Any] = {"episodes": self.rows[0].episodes, "protocol": self.one.protocol}
        about |= {"methods": [self.one.title, self.other.title], "trainings": self.rows[0].found.trainings}
        about |= {"by": self.by} if self.by else {}
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
        foot = [*self._about_p(), *self._about_trainings(), *self._about_rows()]
        if any(_ends(row.found)[0] is None for row in self.rows):
            foot.append("There is no interval where a fold has a single class, or a class a single video.")
        return "\n".join([head, "", columns(lines), "", *foot])

    def _about_p(self) -> Iterator[str]:
        """Yields of what test the p are."""
        flipped, student = (
            [row.name for row in self.rows if row.found.p is not None and row.found.is_flipped == is_flipped]
            for is_flipped in (True, False)
        )
        of_student = "of Student's t with the interval's standard error"
        if not flipped or not student:
            test = "of flipped signs of the classes' differences" if flipped else of_student
            yield f"Per cent. p is two-sided, {test}."
        else:
            yield "Per cent. p is two-sided, of flipped signs of the classes' differences;"
            yield f"{of_student} in: {', '.join(student)}."

    def _about_trainings(self) -> Iterator[str]:
        """Yields how trainings come into the lines."""
        samples = [entry.sample for entry in (self.one, self.other)]
        titles: dict[str, list[str]] = {}
        for entry, sample in zip((self.one, self.other), samples, strict=True):
            titles.setdefault(trainings_of(sample, [fold.fold for fold in entry.folds]), []).append(entry.title)
        for how, names in titles.items():
            if how != "none" or len(names) == len(samples):
                yield f"{' and '.join(names)}: {_ABOUT_TRAININGS[how]}"
        if samples[0].has_weights_of(samples[1]):
            yield "Both are of the same weights: the differences of each training are what is seen as a sample."
        elif samples[0].has_some_weights_of(samples[1]):
            yield "They have some weights in common, and are taken as independent: intervals are too wide, p too large."
            yield "Compare those trainings that both have."
        first, tested = self.rows[0].found.trainings, [row for row in self.rows if row.found.p is not None]
        for how in dict.fromkeys(row.found.trainings for row in tested if row.found.trainings != first):
            which = ", ".join(row.name for row in tested if row.found.trainings == how)
            yield f"p in {which}: {OF_TRAININGS[how]}."

    def _about_rows(self) -> Iterator[str]:
        """Yields what is to be said of the lines but the first."""
        if not self.by:
            yield "Folds and classes are looked at, not tested: they have no p."
        else:
            yield "A slice is averaged over the classes and folds that it has; each is a test by itself."
        if _BETWEEN in self.rows[-1].name:
            yield "The last line is taken in the classes that have both: by how much more the first method leads."

    def _repr_html_(self) -> str:
        both = f"{escape(self.one.title)}, {escape(self.other.title)}"
        return f"<p>{escape(reported_names(self.one.protocol)[-1])}: {both}</p>{self.to_frame().to_html(index=False)}"

    def sliced(self, by: str) -> "Compared":
        """Returns the same comparison over all and for each slice of an attribute. Raises as `compare`."""
        attribute = find_attribute(by)
        rows = tuple(each.row for each in self._slices(attribute).values())
        return replace(self, rows=(self.rows[0], *rows), by=by)

    def contrast(self, by: str, here: str, there: str) -> "Compared":
        """Returns by how much more the first method leads in one slice of an attribute than in another.

        Args:
            by: The attribute.
            here, there: Its slices.

        Returns:
            The comparison over all, in each of the two, and of their differences.

        Raises:
            RunError: There is no such slice, it has no episodes, or no class has both.
            FsbenchError: As `compare`.
        """
        found = self._slices(find_attribute(by))
        for name in (here, there):
            if name not in found:
                raise RunError(f"No episode is in a slice {name!r} of {by}. {suggestion(name, found)}")
        both = found[here], found[there]
        names = _names(self.one.protocol)
        of_one, of_other = (both[0].one, both[1].one), (both[0].other, both[1].other)
        difference = contrasted(of_one, of_other, _draws(self.one), **names)
        common = set(both[0].one.first.classes) & set(both[1].one.first.classes)
        ones, others = ([_of_classes(each, common) for each in kinds] for kinds in (of_one, of_other))
        one, other = (_less(*(mean_of(each, names["names"]) for each in kinds)) for kinds in (ones, others))
        episodes = sum(len(each.first.keys) for each in ones)
        last = _Row(f"{here}{_BETWEEN}{there}", episodes, one, other, difference)
        return replace(self, rows=(self.rows[0], *(each.row for each in both), last), by=by)

    def _slices(self, attribute: Attribute) -> dict[str, _SliceOfBoth]:
        """Returns what of both methods is in each slice that has episodes."""
        samples, names = same_episodes(*samples_of(self.one, self.other)), _names(self.one.protocol)
        labels = self.find().labels(samples[0].first.keys, attribute).to_numpy()
        found = {}
        for name in attribute.in_order(labels):
            one, other = (each.only(labels == name) for each in samples)
            difference = paired_mean(one, other, _draws(self.one), **names)
            scores = [mean_of(each, names["names"]) for each in (one, other)]
            row = _Row(name, len(one.first.keys), scores[0], scores[1], difference)
            found[name] = _SliceOfBoth(row, one, other)
        return found


def _of_classes(sample: Sample, wanted: Collection[ClassKey]) -> Sample:
    """Returns the episodes of some classes."""
    keys = zip(sample.first.keys["fold"], sample.first.keys["class"], strict=True)
    return sample.only(np.array([ClassKey(int(fold), str(name)) in wanted for fold, name in keys], bool))


def as_entry(side: Run | Entry | str | Path, splits: Path | None = None) -> Entry:
    """Returns one side of a comparison as an entry.

    Args:
        side: A run, an entry, the JSON of an entry, the path of such a file without `.json`, which stands for all
            trainings of that configuration that lie beside it, or the folder of a method's finished runs, of one
            training or of several.
        splits: Where the manifest of runs may be; see `find_manifest`.

    Raises:
        RunError: There is none, or they are of several methods.
    """
    if isinstance(side, Entry):
        return side
    if not isinstance(side, Run) and Path(side).is_file():
        return read_entry(Path(side).absolute().parent.parent, Path(side).absolute())
    if not isinstance(side, Run) and not Path(side).is_dir():
        found = _family(Path(side).absolute())
    else:
        folders = list(side.results) if isinstance(side, Run) else find_runs(Path(side))
        found = joined(entries_from_runs(folders, partial(manifest_folds, splits=splits), with_controls=True))
    if len(found) != 1:
        titles = dict.fromkeys(entry.title for entry in found)
        several = f"entries of {', '.join(titles)}" if found else "no finished run of whole folds"
        apart = f", which differ in {found[0].differs_from(found[1])}" if len(found) > len(titles) == 1 else ""
        raise RunError(f"{side}: holds {several}{apart}. Name the folder of one method's runs, or an entry's .json.")
    return found[0]


def _family(path: Path) -> list[Entry]:
    """Returns the entry of which a path is that of the JSON without its ending, joined with its other trainings."""
    named = path.with_name(f"{path.name}.json")
    if not named.is_file():
        raise RunError(f"{path}: there is no such folder of runs or entry ({named.name}).")
    first = read_entry(path.parent.parent, named)
    beside = (each for each in sorted(path.parent.glob("*.json")) if each != named)
    others = [read_entry(path.parent.parent, each) for each in beside if each.name.startswith(f"{first.method.name}.")]
    found = next(each for each in joined([first, *others]) if first == each or first in each.trainings)
    apart = [each for each in others if _is_of_family(each, first) and each not in found.trainings]
    if apart:
        raise RunError(
            f"{path}: {', '.join(each.title for each in apart)} and {first.title} are no trainings of one "
            "configuration: they are of other folds, episodes or recipes, or have weights or scores in common. Name "
            "one by its .json."
        )
    return [found]


def _is_of_family(entry: Entry, first: Entry) -> bool:
    """Tells whether an entry is called as another training of the same configuration is."""
    name, of_first = (family_name(each.variant) for each in (entry, first))
    return entry.method.name == first.method.name and name == of_first


def compare(one: Entry, other: Entry, data_root: Path = Path("data"), splits: Path | None = None) -> Compared:
    """Tests whether two methods differ; see `fsbench.scores.statistics.paired`.

    Args:
        one, other: The methods.
        data_root, splits: Where it is known what the sentences are like, for slices; see `find_slicer`.

    Raises:
        RunError: They were not evaluated on the same episodes by the same protocol, or the scores of their episodes are
            not there.
    """
    samples = samples_of(one, other)
    found = paired(*samples, _draws(one), **_names(one.protocol))
    folds = [{fold.fold: fold.score.mean for fold in entry.folds} for entry in (one, other)]
    classes = [{each.name: each.score.mean for fold in entry.folds for each in fold.classes} for entry in (one, other)]
    first, second = (mean_score(list(scores.values())) for scores in folds)
    keys = samples[0].first.keys
    by_fold, by_class = (keys[name].value_counts() for name in ("fold", "class"))
    rows = (
        _Row("all", len(keys), first, second, found.mean),
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
    return paired_mean(*samples_of(one, other), _draws(one), **_names(one.protocol))


def _names(protocol: str) -> Mapping[str, Any]:  # Any: what `paired` takes
    return {"names": reported_names(protocol), "unbounded": unbounded(protocol)}


def samples_of(one: Entry, other: Entry) -> tuple[Sample, Sample]:
    """Returns the episodes of two methods. Raises RunError if they were not evaluated in the same way."""
    _require_pair(one, other)
    return one.sample, other.sample


def _require_pair(one: Entry, other: Entry) -> None:
    """Raises RunError unless both were evaluated in the same way, and in one that these statistics are for."""
    for name in ("dataset", "manifest_digest", "protocol"):
        if getattr(one, name) != getattr(other, name):
            values = [getattr(each, name) for each in (one, other)]
            if name == "manifest_digest":
                values = [f"{each.manifest_version} {each.manifest_digest[:12]}" for each in (one, other)]
            raise RunError(
                f"{one.title} and {other.title} cannot be compared: their {name} differs ({', '.join(values)}). "
                "Evaluate both in the same way."
            )
    if not has_chain(one.protocol):
        raise RunError(f"Protocol {one.protocol}: intervals and tests are for the averages of protocol 'standard'.")


def _draws(entry: Entry) -> np.random.Generator:
    return named_stream(0, "compare", entry.manifest_digest)


def _cells(row: _Row) -> tuple[str, ...]:
    low, high = _ends(row.found)
    p = _p(row.found)
    return (
        *(_shown(score.headline, "{:.1f}") for score in (row.one, row.other)),
        _shown(row.found.mean.headline, "{:+.1f}"),
        "-" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}",
        "-" if p is None or math.isnan(p) else "<0.0001" if p < 5e-5 else f"{p:.4f}",
    )


def _ends(found: Difference) -> tuple[float, float] | tuple[None, None]:
    """Returns the ends of the headline's interval; None if there is none."""
    if found.interval is None or math.isnan(found.interval.low.headline):
        return None, None
    return found.interval.low.headline, found.interval.high.headline


def _p(found: Difference) -> float | None:
    return None if found.p is None else found.p.headline


def _less(one: Score, other: Score) -> Score:
    return Score({name: one[name] - other[name] for name in one.names})


def _shown(share: float, form: str) -> str:
    return "-" if math.isnan(share) else form.format(100 * share)
