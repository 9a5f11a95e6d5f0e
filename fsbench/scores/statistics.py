"""Which differences are real: intervals of means, paired tests and ranks with ties. Tables in, numbers out.

A table has a row for each episode with the columns fold, class, draw, video, expression, J and F. Its mean is that of
the protocol `standard`: over the sentences of a video, the videos of a class, the classes of a fold and the folds; and
over the support draws. Classes are seen as a sample of the classes there might be, and videos as a sample of those that
a class might have. Support draws and weights are taken as they are: how much these matter, `spread` says.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from fsbench.errors import RunError
from fsbench.scores.results import Interval
from fsbench.scores.results import Intervals
from fsbench.scores.results import Score
from fsbench.splits.ids import parse_episode_id

__all__ = [
    "CHAIN",
    "Comparison",
    "Difference",
    "episode_table",
    "intervals",
    "paired",
    "paired_mean",
    "spread",
    "tie_ranks",
]

CHAIN = ("frame", "expression", "video", "class")
"""The averages of a fold that these statistics are for; see `fsbench.protocol`."""

LEVEL = 0.95  # of the intervals
SIGNIFICANT = 0.05  # p below which a paired test separates two methods
LEAST_CLASSES = 6  # with fewer, no flip of the classes' signs can be significant, and those of videos are flipped
MOST_EXACT = 12  # clusters whose flips are all tried
FLIPS = 10_000  # tried at random where there are more

_KEYS = ["fold", "class", "draw", "video", "expression"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference of two methods on the same episodes.

    Attributes:
        mean: The first less the second.
        interval: 95 %; None for a single cluster.
        p: Two-sided, of sign flips; for J, F and J&F each.
    """

    mean: Score
    interval: Interval | None
    p: Score


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


@dataclass(frozen=True)
class _Class:
    """A class's scores.

    Attributes:
        fold, name: Of the class.
        values: J, F and J&F of each video and draw, a mean over its sentences, float64 [V, D, 3]; 0 where missing.
        present: Whether the draw has the video as a query, float64 in {0, 1} [V, D].
    """

    fold: int
    name: str
    values: Values
    present: Values

    def means(self, weights: Values) -> Values:
        """Returns the class's means [R, 3] for weights of its videos [R, V]; a draw without any of them is left out."""
        sums = np.einsum("rv,vdm->rdm", weights, self.values)
        counts = (weights @ self.present)[..., None]
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return np.asarray(np.nanmean(means, axis=1))

    @property
    def mean(self) -> Values:
        """The class's mean [3]."""
        return np.asarray(self.means(np.ones((1, len(self.values))))[0])

    @property
    def shares(self) -> Values:
        """What each video adds to the class's mean, [V, 3]."""
        weights = np.divide(self.present, self.present.sum(axis=0)) / self.present.shape[1]
        return np.asarray((self.values * weights[..., None]).sum(axis=1))


def episode_table(ids: Iterable[str], J: Sequence[float], F: Sequence[float]) -> pd.DataFrame:
    """Returns the table of episodes with their J and F. Raises RunError if an id is none of an episode."""
    keys = map(parse_episode_id, ids)
    rows = [(key.fold, key.class_name, key.draw, key.video_id, key.expression_id) for key in keys]
    return pd.DataFrame(rows, columns=_KEYS).assign(J=np.asarray(J, float), F=np.asarray(F, float))


def intervals(table: pd.DataFrame, rng: np.random.Generator, replicates: int = 2000) -> Intervals:
    """Computes 95 % confidence intervals of the means by a cluster bootstrap.

    For the mean of a class its n videos are resampled, for that of a fold its n classes, each of which brings its
    videos along: what they add to the spread of a class's mean is in the spread between classes already. A resample has
    n - 1 members, which makes the spread of its mean an unbiased estimate for small n, too (Rao and Wu, 1988); the
    interval is that many spreads to either side as Student's t asks for, with n - 1 degrees of freedom, and for the
    mean over folds with those of Welch and Satterthwaite. So it keeps its level with as few as three clusters, by being
    wide then.

    Args:
        table: Episodes.
        rng: Draws the resamples.
        replicates: Resamples.

    Returns:
        Intervals, cut to [0, 1]; None for a class of a single video, and for a fold or a mean of single classes.
    """
    return _intervals(_classes(table), rng, replicates, low=0.0)


def paired(one: pd.DataFrame, other: pd.DataFrame, rng: np.random.Generator, replicates: int = 2000) -> Comparison:
    """Compares two methods on the same episodes.

    p is the share of sign flips of the clusters' differences that give a mean as far from zero as the one found. The
    clusters are classes, and videos for the mean of a class or of fewer than `LEAST_CLASSES` classes; then p speaks of
    these classes alone. All flips are tried for up to `MOST_EXACT` clusters, otherwise `FLIPS` at random, and
    p = (found + 1) / (tried + 1).

    Args:
        one, other: Episodes, in any order.
        rng: Draws resamples and flips.
        replicates: Resamples for the intervals, which are as of `intervals`.

    Raises:
        RunError: They are not of the same episodes.
    """
    classes = _classes(_differences(one, other))
    found = _intervals(classes, rng, replicates, low=-1.0)
    folds = _by_fold(classes)
    return Comparison(
        mean=_difference(list(folds.values()), found.mean, rng),
        folds={fold: _difference([members], found.folds[fold], rng) for fold, members in folds.items()},
        classes={each.name: _difference([[each]], found.classes[each.name], rng) for each in classes},
    )


def paired_mean(one: pd.DataFrame, other: pd.DataFrame, rng: np.random.Generator, replicates: int = 2000) -> Difference:
    """Returns the mean of what `paired` returns, given the same, in a part of its time. Raises RunError likewise."""
    classes = _classes(_differences(one, other))
    found = _intervals(classes, rng, replicates, low=-1.0)
    return _difference(list(_by_fold(classes).values()), found.mean, rng)


def tie_ranks(tables: Sequence[pd.DataFrame], rng: np.random.Generator) -> list[int]:
    """Ranks methods on the same episodes, from the best mean J&F down; those of a group share a rank.

    A method joins the group above it if the paired test of all episodes does not separate it from the group's best.

    Args:
        tables: Episodes of each method, the best mean J&F first.
        rng: Draws flips.

    Returns:
        The rank of each method, such as 1, 1, 3.
    """
    ranks: list[int] = []
    best = 0
    for place, table in enumerate(tables):
        if place and paired_mean(tables[best], table, rng, replicates=2).p.JF < SIGNIFICANT:
            best = place
        ranks.append(best + 1)
    return ranks


def spread(values: Sequence[float]) -> float | None:
    """Returns the standard deviation (n - 1) of means over support draws or training seeds; None for fewer than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    first, second = (table.set_index(_KEYS)[["J", "F"]].sort_index() for table in (one, other))
    if not first.index.equals(second.index):
        common = len(first.index.intersection(second.index))
        raise RunError(
            f"Only episodes that both have can be compared, and all of them: {common} are common, of {len(first)} and "
            f"{len(second)}. Evaluate both on the same folds and draws."
        )
    return (first - second).reset_index()


def _classes(table: pd.DataFrame) -> list[_Class]:
    """Returns the classes in order of fold and name."""
    by_video = table.groupby(["fold", "class", "video", "draw"], as_index=False)[["J", "F"]].mean()
    classes = []
    for key, rows in by_video.groupby(["fold", "class"]):
        fold, name = map(str, key)
        videos, draws = (np.unique(rows[column], return_inverse=True) for column in ("video", "draw"))
        values = np.full((len(videos[0]), len(draws[0]), 3), np.nan)
        values[videos[1], draws[1]] = np.stack([rows["J"], rows["F"], (rows["J"] + rows["F"]) / 2], axis=-1)
        present = ~np.isnan(values[..., 0])
        classes.append(_Class(int(fold), name, np.nan_to_num(values), present.astype(np.float64)))
    return classes


def _by_fold(classes: Sequence[_Class]) -> dict[int, list[_Class]]:
    folds: dict[int, list[_Class]] = {}
    for each in classes:
        folds.setdefault(each.fold, []).append(each)
    return folds


def _intervals(classes: Sequence[_Class], rng: np.random.Generator, replicates: int, low: float) -> Intervals:
    of_classes = {}
    for each in classes:
        weights = _resamples(len(each.values), replicates, rng)
        of_classes[each.name] = _interval(each.mean, each.means(weights), len(each.values) - 1, low)
    folds = {fold: [each.mean for each in members] for fold, members in _by_fold(classes).items()}
    resampled = {}
    for fold, means in folds.items():
        weights = _resamples(len(means), replicates, rng)
        resampled[fold] = weights @ np.stack(means) / weights.sum(axis=1, keepdims=True)
    centres = {fold: np.mean(means, axis=0) for fold, means in folds.items()}
    freedoms = {fold: len(means) - 1 for fold, means in folds.items()}
    return Intervals(
        mean=_interval(
            np.mean(list(centres.values()), axis=0),
            np.mean(list(resampled.values()), axis=0),
            _pooled_freedom(resampled, freedoms),
            low,
        ),
        folds={fold: _interval(centres[fold], resampled[fold], freedoms[fold], low) for fold in folds},
        classes=of_classes,
    )


def _resamples(count: int, replicates: int, rng: np.random.Generator) -> Values:
    """Returns how often each of `count` clusters is in each resample of one fewer, float64 [replicates, count]."""
    drawn = (rng.random((replicates, max(count - 1, 1))) * count).astype(np.int64)
    places = drawn + count * np.arange(replicates)[:, None]
    return np.bincount(places.ravel(), minlength=replicates * count).reshape(replicates, count).astype(np.float64)


def _pooled_freedom(resampled: Mapping[int, Values], freedoms: Mapping[int, int]) -> Values | int:
    """Returns the degrees of freedom of the mean over folds, [3]: those of a fold count as much as its spread."""
    if not all(freedoms.values()):
        return 0
    variances = np.stack([means.var(axis=0) for means in resampled.values()])
    shares = variances**2 / np.array(list(freedoms.values()))[:, None]
    most = np.full(variances.shape[1], float(sum(freedoms.values())))
    return np.asarray(np.divide(variances.sum(axis=0) ** 2, shares.sum(axis=0), out=most, where=shares.sum(axis=0) > 0))


def _interval(centre: Values, resampled: Values, freedom: Values | int, low: float) -> Interval | None:
    """Returns the interval around a centre [3], given the resampled means [R, 3] and the degrees of freedom."""
    if np.min(freedom) < 1:
        return None
    reach = student.ppf((1 + LEVEL) / 2, freedom) * np.nanstd(resampled, axis=0)
    return Interval(low=_score(np.maximum(centre - reach, low)), high=_score(np.minimum(centre + reach, 1.0)))


def _difference(folds: Sequence[Sequence[_Class]], interval: Interval | None, rng: np.random.Generator) -> Difference:
    """Returns the mean difference over folds of classes, with its p."""
    by_class = [each.mean / len(members) / len(folds) for members in folds for each in members]
    shares = np.stack(by_class)
    if len(by_class) < LEAST_CLASSES:
        by_video = [each.shares / len(members) / len(folds) for members in folds for each in members]
        shares = np.concatenate(by_video)
    return Difference(_score(np.sum(by_class, axis=0)), interval, _score(_flip_p(shares, rng)))


def _flip_p(shares: Values, rng: np.random.Generator) -> Values:
    """Returns the p of a sum of shares [n, 3] under flips of their signs, [3]."""
    count = len(shares)
    is_exact = count <= MOST_EXACT
    signs = (
        np.array(list(product((1, -1), repeat=count)))
        if is_exact
        else np.where(rng.random((FLIPS, count)) < 0.5, 1, -1)
    )
    sums = np.abs(signs @ shares)
    # Sums that are equal may differ in their last bits.
    extreme = (sums >= np.abs(shares.sum(axis=0)) - 1e-12).sum(axis=0)
    return np.asarray(extreme / len(signs) if is_exact else (extreme + 1) / (FLIPS + 1))


def _score(values: Values) -> Score:
    J, F, JF = (float(value) for value in values)
    return Score(J=J, F=F, JF=JF)
