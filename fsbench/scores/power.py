"""How many classes, videos, draws and trainings separate two methods: from what their difference varies by.

Parts are estimated by moments, from the mean squares of the layout that `fsbench.scores.statistics` describes; those
that come out below zero are zero. They are of the pair, for what two methods have in common drops out.
"""

from collections.abc import Callable
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from typing import Literal
from typing import NamedTuple

import numpy as np

from fsbench.errors import RunError
from fsbench.scores.episodes import known_mean
from fsbench.scores.episodes import Values
from fsbench.scores.variance import crossed
from fsbench.scores.variance import difference_of
from fsbench.scores.variance import pair
from fsbench.scores.variance import Sides
from fsbench.scores.variance import Table
from fsbench.scores.variance import training_variances
from fsbench.scores.variance import Trainings

__all__ = ["LEVERS", "Design", "Lever", "Parts", "enough", "parts_of", "power_of", "smallest_lead"]

Lever = Literal["classes", "videos", "draws", "trainings"]

LEVERS: tuple[Lever, ...] = ("classes", "videos", "draws", "trainings")
"""What there can be more of."""

MOST = 100_000  # of anything; what is not enough then never is


@dataclass(frozen=True)
class Design:
    """How large an evaluation is.

    Attributes:
        folds, classes: How many, the classes over all folds.
        videos, draws: Of each class.
        trainings: Of each fold and method; what was trained on nothing has one.
    """

    folds: int
    classes: int
    videos: int
    draws: int
    trainings: int


class _Nested(NamedTuple):
    """Variances of what lies within classes, or of what trainings make of it.

    Attributes:
        classes, videos, draws, cells: Between the classes of a fold, the videos and draws of a class, and what is left.
    """

    classes: float
    videos: float
    draws: float
    cells: float

    def of_mean(self, design: Design) -> float:
        """Returns the variance of the mean over a design."""
        within = self.videos / design.videos + self.draws / design.draws
        return (self.classes + within + self.cells / (design.videos * design.draws)) / design.classes


@dataclass(frozen=True)
class Parts:
    """Variances of the difference of two methods, in squares of a share.

    Attributes:
        sampling: Of classes, videos and draws.
        by_training: Of what trainings make of these, with a single training of each method.
        training: Of the mean over folds between trainings, with a single one of each method.
        starts: Of that mean between weights that all trainings of a fold went on from.
        how: How trainings are known.
        freedom: Degrees of freedom of differences between trainings, for each training more than the first.
    """

    sampling: _Nested
    by_training: _Nested
    training: float
    starts: float
    how: Trainings
    freedom: int

    def listed(self) -> dict[str, float]:
        """Returns all of them, by name."""
        of_trainings = {f"trainings by {name}": value for name, value in self.by_training._asdict().items()}
        return {**self.sampling._asdict(), "trainings": self.training, "starts": self.starts, **of_trainings}


def parts_of(one: Table, other: Table, name: str) -> tuple[Parts, Design]:
    """Returns the parts of the variance of a difference, and the size of the evaluation that they are known from.

    Args:
        one, other: Episodes, as of `fsbench.scores.statistics.paired`.
        name: What of them: a metric, or the mean of some.

    Raises:
        RunError: They are not of the same episodes, or classes are too few to tell what varies.
    """
    sides = pair(one, other, [name])
    cells = [each.cells([name])[..., 0] for each in sides.samples]
    means = [known_mean(each, axis=0) for each in cells]
    total, none = _nested(sides, difference_of(means)), np.zeros(4)
    of_trainings, in_total = none, none
    for of_mean, of_each in zip(means, cells, strict=True):
        if (count := len(of_each)) > 1:
            found = np.sum([_nested(sides, each - of_mean) for each in of_each], axis=0) / (count - 1)
            of_trainings, in_total = of_trainings + found, in_total + found / count
    known = ~np.isnan(means[0])
    videos, draws = (known.any(axis=axis).sum(axis=1) for axis in (2, 1))
    trained = [each for each in sides.samples if each.is_trained]
    blocks = {len({each.weights.get(fold) for fold in sides.folds}) for each in trained}
    design = Design(
        folds=len(sides.folds),
        classes=len(sides.classes),
        videos=_typical(videos),
        draws=_typical(draws),
        trainings=min((len(each.trainings) for each in trained), default=1),
    )
    training, starts = training_variances(sides)
    found = Parts(
        sampling=_Nested(*np.maximum(total - in_total, 0.0).tolist()),
        by_training=_Nested(*np.maximum(of_trainings, 0.0).tolist()),
        training=training,
        starts=starts,
        how=sides.trainings,
        freedom=len(trained) * min(blocks, default=1),
    )
    return found, design


def power_of(parts: Parts, design: Design, lead: float, level: float = 0.05) -> float:
    """Returns how probable it is that a lead, a share, is found with p below a level."""
    variance, freedom = _tested(parts, design)
    if variance <= 0:
        return float(lead != 0)
    if freedom < 1:
        return 0.0
    from scipy.special import chdtr
    from scipy.special import nctdtr
    from scipy.special import stdtrit

    bar, middle = stdtrit(freedom, 1 - level / 2), abs(lead) / variance**0.5
    if middle > 30:  # where scipy's function ends; what is left to chance is the standard error
        return float(chdtr(freedom, freedom * (middle / bar) ** 2))
    found = 1 - nctdtr(freedom, middle, bar)
    return float(found + nctdtr(freedom, middle, -bar) if middle < 5 else found)  # the wrong sign; NaN far out


def smallest_lead(parts: Parts, design: Design, power: float = 0.8, level: float = 0.05) -> float:
    """Returns the smallest lead, a share, that is found with a power; infinite if none is."""
    if power_of(parts, design, 1e6, level) < power:
        return float("inf")
    low, high = 0.0, 1e-3
    while power_of(parts, design, high, level) < power:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(parts, design, middle, level) >= power else (middle, high)
    return high


def enough(
    parts: Parts, design: Design, lever: Lever, lead: float, power: float = 0.8, level: float = 0.05
) -> Design | None:
    """Returns the smallest design with more of one thing by which a lead is found with a power.

    None if no number of it is enough, or, of trainings, if nothing is known of others.
    """
    if lever == "trainings" and parts.how in ("none", "one"):
        return None

    def sized(number: int) -> Design:
        return replace(design, **{lever: number * design.folds if lever == "classes" else number})

    def is_enough(number: int) -> bool:
        return power_of(parts, sized(number), lead, level) >= power

    start = asdict(design)[lever] // (design.folds if lever == "classes" else 1)
    number = _first(is_enough, start)
    return None if number is None else sized(number)


def _first(is_enough: Callable[[int], bool], start: int) -> int | None:
    """Returns the first number from a start on that is enough; None if none is."""
    low, high = start - 1, start
    while not is_enough(high):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _tested(parts: Parts, design: Design) -> tuple[float, float]:
    """Returns the variance of the mean difference of a design, and the degrees of freedom of the test."""
    trainings = design.trainings
    of_trainings = parts.by_training.of_mean(design) / trainings
    classes = parts.sampling.of_mean(design) + of_trainings
    between = parts.training / trainings + parts.starts
    freedom = design.classes - design.folds
    doubt = classes**2 / max(freedom, 1)
    if parts.how in ("several", "by fold", "by start"):
        if trainings > 1 and parts.how != "by start":
            doubt += (between + of_trainings) ** 2 / (parts.freedom * (trainings - 1))
        elif design.folds > 1:
            doubt += (between + classes) ** 2 / (design.folds - 1)
    variance = classes + between
    return variance, variance**2 / doubt if doubt > 0 and freedom > 0 else 0.0


def _nested(sides: Sides, cells: Values) -> Values:
    """Returns the variances of `_Nested` in cells [C, V, D], [4]; they may be below zero."""
    found = crossed(cells[..., None])
    videos, draws, rest = (each[:, 0] for each in found[:3])
    count_videos, count_draws = found.video_freedom[:, 0] + 1, found.draw_freedom[:, 0] + 1
    able = (count_videos > 1) & (count_draws > 0)
    if not able.any():
        raise RunError("No class has two videos that both were asked, so what varies within classes is not known.")
    within = known_mean(np.where(able, videos + draws - rest, np.nan), axis=0)
    parts = [
        count_videos * (videos - rest),
        np.where(count_draws > 1, count_draws * (draws - rest), 0.0),
        count_videos * count_draws * rest,
    ]
    means = known_mean(known_mean(cells, axis=1), axis=1)
    return np.array([_between_classes(sides, means) - within, *(float(np.mean(each[able])) for each in parts)])


def _between_classes(sides: Sides, means: Values) -> float:
    """Returns the variance between the classes of a fold, given their means [C]; RunError if no fold has two."""
    squares, freedom = 0.0, 0
    for fold in sides.folds:
        of_fold = np.array([mean for key, mean in zip(sides.classes, means, strict=True) if key.fold == fold])
        of_fold = of_fold[~np.isnan(of_fold)]
        squares += float(np.sum((of_fold - of_fold.mean()) ** 2)) if len(of_fold) else 0.0
        freedom += max(len(of_fold) - 1, 0)
    if not freedom:
        raise RunError("No fold has two classes, so what varies between classes is not known.")
    return squares / freedom


def _typical(counts: "np.ndarray[tuple[int, ...], np.dtype[np.integer]]") -> int:
    """Returns the harmonic mean of counts, by which means vary."""
    counts = counts[counts > 0]
    return max(round(len(counts) / float(np.sum(1 / counts))), 1) if len(counts) else 1
