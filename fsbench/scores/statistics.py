"""Which differences are real: intervals of means, paired tests and ranks with ties. Tables in, numbers out.

A table has a row for each episode with the columns fold, class, draw, video, expression, and one for each metric, NaN
where it does not apply: means are of what applies, and a class in which nothing does is left out. What is drawn at
random does not depend on how many metrics there are. Its mean is that of the protocol `standard`: over the sentences of
a video, the videos of a class, the classes of a fold and the folds; and over the support draws. Classes are seen as a
sample of the classes there might be, and videos as a sample of those that a class might have. Support draws and weights
are taken as they are: how much these matter, `spread` says.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fsbench.errors import RunError
from fsbench.protocol import mean_of_metrics
from fsbench.protocol import NAMES
from fsbench.scores.aggregation import values_of
from fsbench.scores.results import Interval
from fsbench.scores.results import Intervals
from fsbench.scores.results import Score
from fsbench.splits.ids import parse_episode_id

__all__ = [
    "CHAIN",
    "Comparison",
    "Difference",
    "Episodes",
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
_GROUP = ["fold", "class", "video", "draw"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference of two methods on the same episodes.

    Attributes:
        mean: The first less the second.
        interval: 95 %; None for a single cluster.
        p: Two-sided, of sign flips; for each value.
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
        values: Of each video and draw, a mean over its sentences, float64 [V, D, M]; 0 where missing.
        present: Whether there is one, float64 in {0, 1} [V, D, M].
    """

    fold: int
    name: str
    values: Values
    present: Values

    def means(self, weights: Values) -> Values:
        """Returns the class's means [R, M] for weights of its videos [R, V]; a draw without any of them is left out."""
        sums = np.einsum("rv,vdm->rdm", weights, self.values)
        counts = np.einsum("rv,vdm->rdm", weights, self.present)
        return _mean_of_known(_ratio(sums, counts), axis=1)

    @property
    def mean(self) -> Values:
        """The class's mean [M]."""
        return np.asarray(self.means(np.ones((1, len(self.values))))[0])

    @property
    def shares(self) -> Values:
        """What each video adds to the class's mean, [V, M]."""
        counts = self.present.sum(axis=0)
        draws = np.maximum((counts > 0).sum(axis=0), 1)
        weights = np.divide(self.present, np.maximum(counts, 1)) / draws
        return np.asarray((self.values * weights).sum(axis=1))


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

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Episodes":
        """Returns the episodes of a table, in any order."""
        ordered = table.sort_values(_KEYS, ignore_index=True)
        return cls(ordered[_KEYS], ordered[values_of(ordered)])

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """The number of the group of each, int64 [N]: those of one fold, class, video and draw, sorted by these."""
        return np.asarray(self.keys.groupby(_GROUP).ngroup(), np.int64)

    @cached_property
    def places(self) -> Sequence["_Place"]:
        """Where each class's groups go, in order of fold and name."""
        rows = self.keys[_GROUP].drop_duplicates().sort_values(_GROUP, ignore_index=True)
        found = []
        for (fold, name), of_class in rows.groupby(["fold", "class"]):
            videos, draws = (np.unique(of_class[column], return_inverse=True) for column in ("video", "draw"))
            start = int(of_class.index[0])
            shape = (len(videos[0]), len(draws[0]))
            groups = slice(start, start + len(of_class))
            found.append(_Place(int(str(fold)), str(name), groups, videos[1], draws[1], shape))
        return found

    def less(self, other: "Episodes") -> "Episodes":
        """Returns the differences to others of the same episodes. Raises RunError if they are of others."""
        if not self.keys.equals(other.keys):
            common = len(self.keys.merge(other.keys))
            raise RunError(
                f"Only episodes that both have can be compared, and all of them: {common} are common, of "
                f"{len(self.keys)} and {len(other.keys)}. Evaluate both on the same folds and draws."
            )
        found = Episodes(self.keys, self.values - other.values)
        vars(found).update(groups=self.groups, places=self.places)
        return found


class _Place(NamedTuple):
    """Where a class's groups go.

    Attributes:
        fold, name: Of the class.
        groups: Which they are.
        videos, draws: Of each the video and the draw, by number.
        shape: How many videos and draws there are.
    """

    fold: int
    name: str
    groups: slice
    videos: npt.NDArray[np.int64]
    draws: npt.NDArray[np.int64]
    shape: tuple[int, int]


def episode_table(ids: Iterable[str], values: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Returns the table of episodes with their metrics. Raises RunError if an id is none of an episode."""
    keys = map(parse_episode_id, ids)
    rows = [(key.fold, key.class_name, key.draw, key.video_id, key.expression_id) for key in keys]
    return pd.DataFrame(rows, columns=_KEYS).assign(
        **{name: np.asarray(column, float) for name, column in values.items()}
    )


def intervals(
    table: pd.DataFrame,
    rng: np.random.Generator,
    replicates: int = 2000,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Intervals:
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
        names: What the intervals are of: metrics of the table, and means of these; see `fsbench.protocol`.
        unbounded: Those of them that are no shares.

    Returns:
        Intervals, those of shares cut to [0, 1]; None for a class of a single video, and for a fold or a mean of single
        classes.
    """
    return _intervals(_classes(_prepared(table), names), names, rng, replicates, _bounds(0.0, names, unbounded))


def paired(
    one: pd.DataFrame,
    other: pd.DataFrame,
    rng: np.random.Generator,
    replicates: int = 2000,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Comparison:
    """Compares two methods on the same episodes.

    p is the share of sign flips of the clusters' differences that give a mean as far from zero as the one found. The
    clusters are classes, and videos for the mean of a class or of fewer than `LEAST_CLASSES` classes; then p speaks of
    these classes alone. All flips are tried for up to `MOST_EXACT` clusters, otherwise `FLIPS` at random, and
    p = (found + 1) / (tried + 1).

    Args:
        one, other: Episodes, in any order.
        rng: Draws resamples and flips.
        replicates: Resamples for the intervals, which are as of `intervals`.
        names, unbounded: As of `intervals`.

    Raises:
        RunError: They are not of the same episodes.
    """
    classes = _classes(_prepared(one).less(_prepared(other)), names)
    found = _intervals(classes, names, rng, replicates, _bounds(-1.0, names, unbounded))
    folds = _by_fold(classes)
    return Comparison(
        mean=_difference(list(folds.values()), names, found.mean, rng),
        folds={fold: _difference([members], names, found.folds[fold], rng) for fold, members in folds.items()},
        classes={each.name: _difference([[each]], names, found.classes[each.name], rng) for each in classes},
    )


def paired_mean(
    one: pd.DataFrame | Episodes,
    other: pd.DataFrame | Episodes,
    rng: np.random.Generator,
    replicates: int = 2000,
    names: Sequence[str] = NAMES,
    unbounded: Collection[str] = (),
) -> Difference:
    """Returns the mean of what `paired` returns, given the same, in a part of its time. Raises RunError likewise."""
    classes = _classes(_prepared(one).less(_prepared(other)), names)
    for each in classes:  # whose intervals are not wanted
        _pass_over(rng, replicates * _drawn_of(len(each.values)))
    found = _mean_intervals(classes, names, rng, replicates, _bounds(-1.0, names, unbounded), {})
    return _difference(list(_by_fold(classes).values()), names, found.mean, rng)


def tie_ranks(
    tables: Sequence[pd.DataFrame | Episodes], rng: np.random.Generator, names: Sequence[str] = NAMES
) -> list[int]:
    """Ranks methods on the same episodes, from the best mean headline down; those of a group share a rank.

    A method joins the group above it if the paired test of all episodes does not separate it from the group's best.

    Args:
        tables: Episodes of each method, the best mean headline first.
        rng: Draws flips.
        names: As of `intervals`; the last is the headline.

    Returns:
        The rank of each method, such as 1, 1, 3.
    """
    ranks: list[int] = []
    best = 0
    for place, table in enumerate(tables):
        if place and paired_mean(tables[best], table, rng, 2, names).p.headline < SIGNIFICANT:
            best = place
        ranks.append(best + 1)
    return ranks


def spread(values: Sequence[float]) -> float | None:
    """Returns the standard deviation (n - 1) of means over support draws or training seeds; None for fewer than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _prepared(table: pd.DataFrame | Episodes) -> Episodes:
    return table if isinstance(table, Episodes) else Episodes.of(table)


def _classes(episodes: Episodes, names: Sequence[str]) -> list[_Class]:
    """Returns the classes in order of fold and name."""
    by_group = episodes.values.groupby(episodes.groups).mean()
    columns = np.stack([mean_of_metrics(metric, by_group) for metric in names], axis=-1)
    classes = []
    for place in episodes.places:
        values = np.full((*place.shape, len(names)), np.nan)
        values[place.videos, place.draws] = columns[place.groups]
        present = ~np.isnan(values)
        classes.append(_Class(place.fold, place.name, np.nan_to_num(values), present.astype(np.float64)))
    return classes


def _ratio(sums: Values, counts: Values) -> Values:
    """Returns sums / counts, NaN where nothing was counted."""
    return np.asarray(np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0))


def _mean_of_known(values: Values, axis: int) -> Values:
    """Returns the mean of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    sums = np.sum(np.where(known, values, 0.0), axis=axis)
    return _ratio(sums, np.sum(known, axis=axis).astype(np.float64))


def _by_fold(classes: Sequence[_Class]) -> dict[int, list[_Class]]:
    folds: dict[int, list[_Class]] = {}
    for each in classes:
        folds.setdefault(each.fold, []).append(each)
    return folds


def _intervals(
    classes: Sequence[_Class], names: Sequence[str], rng: np.random.Generator, replicates: int, bounds: Values
) -> Intervals:
    of_classes = {}
    for each in classes:
        weights = _resamples(len(each.values), replicates, rng)
        freedom = np.sum(each.present.any(axis=1), axis=0) - 1.0
        of_classes[each.name] = _interval(names, each.mean, each.means(weights), freedom, bounds)
    return _mean_intervals(classes, names, rng, replicates, bounds, of_classes)


def _mean_intervals(
    classes: Sequence[_Class],
    names: Sequence[str],
    rng: np.random.Generator,
    replicates: int,
    bounds: Values,
    of_classes: dict[str, Interval | None],
) -> Intervals:
    """Returns the intervals of folds and of their mean, with those of classes as they are given."""
    folds = {fold: [each.mean for each in members] for fold, members in _by_fold(classes).items()}
    resampled, freedoms = {}, {}
    for fold, means in folds.items():
        weights = _resamples(len(means), replicates, rng)
        stacked = np.stack(means)
        known = ~np.isnan(stacked)
        resampled[fold] = _ratio(weights @ np.where(known, stacked, 0.0), weights @ known)
        freedoms[fold] = np.sum(known, axis=0) - 1.0
    centres = {fold: _mean_of_known(np.stack(means), axis=0) for fold, means in folds.items()}
    return Intervals(
        mean=_interval(
            names,
            _mean_of_known(np.stack(list(centres.values())), axis=0),
            _mean_of_known(np.stack(list(resampled.values())), axis=0),
            _pooled_freedom(resampled, freedoms),
            bounds,
        ),
        folds={fold: _interval(names, centres[fold], resampled[fold], freedoms[fold], bounds) for fold in folds},
        classes=of_classes,
    )


def _resamples(count: int, replicates: int, rng: np.random.Generator) -> Values:
    """Returns how often each of `count` clusters is in each resample of one fewer, float64 [replicates, count]."""
    drawn = (rng.random((replicates, _drawn_of(count))) * count).astype(np.int64)
    places = drawn + count * np.arange(replicates)[:, None]
    return np.bincount(places.ravel(), minlength=replicates * count).reshape(replicates, count).astype(np.float64)


def _drawn_of(count: int) -> int:
    """Returns how many of `count` clusters a resample draws."""
    return max(count - 1, 1)


def _pass_over(rng: np.random.Generator, count: int) -> None:
    """Leaves a stream as it is after `count` doubles were drawn."""
    if isinstance(rng.bit_generator, np.random.PCG64):
        rng.bit_generator.advance(count)
    else:
        rng.random(count)


def _pooled_freedom(resampled: Mapping[int, Values], freedoms: Mapping[int, Values]) -> Values:
    """Returns the degrees of freedom of the mean over folds, [M]: those of a fold count as much as its spread.

    They are 0 for a value that applies in a single class of a fold; a fold in which it applies in none is left out.
    """
    of_folds = np.stack(list(freedoms.values()))
    applies = of_folds >= 0
    variances = np.where(applies, np.stack([_variance(means) for means in resampled.values()]), 0.0)
    shares = variances**2 / np.maximum(of_folds, 1.0)
    most = np.where(applies, of_folds, 0.0).sum(axis=0)
    pooled = np.divide(variances.sum(axis=0) ** 2, shares.sum(axis=0), out=most, where=shares.sum(axis=0) > 0)
    return np.asarray(np.where((of_folds == 0).any(axis=0), 0.0, pooled))


def _variance(resampled: Values) -> Values:
    """Returns the variance of what is not NaN in each column of [R, M]; 0 where all is."""
    known = ~np.isnan(resampled)
    if known.all():
        return np.asarray(resampled.var(axis=0))
    centred = np.where(known, resampled - _mean_of_known(resampled, axis=0), 0.0)
    return np.nan_to_num(_mean_of_known(np.where(known, centred**2, np.nan), axis=0))


def _bounds(low: float, names: Sequence[str], unbounded: Collection[str]) -> Values:
    """Returns the least and the largest value of each name, [2, M]."""
    ends = [(-np.inf, np.inf) if name in unbounded else (low, 1.0) for name in names]
    return np.array(ends).T


def _interval(
    names: Sequence[str], centre: Values, resampled: Values, freedom: Values, bounds: Values
) -> Interval | None:
    """Returns the interval around a centre [M], given the resampled means [R, M] and the degrees of freedom [M]."""
    if np.max(freedom) < 1:
        return None
    from scipy.special import stdtrit  # takes a quarter of a second: not before there is an interval

    reach = stdtrit(np.where(freedom < 1, np.nan, freedom), (1 + LEVEL) / 2) * np.sqrt(_variance(resampled))
    ends = np.maximum(centre - reach, bounds[0]), np.minimum(centre + reach, bounds[1])
    return Interval(low=_score(names, ends[0]), high=_score(names, ends[1]))


def _difference(
    folds: Sequence[Sequence[_Class]], names: Sequence[str], interval: Interval | None, rng: np.random.Generator
) -> Difference:
    """Returns the mean difference over folds of classes, with its p."""
    means = [np.stack([each.mean for each in members]) for members in folds]
    counts = [np.sum(~np.isnan(of_fold), axis=0) for of_fold in means]  # classes in which each value applies
    applies = np.sum([count > 0 for count in counts], axis=0)  # folds
    parts = [np.maximum(count, 1) for count in counts]
    whole = np.maximum(applies, 1)
    shares = np.concatenate([np.nan_to_num(of_fold) / part / whole for of_fold, part in zip(means, parts, strict=True)])
    mean = np.sum(shares, axis=0)
    if len(shares) < LEAST_CLASSES:
        shares = np.concatenate(
            [each.shares / part / whole for members, part in zip(folds, parts, strict=True) for each in members]
        )
    found = (np.where(applies > 0, values, np.nan) for values in (mean, _flip_p(shares, rng)))
    return Difference(_score(names, next(found)), interval, _score(names, next(found)))


def _flip_p(shares: Values, rng: np.random.Generator) -> Values:
    """Returns the p of a sum of shares [n, M] under flips of their signs, [M]."""
    count = len(shares)
    is_exact = count <= MOST_EXACT
    signs = _all_signs(count) if is_exact else np.where(rng.random((FLIPS, count)) < 0.5, 1, -1)
    sums = np.abs(signs @ shares)
    # Sums that are equal may differ in their last bits.
    extreme = (sums >= np.abs(shares.sum(axis=0)) - 1e-12).sum(axis=0)
    return np.asarray(extreme / len(signs) if is_exact else (extreme + 1) / (FLIPS + 1))


@lru_cache(maxsize=MOST_EXACT + 1)
def _all_signs(count: int) -> npt.NDArray[np.int64]:
    signs = np.array(list(product((1, -1), repeat=count)))
    signs.setflags(write=False)
    return signs


def _score(names: Sequence[str], values: Values) -> Score:
    return Score({name: float(value) for name, value in zip(names, values, strict=True)})
