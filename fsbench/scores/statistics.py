"""Which differences are real: intervals of means, and tests of differences. Tables in, numbers out.

The mean is that of the protocol `standard`: over the sentences of a video, the videos of a class, the classes of a fold
and the folds; and over the support draws, and the trainings. Means are of what applies, and a class in which nothing
does is left out. What is drawn at random does not depend on how many metrics there are.

Classes are seen as a sample of the classes there might be in a fold, videos and support draws as samples of those that
a class might have, and trainings as a sample of those that other seeds would give. Folds are taken as they are. Draws
and videos cross each other in a class, trainings cross classes in a fold: the variance of a mean is put together from
the mean squares of such a layout, as for readers and cases by Hillis (Statistics in Medicine 26, 2007), and degrees of
freedom are Satterthwaite's.

How trainings come into it depends on how many there are:

- Of several, with weights of their own for each fold or the same for all, what is between them is measured. Where they
  went on from the same weights for all folds, it holds for these.
- Of a single one, with weights for each fold, the folds are as many independent trainings: what is between the folds
  beyond what their classes make of it is taken for these, with a degree of freedom for each fold but one. What is said
  of a fold or a class holds for these weights.
- Of several that went on, in each fold, from the same weights, the folds are as many independent starts: beside what is
  between trainings, which would not show what another start changes, what is between the folds beyond both their
  classes and their trainings is taken for the starts.
- Of a single one for all folds nothing is known of others: differences between trainings are in no number.
- Where nothing was trained there are none.

Two methods' trainings are independent, but where both have the same weights, training by training: a control, or the
same model used in another way. There the differences of each training are a sample as those of one method are.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsbench.errors import RunError
from fsbench.protocol import NAMES
from fsbench.scores.episodes import Values
from fsbench.scores.results import Interval
from fsbench.scores.results import Intervals
from fsbench.scores.results import Score
from fsbench.scores.variance import by_fold
from fsbench.scores.variance import centre_of
from fsbench.scores.variance import class_differences
from fsbench.scores.variance import class_part
from fsbench.scores.variance import fold_parts
from fsbench.scores.variance import freedom_of
from fsbench.scores.variance import mean_part
from fsbench.scores.variance import pair
from fsbench.scores.variance import Part
from fsbench.scores.variance import shares
from fsbench.scores.variance import Sides
from fsbench.scores.variance import single
from fsbench.scores.variance import Table
from fsbench.scores.variance import Trainings

__all__ = [
    "CHAIN",
    "Comparison",
    "Difference",
    "Flips",
    "Trainings",
    "contrasted",
    "intervals",
    "mean_of",
    "paired",
    "paired_mean",
    "paired_p",
    "spread",
]

CHAIN = ("frame", "expression", "video", "class")
"""The averages of a fold that these statistics are for; see `fsbench.protocol`."""

LEVEL = 0.95  # of the intervals
LEAST_CLASSES = 6  # with fewer, no flip of the classes' signs can be significant
MOST_EXACT = 18  # classes whose flips are all tried
FLIPS = 10_000  # tried at random where there are more


@dataclass(frozen=True)
class Difference:
    """A mean difference of two methods on the same episodes.

    Attributes:
        mean: The first less the second.
        interval: 95 %; None where too little was seen for one.
        p: Two-sided, for each value; None of a fold and a class, of which nothing is tested.
        trainings: How differences between trainings come into interval and p.
        is_flipped: Whether p is of flipped signs of the classes' differences; else of Student's t.
    """

    mean: Score
    interval: Interval | None
    p: Score | None
    trainings: Trainings
    is_flipped: bool = False


@dataclass(frozen=True)
class Comparison:
    """Differences of two methods.

    Attributes:
        mean: Over all.
        folds: By fold.
        classes: By class name.
    """

    mean: Difference
    folds: dict[int, Difference]
    classes: dict[str, Difference]


def intervals(table: Table, names: Sequence[str] = NAMES, unbounded: Collection[str] = ()) -> Intervals:
    """Computes 95 % confidence intervals of the means.

    They reach as many standard errors to either side as Student's t asks for. What draws add to the variance of a
    class's mean is taken as what they add to those of all classes together, as there are few; and so are trainings, of
    a fold and of a class. What a single draw adds is not known, and not in a class's interval.

    Args:
        table: Episodes.
        names: What the intervals are of: metrics of the table, and means of these; see `fsbench.protocol`.
        unbounded: Those of them that are no shares.

    Returns:
        Intervals, those of shares cut to [0, 1]; None for a class of a single video, for a fold of a single class, and
        for a mean over folds with such a fold, unless each fold has a training of its own.
    """
    sides, bounds = single(table, names), _bounds(0.0, names, unbounded)
    return Intervals(
        mean=_interval(names, centre_of(sides), mean_part(sides), bounds),
        folds={fold: found for fold, _, found in _of_folds(sides, bounds)},
        classes={name: found for name, _, found in _of_classes(sides, bounds)},
    )


def paired(
    one: Table,
    other: Table,
    rng: np.random.Generator,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Comparison:
    """Compares two methods on the same episodes.

    Where classes alone are a sample, p is the share of sign flips of the classes' differences that give a mean as far
    from zero as the one found: of all flips for up to `MOST_EXACT` classes, otherwise of `FLIPS` at random, and
    p = (found + 1) / (tried + 1). Where trainings are one, too, or there are fewer than `LEAST_CLASSES` classes, p is
    Student's, of the same standard error as the interval.

    Args:
        one, other: Episodes, in any order.
        rng: Draws flips.
        names, unbounded: As of `intervals`, and so are the intervals.

    Raises:
        RunError: They are not of the same episodes.
    """
    sides, bounds = pair(one, other, names), _bounds(-1.0, names, unbounded)
    within = sides.trainings_within
    folds = {
        fold: Difference(_score(names, mean), found, None, within) for fold, mean, found in _of_folds(sides, bounds)
    }
    classes = {
        name: Difference(_score(names, mean), found, None, within) for name, mean, found in _of_classes(sides, bounds)
    }
    return Comparison(_difference(sides, bounds, rng), folds, classes)


def paired_mean(
    one: Table,
    other: Table,
    rng: np.random.Generator,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Difference:
    """Returns the mean of what `paired` returns, given the same, in a part of its time. Raises RunError likewise."""
    return _difference(pair(one, other, names), _bounds(-1.0, names, unbounded), rng)


def mean_of(table: Table, names: Sequence[str] = NAMES) -> Score:
    """Returns the mean that the differences of `paired` are of. Raises RunError if trainings differ in episodes."""
    return _score(names, centre_of(single(table, names)))


def paired_p(one: Table, other: Table, flips: "Flips", names: Sequence[str] = NAMES) -> float:
    """Returns the p of the last of `names` that `paired_mean` gives, alone. Raises RunError likewise."""
    sides = pair(one, other, names)
    return float(_p_of(sides, centre_of(sides), mean_part(sides), flips)[-1])


class Flips:
    """Flips of signs, drawn at the first use: many pairs can be tested by the same."""

    def __init__(self, make_rng: Callable[[], np.random.Generator]) -> None:
        """Has drawn none yet; asks for a generator for each number of signs."""
        self._make_rng = make_rng
        self._of_count: dict[int, Values] = {}

    def of(self, count: int) -> Values:
        """Returns 1 or -1 for each of `count` signs, [FLIPS, count]."""
        if count not in self._of_count:
            self._of_count[count] = np.where(self._make_rng().random((FLIPS, count)) < 0.5, 1.0, -1.0)
        return self._of_count[count]


def contrasted(
    one: tuple[Table, Table],
    other: tuple[Table, Table],
    rng: np.random.Generator,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Difference:
    """Returns by how much more one method leads another on some episodes than on others: a difference of differences.

    It is taken in each class that has episodes of both kinds, and tested as a difference is.

    Args:
        one, other: Episodes of each method: those of the first kind, and those of the second.
        rng, names, unbounded: As of `paired`.

    Raises:
        RunError: The methods are not of the same episodes, or no class has both.
    """
    here, there = (pair(*kinds, names) for kinds in zip(one, other, strict=True))
    common = [key for key in here.classes if key in set(there.classes)]
    if not common:
        raise RunError("No class has episodes of both kinds, so there is nothing to contrast.")
    places = [[sides.classes.index(key) for key in common] for sides in (here, there)]
    means = tuple(
        first[:, places[0]] - second[:, places[1]] for first, second in zip(here.means, there.means, strict=True)
    )
    bounds = 2 * _bounds(-1.0, names, unbounded)
    return _difference(here._replace(classes=common, means=means), bounds, rng)


def spread(values: Sequence[float]) -> float | None:
    """Returns the standard deviation (n - 1) of means over support draws or training seeds; None for fewer than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _bounds(low: float, names: Sequence[str], unbounded: Collection[str]) -> Values:
    """Returns the least and the largest value of each name, [2, M]."""
    ends = [(-np.inf, np.inf) if name in unbounded else (low, 1.0) for name in names]
    return np.array(ends).T


def _interval(names: Sequence[str], centre: Values, part: Part, bounds: Values) -> Interval | None:
    """Returns the interval around a centre [M], given its variance; None if that is nowhere known."""
    if np.isnan(part.variance).all():
        return None
    from scipy.special import stdtrit  # takes a quarter of a second: not before there is an interval

    reach = stdtrit(freedom_of(part), (1 + LEVEL) / 2) * np.sqrt(part.variance)
    ends = np.maximum(centre - reach, bounds[0]), np.minimum(centre + reach, bounds[1])
    return Interval(low=_score(names, ends[0]), high=_score(names, ends[1]))


def _of_folds(sides: Sides, bounds: Values) -> Iterator[tuple[int, Values, Interval | None]]:
    """Yields each fold, what is measured of it, [M], and its interval."""
    means = {fold: centre_of(of) for fold, of in by_fold(sides).items()}
    for fold, part in fold_parts(sides).items():
        yield fold, means[fold], _interval(sides.names, means[fold], part, bounds)


def _of_classes(sides: Sides, bounds: Values) -> Iterator[tuple[str, Values, Interval | None]]:
    """Yields the name of each class, what is measured of it, [M], and its interval."""
    part = class_part(sides)
    for place, (key, mean) in enumerate(zip(sides.classes, class_differences(sides), strict=True)):
        yield key.name, mean, _interval(sides.names, mean, Part(*(each[place] for each in part)), bounds)


def _difference(sides: Sides, bounds: Values, rng: np.random.Generator) -> Difference:
    """Returns the mean difference over folds of classes, with its p."""
    names, centre, part = sides.names, centre_of(sides), mean_part(sides)
    p = _score(names, _p_of(sides, centre, part, Flips(lambda: rng)))
    interval = _interval(names, centre, part, bounds)
    return Difference(_score(names, centre), interval, p, sides.trainings, _is_flipped(sides))


def _p_of(sides: Sides, centre: Values, part: Part, flips: Flips) -> Values:
    """Returns the p of a mean, [M], given its variance."""
    if _is_flipped(sides):
        return np.where(np.isnan(centre), np.nan, _flip_p(shares(sides), flips))
    return _student_p(centre, part)


def _is_flipped(sides: Sides) -> bool:
    """Tells whether classes alone are a sample, and enough of them."""
    of_classes = not sides.are_folds_trained and all(len(each) == 1 for each in sides.means)
    return of_classes and len(sides.classes) >= LEAST_CLASSES


def _student_p(centre: Values, part: Part) -> Values:
    """Returns the two-sided p of a mean with a variance, [M]: 1 for a mean of zero, 0 for another that never varies."""
    from scipy.special import stdtr  # as above

    error = np.sqrt(part.variance)
    ratio = np.divide(np.abs(centre), error, out=np.where(centre == 0, 0.0, np.inf), where=error > 0)
    return np.asarray(2 * stdtr(freedom_of(part), -np.where(np.isnan(error), np.nan, ratio)))


def _flip_p(parts: Values, flips: Flips) -> Values:
    """Returns the p of a sum of parts [C, M] under flips of their signs, [M]."""
    count = len(parts)
    is_exact = count <= MOST_EXACT
    if is_exact:
        sums = parts[:1]  # turning all signs changes no distance from zero, so the first stays
        for part in parts[1:]:
            sums = np.concatenate([sums + part, sums - part])
    else:
        sums = flips.of(count) @ parts
    # Sums that are equal may differ in their last bits.
    extreme = (np.abs(sums) >= np.abs(parts.sum(axis=0)) - 1e-12).sum(axis=0)
    return np.asarray(extreme / len(sums) if is_exact else (extreme + 1) / (FLIPS + 1))


def _score(names: Sequence[str], values: Values) -> Score:
    return Score({name: float(value) for name, value in zip(names, values, strict=True)})
