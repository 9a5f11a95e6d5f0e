"""The scores of episodes as statistics take them: sorted, grouped by class, video and draw, once for each training.

A table has a row for each episode with the columns fold, class, draw, video, expression, and one for each metric, NaN
where it does not apply. Axis letters: `C` classes, `V` videos of a class, `D` support draws, `S` trainings, `M` values.
"""

import hashlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from fsbench.errors import RunError
from fsbench.protocol import mean_of_metrics
from fsbench.scores.aggregation import values_of
from fsbench.splits.ids import episode_columns

__all__ = ["ClassKey", "Episodes", "Sample", "Values", "episode_table", "known_mean", "same_episodes", "sample_of"]

_KEYS = ["fold", "class", "draw", "video", "expression"]
_GROUP = ["fold", "class", "video", "draw"]

Values = npt.NDArray[np.float64]


class ClassKey(NamedTuple):
    """A class of a fold.

    Attributes:
        fold, name: Of the class.
    """

    fold: int
    name: str


@dataclass(frozen=True, eq=False)
class Episodes:
    """A table of episodes, sorted and grouped: what tests of many pairs need of it, prepared once.

    Attributes:
        keys: Fold, class, draw, video and sentence of each, sorted by these: pandas' sums depend on the order in their
            last bits.
        values: Their metrics, in the same order.
    """

    keys: pd.DataFrame
    values: pd.DataFrame
    _cells: dict[tuple[str, ...], Values] = field(default_factory=dict, init=False, repr=False)
    _means: dict[tuple[str, ...], Values] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Episodes":
        """Returns the episodes of a table, in any order."""
        ordered = table.sort_values(_KEYS, ignore_index=True)
        return cls(ordered[_KEYS], ordered[values_of(ordered)])

    @cached_property
    def classes(self) -> list[ClassKey]:
        """The classes, in order of fold and name."""
        rows = self.keys[["fold", "class"]].drop_duplicates()
        return [ClassKey(int(fold), str(name)) for fold, name in rows.itertuples(index=False)]

    def cells(self, names: Sequence[str]) -> Values:
        """Returns the mean over the sentences of each video with each draw, [C, V, D, M]; NaN where there is none.

        Args:
            names: Metrics of the table, and means of these; see `fsbench.protocol`.
        """
        key = tuple(names)
        if key not in self._cells:
            means = self.values.groupby(self._groups).mean()
            values = np.stack([mean_of_metrics(name, means) for name in names], axis=-1)
            found = np.full((*self._shape, len(names)), np.nan)
            found[self._places] = values
            self._cells[key] = found
        return self._cells[key]

    def class_means(self, names: Sequence[str]) -> Values:
        """Returns the mean of each class, over its videos, then its draws, [C, M]; NaN where nothing applies."""
        key = tuple(names)
        if key not in self._means:
            self._means[key] = known_mean(known_mean(self.cells(names), axis=1), axis=1)
        return self._means[key]

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Where a metric does not apply, bool [N, metrics]."""
        return np.asarray(self.values.isna())

    @cached_property
    def keys_digest(self) -> str:
        """The SHA-256 of the keys: the same for the same episodes alone."""
        digest = hashlib.sha256()
        for column in _KEYS:
            digest.update(repr(self.keys[column].tolist()).encode("utf-8", "backslashreplace"))
        return digest.hexdigest()

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Episodes":
        """Returns some of the episodes, in the same order."""
        return Episodes(self.keys[chosen].reset_index(drop=True), self.values[chosen].reset_index(drop=True))

    def contrast(self, here: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]) -> "Episodes":
        """Returns what some of the episodes have more than others, one for each video and draw that has both kinds."""
        first, second = (
            self.values[kind].groupby([self.keys.loc[kind, column] for column in _GROUP]).mean()
            for kind in (here, there)
        )
        both = first.index.intersection(second.index)
        return Episodes.of((first.loc[both] - second.loc[both]).reset_index().assign(expression=""))

    @cached_property
    def _groups(self) -> npt.NDArray[np.int64]:
        """The number of the group of each, int64 [N]: those of one fold, class, video and draw, sorted by these."""
        return np.asarray(self.keys.groupby(_GROUP).ngroup(), np.int64)

    @cached_property
    def _places(self) -> tuple[npt.NDArray[np.int64], ...]:
        """The class, video and draw of each group, by number within the class."""
        rows = self.keys[_GROUP].drop_duplicates().sort_values(_GROUP, ignore_index=True)
        by_class = rows.groupby(["fold", "class"])
        videos = rows.groupby(["fold", "class", "video"]).ngroup()
        first = videos.groupby(by_class.ngroup()).transform("min")
        draws = by_class["draw"].rank("dense") - 1
        return tuple(np.asarray(each, np.int64) for each in (by_class.ngroup(), videos - first, draws))

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return tuple(int(each.max(initial=-1)) + 1 for each in self._places)


@dataclass(frozen=True, eq=False)
class Sample:
    """A method's episodes, once for each of its trainings.

    Attributes:
        trainings: The same episodes for each, at least one.
        weights: By fold what names the weights of each training: folds of the same names share their trainings. None,
            and no entry, for a fold without: nothing was trained, or the weights are not to be told apart.
        starts: By fold what names the weights that all trainings went on from; None, and no entry, where they are not
            known to have gone on from the same.
    """

    trainings: tuple[Episodes, ...]
    weights: Mapping[int, tuple[str, ...] | None] = field(default_factory=dict)
    starts: Mapping[int, str | None] = field(default_factory=dict)

    @property
    def first(self) -> Episodes:
        """The episodes of the first training."""
        return self.trainings[0]

    @property
    def is_trained(self) -> bool:
        """Whether it has trainings at all, so that another could have other scores."""
        return len(self.trainings) > 1 or any(self.weights.get(each.fold) for each in self.first.classes)

    def has_weights_of(self, other: "Sample") -> bool:
        """Tells whether another sample is of the same weights in all folds, training by training."""
        folds = {each.fold for each in self.first.classes}
        return all(self.weights.get(fold) and self.weights[fold] == other.weights.get(fold) for fold in folds)

    def has_some_weights_of(self, other: "Sample") -> bool:
        """Tells whether another sample has the weights of a training of this one in any fold."""
        folds = {each.fold for each in self.first.classes}
        return any({*(self.weights.get(fold) or ())} & {*(other.weights.get(fold) or ())} for fold in folds)

    def less(self, other: "Sample") -> "Sample":
        """Returns, training by training, what the episodes have more than those of another sample of the same ones."""
        both = zip(self.trainings, other.trainings, strict=True)
        return replace(self, trainings=tuple(Episodes(one.keys, one.values - two.values) for one, two in both))

    def cells(self, names: Sequence[str]) -> Values:
        """Returns those of all trainings, [S, C, V, D, M]; see `Episodes.cells`."""
        return np.stack([each.cells(names) for each in self.trainings])

    def class_means(self, names: Sequence[str]) -> Values:
        """Returns those of all trainings, [S, C, M]; see `Episodes.class_means`."""
        return np.stack([each.class_means(names) for each in self.trainings])

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Sample":
        """Returns some of the episodes, of every training."""
        return replace(self, trainings=tuple(each.only(chosen) for each in self.trainings))

    def contrast(self, here: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]) -> "Sample":
        """Returns those of every training; see `Episodes.contrast`."""
        return replace(self, trainings=tuple(each.contrast(here, there) for each in self.trainings))


def episode_table(
    ids: Iterable[str] | pa.ChunkedArray, values: Mapping[str, Sequence[float] | pa.ChunkedArray]
) -> pd.DataFrame:
    """Returns the table of episodes with their metrics. Raises RunError if an id is none of an episode."""
    keys: pd.DataFrame = episode_columns(ids).to_pandas()
    return keys.assign(**{name: np.asarray(column, float) for name, column in values.items()})


def sample_of(found: pd.DataFrame | Episodes | Sample) -> Sample:
    """Returns a table, or episodes, as the sample of a method that was trained on nothing."""
    if isinstance(found, pd.DataFrame):
        found = Episodes.of(found)
    return Sample((found,)) if isinstance(found, Episodes) else found


def same_episodes(*samples: Sample) -> list[Sample]:
    """Returns samples with each value that does not apply in one training, or one method, left out of all.

    Raises:
        RunError: They are not of the same episodes.
    """
    first, *others = (each for sample in samples for each in sample.trainings)
    for other in others:
        if first.keys_digest != other.keys_digest:
            common = len(first.keys.merge(other.keys))
            raise RunError(
                f"Only episodes that both have can be compared, and all of them: {common} are common, of "
                f"{len(first.keys)} and {len(other.keys)}. Evaluate both on the same folds and draws."
            )
    missing = [each.missing for each in (first, *others)]
    if all(np.array_equal(each, missing[0]) for each in missing[1:]):
        return list(samples)
    anywhere = np.logical_or.reduce(missing)
    return [
        replace(sample, trainings=tuple(Episodes(e.keys, e.values.mask(anywhere)) for e in sample.trainings))
        for sample in samples
    ]


def known_mean(values: Values, axis: int) -> Values:
    """Returns the mean of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    sums = np.sum(np.where(known, values, 0.0), axis=axis)
    counts = np.sum(known, axis=axis).astype(np.float64)
    return np.asarray(np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0))
