"""Which method of a table is best on some of its episodes, by how much, and whether a test tells it from the next."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.slices import Slicer
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import separated
from fsbench.leaderboard.tables import Table
from fsbench.scores.separation import letters
from fsbench.scores.statistics import Difference
from fsbench.scores.statistics import paired_mean
from fsbench.splits.binning import Attribute
from fsbench.streams import named_stream

__all__ = ["FoldRank", "Lead", "fold_ranks", "lead_of"]


@dataclass(frozen=True)
class Lead:
    """The best method on some episodes.

    Attributes:
        best: Number of its row.
        score: Its headline.
        episodes: How many they are.
        next: Number of the next best's row; None if there is no other.
        next_score: The next best's headline.
        difference: The best less the next.
        is_separated: Whether the test separates these two, over all pairs of the table's methods on these episodes.
    """

    best: int
    score: float
    episodes: int
    next: int | None = None
    next_score: float | None = None
    difference: Difference | None = None
    is_separated: bool = False


@dataclass(frozen=True)
class FoldRank:
    """The rank of a row among all that have a fold.

    Attributes:
        fold: The fold.
        place: By the headline of the fold, 1 for the best.
        of: How many rows have it.
        groups: The letters of its groups; see `Row.rank`.
    """

    fold: int
    place: int
    of: int
    groups: str


def lead_of(
    table: Table, slicer: Slicer | None = None, attribute: Attribute | None = None, label: str = ""
) -> Lead | None:
    """Returns the lead on all episodes of a table, or in a slice of an attribute.

    Oracles, and entries without a mean or without scores of episodes, do not count.

    Args:
        table: The table.
        slicer, attribute, label: Whose slice; None for all episodes.

    Returns:
        The lead; None if no method is there, if the slice has no episodes, or if not all methods have the same
        episodes, averaged as the tests are for.

    Raises:
        ManifestError: A method has scores of other sentences than the slicer.
    """
    able = [i for i, row in enumerate(table.rows) if row.entry.mean and row.entry.details and not row.entry.is_oracle]
    if not has_chain(table.protocol) or len({table.rows[i].entry.episodes_digest for i in able}) != 1:
        return None
    keys = table.rows[able[0]].entry.known_details.prepared.keys
    samples = [table.rows[i].entry.sample for i in able]
    scores = [summary.mean.headline for i in able if (summary := table.rows[i].entry.mean)]
    count = len(keys)
    if slicer is not None and attribute is not None:
        chosen = (slicer.labels(keys, attribute) == label).to_numpy()
        count = int(chosen.sum())
        if not count:
            return None
        samples = [sample.only(chosen) for sample in samples]
        scores = [slicer.slices(table.rows[i].entry, attribute)[label].score.headline for i in able]
    order = sorted(range(len(able)), key=lambda place: -scores[place])
    first = order[0]
    if len(order) == 1:
        return Lead(able[first], scores[first], count)
    second = order[1]
    rng = named_stream(0, "compare", table.manifest_digest)
    pair = (min(first, second), max(first, second))
    return Lead(
        able[first],
        scores[first],
        count,
        able[second],
        scores[second],
        paired_mean(samples[first], samples[second], rng, table.names),
        pair in separated(samples, table.manifest_digest, table.names),
    )


def fold_ranks(table: Table) -> dict[int, list[FoldRank]]:
    """Returns the ranks of rows without a mean over all folds, by number of the row, in each fold that they have.

    A fold with failed episodes, or of other episodes than the best row's that has it, is in none.
    """
    partial = {i for i, row in enumerate(table.rows) if row.cells[-1].value is None and not row.entry.is_oracle}
    found: dict[int, list[FoldRank]] = {}
    if not has_chain(table.protocol):
        return found
    for fold in sorted({each.fold for i in partial for each in table.rows[i].entry.folds}):
        able = [i for i, row in enumerate(table.rows) if _has(row, fold)]
        if not able:
            continue
        scores = {i: _headline(table.rows[i], fold) for i in able}
        order = sorted(able, key=lambda i: -scores[i])
        by_row = {i: table.rows[i].entry.sample.only(_of_fold(table.rows[i], fold)) for i in order}
        wanted = by_row[order[0]].first.keys_digest
        paired = {i: sample for i, sample in by_row.items() if sample.first.keys_digest == wanted}
        groups = letters(len(paired), separated(list(paired.values()), table.manifest_digest, table.names))
        for place, (i, group) in enumerate(zip(paired, groups, strict=True), start=1):
            if i in partial:
                found.setdefault(i, []).append(FoldRank(fold, place, len(paired), group))
    return found


def _has(row: Row, fold: int) -> bool:
    is_whole = any(each.fold == fold and not each.failed for each in row.entry.folds)
    return is_whole and row.entry.details is not None and not row.entry.is_oracle


def _headline(row: Row, fold: int) -> float:
    return next(each.score.mean.headline for each in row.entry.folds if each.fold == fold)


def _of_fold(row: Row, fold: int) -> npt.NDArray[np.bool_]:
    return np.asarray(row.entry.known_details.prepared.keys["fold"] == fold)
