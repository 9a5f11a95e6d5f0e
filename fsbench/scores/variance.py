"""The variance of means over folds, classes, support draws and trainings: parts of it, with their degrees of freedom.

Letters of axes are those of `fsbench.scores.episodes`; `F` is folds.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Literal
from typing import NamedTuple

import numpy as np
import pandas as pd

from fsbench.scores.episodes import ClassKey
from fsbench.scores.episodes import Episodes
from fsbench.scores.episodes import known_mean
from fsbench.scores.episodes import same_episodes
from fsbench.scores.episodes import Sample
from fsbench.scores.episodes import sample_of
from fsbench.scores.episodes import Values

__all__ = [
    "Part",
    "Sides",
    "Table",
    "Trainings",
    "by_fold",
    "centre_of",
    "class_differences",
    "class_part",
    "crossed",
    "difference_of",
    "fold_parts",
    "freedom_of",
    "mean_part",
    "pair",
    "shares",
    "single",
    "training_variances",
    "trainings_of",
]

Table = pd.DataFrame | Episodes | Sample

_MANY = 1e9  # degrees of freedom with which Student's t is the normal distribution

Trainings = Literal["none", "several", "by fold", "by start", "one"]
"""How differences between trainings come into a number: there are none; measured between several; as far as folds show
them, of which each has a training of its own, or several that went on from the same weights; not at all, as there is a
single training."""


class Part(NamedTuple):
    """What something adds to the variance of means.

    Attributes:
        variance: The part; NaN where it is not known.
        doubt: Twice the variance of `variance` itself, by its mean squares' degrees of freedom.
        freedom: The least of these; infinite for a part that is zero.
    """

    variance: Values
    doubt: Values
    freedom: Values

    @classmethod
    def of(cls, variance: Values, freedom: Values | float) -> "Part":
        """Returns a part that is a mean square, with its degrees of freedom; unknown where it has none."""
        counts = np.broadcast_to(np.asarray(freedom, np.float64), variance.shape)
        known = np.where(counts >= 1, variance, np.nan)
        return cls(known, known**2 / np.maximum(counts, 1), counts)

    def less(self, other: Values) -> "Part":
        """Returns what is left of a part when another is in it already; zero where that is more."""
        left = self.variance - other
        is_left = ~(left <= 0)
        return Part(
            np.where(is_left, left, 0.0), np.where(is_left, self.doubt, 0.0), np.where(is_left, self.freedom, np.inf)
        )

    def where_known(self) -> "Part":
        """Returns the part, zero where it is not known."""
        known = ~np.isnan(self.variance)
        return Part(
            np.where(known, self.variance, 0.0), np.where(known, self.doubt, 0.0), np.where(known, self.freedom, np.inf)
        )

    def over(self, weights: Values) -> "Part":
        """Returns the part of a sum, [M], whose terms [K, M] are weighted; a term of weight zero is left out."""
        used = weights > 0
        variance, doubt = (np.where(used, each, 0.0) for each in (self.variance * weights**2, self.doubt * weights**4))
        freedom = np.where(used, self.freedom, np.inf)
        return Part(variance.sum(axis=0), doubt.sum(axis=0), freedom.min(axis=0, initial=np.inf))


class Sides(NamedTuple):
    """What is measured: one method, or the difference of two.

    Attributes:
        classes: The classes.
        names: What is measured of them.
        means: Of each class by each training of each side, [S, C, M]; the mean of the whole is that over trainings, the
            first side's less the second's.
        samples: The sides' samples.
    """

    classes: list[ClassKey]
    names: tuple[str, ...]
    means: tuple[Values, ...]
    samples: tuple[Sample, ...]

    @property
    def folds(self) -> list[int]:
        """The folds, in order."""
        return list(dict.fromkeys(each.fold for each in self.classes))

    @property
    def trainings(self) -> Trainings:
        """How differences between trainings come into the mean over folds."""
        return self._how(self.folds)

    @property
    def trainings_within(self) -> Trainings:
        """The same, for a fold or a class."""
        return self._how(self.folds[:1])

    @property
    def are_folds_trained(self) -> bool:
        """Whether folds show what trainings or their starts change, and nothing else does."""
        return self.trainings in ("by fold", "by start")

    def _how(self, folds: Sequence[int]) -> Trainings:
        found = [trainings_of(each, folds) for each in self.samples]
        return next(how for how in _DECIDING if how in found)


_DECIDING: tuple[Trainings, ...] = ("one", "by start", "by fold", "several", "none")  # of two methods, the first here


def trainings_of(sample: Sample, folds: Sequence[int]) -> Trainings:
    """Returns how differences between a method's trainings come into the mean over folds."""
    if not sample.is_trained:
        return "none"
    is_by_fold, is_by_start = (_are_apart([of.get(fold) for fold in folds]) for of in (sample.weights, sample.starts))
    if len(sample.trainings) > 1:
        return "by start" if is_by_fold and is_by_start else "several"
    return "by fold" if is_by_fold else "one"


def _are_apart(names: Sequence[object]) -> bool:
    """Tells whether there are at least two names, all known, and no two the same."""
    return len(names) > 1 and None not in names and len(set(names)) == len(names)


def _sides(samples: Sequence[Sample], names: Sequence[str]) -> Sides:
    means = tuple(each.class_means(names) for each in samples)
    return Sides(samples[0].first.classes, tuple(names), means, tuple(samples))


def single(table: Table, names: Sequence[str]) -> Sides:
    """Returns one method. Raises RunError if its trainings are not of the same episodes."""
    return _sides(same_episodes(sample_of(table)), names)


def pair(one: Table, other: Table, names: Sequence[str]) -> Sides:
    """Returns the difference of two methods; of the same weights it is a single sample, that of differences.

    Where they have some weights in common, and not all, their trainings are taken as independent, which they are not:
    the variance is then too large.

    Raises:
        RunError: They are not of the same episodes.
    """
    first, second = same_episodes(sample_of(one), sample_of(other))
    return _sides([first.less(second)] if first.has_weights_of(second) else [first, second], names)


def by_fold(sides: Sides) -> dict[int, Sides]:
    """Returns what is of each fold."""
    found = {}
    for fold in sides.folds:
        places = _in_fold(sides, fold)
        means = tuple(each[:, places] for each in sides.means)
        found[fold] = sides._replace(classes=[sides.classes[place] for place in places], means=means)
    return found


def shares(sides: Sides) -> Values:
    """Returns what each class adds to the mean difference, [C, M]."""
    values = class_differences(sides)
    weights = _fold_weights(_fold_means(sides, values))
    found = np.zeros_like(values)
    for fold, weight in zip(sides.folds, weights, strict=True):
        places = _in_fold(sides, fold)
        counts = np.maximum(np.sum(~np.isnan(values[places]), axis=0), 1)
        found[places] = np.nan_to_num(values[places]) * weight / counts
    return found


def freedom_of(part: Part) -> Values:
    """Returns the degrees of freedom of a variance; no fewer than its parts have, NaN where it is not known."""
    pooled = np.divide(part.variance**2, part.doubt, out=np.full_like(part.variance, np.inf), where=part.doubt > 0)
    return np.where(np.isnan(part.variance), np.nan, np.minimum(np.maximum(pooled, part.freedom), _MANY))


def class_differences(sides: Sides) -> Values:
    """Returns what is measured of each class, [C, M]: the mean over trainings, the first side's less the second's."""
    return difference_of([known_mean(each, axis=0) for each in sides.means])


def difference_of(values: Sequence[Values]) -> Values:
    """Returns the first side's less the second's, or the only side's."""
    first, *others = values
    return first - others[0] if others else first


def centre_of(sides: Sides) -> Values:
    """Returns the mean over folds of what is measured, [M]."""
    return known_mean(_fold_means(sides, class_differences(sides)), axis=0)


def mean_part(sides: Sides) -> Part:
    """Returns the variance of the mean over folds, [M]."""
    known = _sum([_over_folds(sides, class_differences(sides)), *_of_trainings(sides)])
    return _sum([known.where_known(), _of_folds(sides, known)]) if sides.are_folds_trained else known


def _of_trainings(sides: Sides) -> Iterator[Part]:
    """Yields what the trainings of each side that has several add to the variance of the mean over folds, [M]."""
    for means, sample in _of_several(sides):
        yield _between(sides, means, sample).less(_seen(sides, means))


def _of_folds(sides: Sides, known: Part) -> Part:
    """Returns what single trainings, or starts, add to the variance of the mean over folds, [M].

    It is what lies between folds beyond what is known, [M], of their classes, and of trainings where there are several.
    """
    return _of_means(_fold_means(sides, class_differences(sides))).less(known.where_known().variance)


def training_variances(sides: Sides) -> tuple[float, float]:
    """Returns the variances of the mean over folds, of the first value, between trainings and between their starts.

    The first is of one training a side; the second is in all trainings of a fold, and more of these do not lower it.
    """
    parts = list(_of_trainings(sides))
    counts = [len(means) for means, _ in _of_several(sides)]
    of_one = float(sum(count * part.variance[0] for count, part in zip(counts, parts, strict=True)))
    if not sides.are_folds_trained:
        return of_one, 0.0
    known = _sum([_over_folds(sides, class_differences(sides)), *parts])
    rest = float(_of_folds(sides, known).variance[0])
    return (of_one, rest) if sides.trainings == "by start" else (of_one + rest, 0.0)


def fold_parts(sides: Sides) -> dict[int, Part]:
    """Returns the variance of each fold's mean, [M]; of single trainings it holds for these alone.

    What trainings add is taken as the mean over the folds, as there are few trainings.
    """
    of_folds = by_fold(sides)
    pooled = []
    for number, (_, sample) in enumerate(_of_several(sides)):
        own = [list(_of_several(of))[number] for of in of_folds.values()]
        between = [_between(of, *each).variance for of, each in zip(of_folds.values(), own, strict=True)]
        seen = [_seen(of, means) for of, (means, _) in zip(of_folds.values(), own, strict=True)]
        pooled.append(_pooled(np.stack(between), np.stack(seen), _freedom(sides, sample)))
    return {fold: _sum([_over_folds(of, class_differences(of)), *pooled]) for fold, of in of_folds.items()}


def _over_folds(sides: Sides, values: Values) -> Part:
    """Returns the variance of the mean over folds of the mean over classes, for values [C, M]."""
    parts = [_of_means(values[_in_fold(sides, fold)]) for fold in sides.folds]
    stacked = Part(*(np.stack(each) for each in zip(*parts, strict=True)))
    return stacked.over(_fold_weights(_fold_means(sides, values)))


def _of_several(sides: Sides) -> Iterator[tuple[Values, Sample]]:
    """Yields the means and the sample of each side that has several trainings."""
    yield from ((means, of) for means, of in zip(sides.means, sides.samples, strict=True) if len(means) > 1)


def _between(sides: Sides, means: Values, sample: Sample) -> Part:
    """Returns what lies between the trainings of a side, [M], given its means [S, C, M]."""
    count = len(means)
    by_fold = np.stack([_fold_means(sides, each) for each in means])  # [S, F, M]
    weights = _fold_weights(by_fold[0])
    weighted = np.where(weights > 0, by_fold * weights, 0.0)
    sums = np.stack([weighted[:, places].sum(axis=1) for places in _blocks(sides, sample)])  # [weights, S, M]
    return Part.of(sums.var(axis=1, ddof=1) / count, count - 1).over(np.ones((len(sums), means.shape[-1])))


def _seen(sides: Sides, means: Values) -> Values:
    """Returns what of that lies between classes already, [M]."""
    count = len(means)
    apart = [_over_folds(sides, each).variance for each in means - known_mean(means, axis=0)]
    return np.asarray(np.nan_to_num(np.sum(apart, axis=0)) / (count * (count - 1)))


def _blocks(sides: Sides, sample: Sample) -> list[list[int]]:
    """Returns the places of the folds that have the same weights."""
    found: dict[tuple[str, ...] | None, list[int]] = {}
    for place, fold in enumerate(sides.folds):
        found.setdefault(sample.weights.get(fold), []).append(place)
    return list(found.values())


def _freedom(sides: Sides, sample: Sample) -> int:
    """Returns the degrees of freedom of what is between the trainings of all folds."""
    return len(_blocks(sides, sample)) * (len(sample.trainings) - 1)


def _pooled(between: Values, seen: Values, freedom: int) -> Part:
    """Returns the mean of what lies between trainings, less what is seen of it, [M], each given as [K, M]."""
    return Part.of(known_mean(between, axis=0), freedom).less(np.nan_to_num(known_mean(seen, axis=0)))


def _fold_means(sides: Sides, values: Values) -> Values:
    """Returns the mean of values [C, M] over the classes of each fold, [F, M]."""
    return np.stack([known_mean(values[_in_fold(sides, fold)], axis=0) for fold in sides.folds])


def _in_fold(sides: Sides, fold: int) -> list[int]:
    return [place for place, each in enumerate(sides.classes) if each.fold == fold]


def _fold_weights(means: Values) -> Values:
    """Returns the weight of each fold in the mean over folds, [F, M]: zero for one in which a value does not apply."""
    applies = ~np.isnan(means)
    return np.where(applies, 1.0 / np.maximum(applies.sum(axis=0), 1), 0.0)


def _of_means(values: Values) -> Part:
    """Returns the variance of the mean of a sample [K, M], [M]."""
    counts = np.sum(~np.isnan(values), axis=0).astype(np.float64)
    squares = np.nansum((values - known_mean(values, axis=0)) ** 2, axis=0)
    return Part.of(squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1), counts - 1)


def _sum(parts: Sequence[Part]) -> Part:
    variances, doubts, freedoms = (np.stack(each) for each in zip(*parts, strict=True))
    return Part(variances.sum(axis=0), doubts.sum(axis=0), freedoms.min(axis=0))


class Crossed(NamedTuple):
    """Mean squares of the classes' videos and draws, each divided by how many cells there are.

    Attributes:
        videos, draws, cells: The mean squares of videos, draws, and what is left, [C, M].
        video_freedom, draw_freedom: Their degrees of freedom, [C, M].
    """

    videos: Values
    draws: Values
    cells: Values
    video_freedom: Values
    draw_freedom: Values


def crossed(cells: Values) -> Crossed:
    """Returns the mean squares of the classes of [C, V, D, M], NaN for cells that there are not.

    Where cells are missing they are those of the cells' weights in the mean of the class.
    """
    known = ~np.isnan(cells)
    per_draw = known.sum(axis=1, keepdims=True)
    count_draws = np.maximum((per_draw > 0).sum(axis=2, keepdims=True), 1)
    weights = np.where(known, 1.0 / (np.maximum(per_draw, 1) * count_draws), 0.0)
    centred = np.where(known, cells - np.nansum(cells * weights, axis=(1, 2), keepdims=True), 0.0)
    by_video, by_draw = ((centred * weights).sum(axis=axis, keepdims=True) for axis in (2, 1))
    of_video, of_draw = (weights.sum(axis=axis, keepdims=True) for axis in (2, 1))
    rest = centred - by_video / np.where(of_video > 0, of_video, 1) - by_draw / np.where(of_draw > 0, of_draw, 1)
    videos, draws = (np.sum(each > 0, axis=(1, 2)).astype(np.float64) for each in (of_video, of_draw))
    counts = known.sum(axis=(1, 2))
    freedom = counts - videos - draws + 1
    return Crossed(
        (by_video**2).sum(axis=(1, 2)) * videos / np.maximum(videos - 1, 1),
        (by_draw**2).sum(axis=(1, 2)) * draws / np.maximum(draws - 1, 1),
        np.sum(np.where(known, rest * weights, 0.0) ** 2, axis=(1, 2)) * counts / np.maximum(freedom, 1),
        videos - 1,
        draws - 1,
    )


def class_part(sides: Sides) -> Part:
    """Returns the variance of each class's mean, [C, M]; of single trainings it holds for these alone.

    What draws and trainings add is taken as the mean over all the classes, as there are few draws and trainings.
    """
    cells = [each.cells(sides.names) for each in sides.samples]
    means = [known_mean(each, axis=0) for each in cells]
    found = crossed(difference_of(means))
    parts = [Part.of(np.maximum(found.videos, found.cells), found.video_freedom), _draws_part(found)]
    for side, sample, of_mean, of_trainings in zip(sides.means, sides.samples, means, cells, strict=True):
        if (count := len(of_trainings)) > 1:
            apart = [crossed(each - of_mean) for each in of_trainings]
            seen = np.sum([each.videos + each.draws - each.cells for each in apart], axis=0) / (count * (count - 1))
            pooled = _pooled(side.var(axis=0, ddof=1) / count, seen, _freedom(sides, sample))
            parts.append(Part(*(np.broadcast_to(each, found.videos.shape) for each in pooled)))
    return _sum(parts)


def _draws_part(found: Crossed) -> Part:
    """Returns what draws add to the variance of each class's mean, [C, M], by what they do in all of the classes."""
    counts = np.maximum(found.draw_freedom + 1, 1)
    several = found.draw_freedom >= 1
    number = np.maximum(several.sum(axis=0), 1)
    square = np.where(several, counts * found.draws, 0.0).sum(axis=0) / number
    rest = np.where(several, counts * found.cells, 0.0).sum(axis=0) / number
    freedom = np.maximum(np.where(several, found.draw_freedom, 0.0).sum(axis=0), 1)
    pooled = Part.of(square, freedom).less(rest)
    return Part(pooled.variance / counts, pooled.doubt / counts**2, np.broadcast_to(pooled.freedom, counts.shape))
