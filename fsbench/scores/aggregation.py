"""From score rows to means, by the chain of averages that a protocol declares."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.metrics import means_of_runs
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

if TYPE_CHECKING:
    import pandas as pd  # which masks from outside are scored without

__all__ = ["KEYS", "Columns", "FoldScores", "aggregate", "fold_scores", "keyed_scores", "scores_by", "values_of"]

KEYS = ("fold", "draw", "class", "video", "expression", "frame")
"""The columns that say where a score row belongs, from the outside in."""

Columns = Mapping[str, npt.NDArray[Any]]  # Any: numbers or texts
"""A table by the names of its columns, [N] each; texts are objects."""

_OF_EPISODES = {
    "fold": "fold",
    "draw": "draw",
    "class": "class_id",
    "video": "video_id",
    "expression": "expression_id",
}
"""What `KEYS` are called in the manifest's table."""

_Places = npt.NDArray[np.intp]


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


def fold_scores(rows: "Columns | pd.DataFrame", manifest: Manifest, protocol: Protocol) -> dict[int, FoldScores]:
    """Averages the score rows of episodes.

    Args:
        rows: Columns episode_id and frame, those of `count_columns`, and one for each metric, NaN where it does not
            apply.
        manifest: Says where each episode belongs.
        protocol: Says what is averaged, and how.

    Returns:
        The scores by fold.
    """
    columns = _as_columns(rows)
    episodes = manifest.tables["episodes"]
    row_of = {episode_id: row for row, episode_id in enumerate(episodes["episode_id"].to_pylist())}
    places = np.array([row_of[episode_id] for episode_id in columns.pop("episode_id").tolist()], np.intp)
    about = {key: episodes[name].to_pylist() for key, name in _OF_EPISODES.items()}  # to_numpy would import pandas
    names = manifest.class_names
    about["class"] = [names[class_id] for class_id in about["class"]]
    sorts = {key: int if key in ("fold", "draw") else object for key in about}
    keyed = columns | {key: np.array(values, sorts[key])[places] for key, values in about.items()}
    return keyed_scores(keyed, protocol.chain or (), list(names.values()), protocol)


def values_of(table: "Columns | pd.DataFrame") -> list[str]:
    """Returns the columns of a table that are metrics: those that are neither of `KEYS` nor counts."""
    return [name for name in map(str, table) if name not in KEYS and not is_count(name)]


def keyed_scores(
    keyed: "Columns | pd.DataFrame", chain: Sequence[str], class_names: Sequence[str], protocol: Protocol
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


def aggregate(rows: "Columns | pd.DataFrame", chain: Sequence[str], keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Averages score rows over one level after the other.

    Args:
        rows: Columns `KEYS` and metrics, NaN where one does not apply: a mean is of what applies. The order of rows
            does not matter.
        chain: Levels from the inside out; each mean is taken in the order of the level that goes, with numpy's
            summation. A level that is neither in the chain nor a key is pooled with the innermost.
        keys: Columns to keep: some of `KEYS`, and others that are no metrics.

    Returns:
        `Columns` of keys and metrics, a row for each combination of keys, sorted by them.
    """
    columns = _as_columns(rows)
    sorts = {name: _sort(columns[name]) for name in dict.fromkeys([*keys, *chain, *KEYS]) if name in columns}
    values = {name: columns[name] for name in values_of(columns) if name not in keys}
    order = np.lexsort([sorts[name] for name in reversed(KEYS) if name in sorts])
    levels = [*keys, *reversed(chain)]
    for level in chain:
        levels.remove(level)
        order = order[np.lexsort([sorts[name][order] for name in (level, *reversed(levels))])]
        starts = _starts([sorts[name][order] for name in levels])
        values = {name: means_of_runs(column[order], starts) for name, column in values.items()}
        firsts = order[starts]
        sorts = {name: sorts[name][firsts] for name in levels}
        columns = {name: columns[name][firsts] for name in levels}
        order = np.arange(len(starts))
    return {name: columns[name][order] for name in keys} | {name: column[order] for name, column in values.items()}


def _as_columns(rows: "Columns | pd.DataFrame") -> dict[str, npt.NDArray[Any]]:
    return {str(name): np.asarray(values) for name, values in rows.items()}


def _sort(column: npt.NDArray[Any]) -> _Places:
    """Returns the number of each value of a column among those that it has, in order, [N]."""
    values = column.tolist()
    number = {value: place for place, value in enumerate(sorted(set(values)))}
    return np.array([number[value] for value in values], np.intp)


def _starts(sorts: Sequence[_Places]) -> _Places:
    """Returns where each run of rows begins that are the same in all of some columns, [N] each; 0 of no columns."""
    is_new = [np.diff(column) != 0 for column in sorts]
    return np.concatenate([[0], np.flatnonzero(np.any(is_new, axis=0)) + 1] if is_new else [[0]]).astype(np.intp)


def scores_by(
    rows: "Columns | pd.DataFrame", chain: Sequence[str], keys: Sequence[str], protocol: Protocol
) -> dict[tuple[int | str, ...], Score]:
    """Returns `aggregate`, and metrics of sums, as a score for each combination of keys."""
    columns = _as_columns(rows)
    means = aggregate(columns, chain, keys)
    if found := metrics_of_sums(protocol.metrics):
        sorts = [_sort(columns[name]) for name in keys]
        order = np.lexsort(sorts[::-1])
        starts = _starts([column[order] for column in sorts])
        sums = {name: np.add.reduceat(columns[name][order], starts) for name in count_columns(protocol.metrics)}
        for metric in found:
            counts = (sums[count_name(need)][:, None] for need in metric.needs)
            means[metric.label] = np.array([metric.function(*each)[0] for each in zip(*counts, strict=True)], float)
    named = zip(*(means.pop(name).tolist() for name in keys), strict=True)
    rows_of = zip(*(column.tolist() for column in means.values()), strict=True)
    return {
        key: Score.of(dict(zip(means, values, strict=True)), protocol.names)
        for key, values in zip(named, rows_of, strict=True)
    }
