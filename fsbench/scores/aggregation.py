"""From score rows to means, by the chain of averages that a protocol declares."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from fsbench.metrics import mean
from fsbench.protocol import Protocol
from fsbench.scores.metrics import count_columns
from fsbench.scores.metrics import count_name
from fsbench.scores.metrics import is_count
from fsbench.scores.metrics import metrics_of_sums
from fsbench.scores.results import ClassResult
from fsbench.scores.results import DrawResult
from fsbench.scores.results import Score
from fsbench.scores.results import summarise
from fsbench.scores.results import Summary
from fsbench.splits.manifest import Manifest

__all__ = ["KEYS", "FoldScores", "aggregate", "fold_scores", "keyed_scores", "scores_by", "values_of"]

KEYS = ("fold", "draw", "class", "video", "expression", "frame")
"""The columns that say where a score row belongs, from the outside in."""


class FoldScores(NamedTuple):
    """The scores of a fold.

    Attributes:
        score: Over its draws.
        draws: Of each draw.
        classes: Of each class, in class-id order.
    """

    score: Summary
    draws: tuple[DrawResult, ...]
    classes: tuple[ClassResult, ...]


def fold_scores(rows: pd.DataFrame, manifest: Manifest, protocol: Protocol) -> dict[int, FoldScores]:
    """Averages the score rows of episodes.

    Args:
        rows: Columns episode_id and frame, those of `count_columns`, and one for each metric, NaN where it does not
            apply.
        manifest: Says where each episode belongs.
        protocol: Says what is averaged, and how.

    Returns:
        The scores by fold.
    """
    episodes = manifest.tables["episodes"].drop(["support_id", "object_ids"]).to_pandas()
    keyed = rows.merge(episodes, on="episode_id", validate="many_to_one")
    keyed["class"] = keyed["class_id"].map(manifest.class_names)
    keyed = keyed.rename(columns={"video_id": "video", "expression_id": "expression"})[
        [*KEYS, *values_of(rows.drop(columns="episode_id")), *count_columns(protocol.metrics)]
    ]
    return keyed_scores(keyed, protocol.chain or (), list(manifest.class_names.values()), protocol)


def values_of(table: pd.DataFrame) -> list[str]:
    """Returns the columns of a table that are metrics: those that are neither of `KEYS` nor counts."""
    return [str(column) for column in table.columns if column not in KEYS and not is_count(column)]


def keyed_scores(
    keyed: pd.DataFrame, chain: Sequence[str], class_names: Sequence[str], protocol: Protocol
) -> dict[int, FoldScores]:
    """Averages rows that say themselves where they belong.

    Args:
        keyed: Metrics, the counts of `count_columns`, and those of `KEYS` that the chain names, fold, draw and class
            among them.
        chain: The protocol's, or what is left of it where rows are means already.
        class_names: In class-id order.
        protocol: Says what is reported. A metric of sums is that of all rows of a draw, or of a class in it; what the
            draws and folds come to is a mean, as of any metric.

    Returns:
        The scores by fold.
    """
    by_draw = scores_by(keyed, chain, ("fold", "draw"), protocol)
    in_class = [level for level in chain if level != "class"]
    by_class = scores_by(keyed, in_class, ("fold", "class", "draw"), protocol)
    results = {}
    for fold in dict.fromkeys(int(key[0]) for key in by_draw):
        draws = {int(draw): score for (f, draw), score in by_draw.items() if f == fold}
        classes: dict[str, list[Score]] = {name: [] for name in class_names}
        for (f, name, _), score in by_class.items():
            if f == fold:
                classes[str(name)].append(score)
        results[fold] = FoldScores(
            summarise(list(draws.values())),
            tuple(DrawResult(draw=draw, score=score) for draw, score in draws.items()),
            tuple(ClassResult(name=name, score=summarise(found)) for name, found in classes.items() if found),
        )
    return results


def aggregate(rows: pd.DataFrame, chain: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Averages score rows over one level after the other.

    Args:
        rows: Columns `KEYS` and metrics, NaN where one does not apply: a mean is of what applies. The order of rows
            does not matter.
        chain: Levels from the inside out; each mean is taken in the order of the level that goes, with numpy's
            summation. A level that is neither in the chain nor a key is pooled with the innermost.
        keys: Columns to keep: some of `KEYS`, and others that are no metrics.

    Returns:
        Columns `keys` and metrics, a row for each combination of keys, sorted by them.
    """
    rows = rows.sort_values([column for column in KEYS if column in rows], ignore_index=True)
    values = [name for name in values_of(rows) if name not in keys]
    rows = rows[[*keys, *reversed(chain), *values]]
    for level in chain:
        rows = _mean_over(rows, level, values)
    return rows


def _mean_over(rows: pd.DataFrame, level: str, values: Sequence[str]) -> pd.DataFrame:
    keys = [column for column in rows.columns if column not in (level, *values)]
    if not keys:
        return pd.DataFrame({name: [mean(rows[name].to_numpy())] for name in values})
    rows = rows.sort_values([*keys, level], kind="stable", ignore_index=True)
    starts = np.flatnonzero((rows[keys] != rows[keys].shift()).any(axis=1).to_numpy())
    means = {name: list(map(mean, np.split(rows[name].to_numpy(), starts[1:]))) for name in values}
    return rows.loc[starts, keys].reset_index(drop=True).assign(**means)


def scores_by(
    rows: pd.DataFrame, chain: Sequence[str], keys: Sequence[str], protocol: Protocol
) -> dict[tuple[int | str, ...], Score]:
    """Returns `aggregate`, and metrics of sums, as a score for each combination of keys."""
    means = aggregate(rows, chain, keys)
    if found := metrics_of_sums(protocol.metrics):
        sums = rows.groupby(list(keys), as_index=False)[list(count_columns(protocol.metrics))].sum()
        means = means.drop(columns=[metric.label for metric in found]).merge(sums, on=list(keys), validate="one_to_one")
        for metric in found:
            counts = (means[count_name(need)].to_numpy()[:, None] for need in metric.needs)
            means[metric.label] = [float(metric.function(*each)[0]) for each in zip(*counts, strict=True)]
    values = means.drop(columns=list(keys)).to_dict("records")
    named = zip(means[list(keys)].itertuples(index=False, name=None), values, strict=True)
    return {key: Score.of({str(name): value for name, value in row.items()}, protocol.names) for key, row in named}
