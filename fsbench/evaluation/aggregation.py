"""From score rows to means, by the chain of averages that a protocol declares."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fsbench.evaluation.results import Score

__all__ = ["KEYS", "VALUES", "aggregate", "scores_by"]

KEYS = ("draw", "class", "video", "expression", "frame")
"""The columns that say where a score row belongs, from the outside in."""

VALUES = ("J", "F")


def aggregate(rows: pd.DataFrame, chain: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Averages score rows over one level after the other.

    Args:
        rows: Columns `KEYS` and `VALUES`. The order of rows does not matter.
        chain: Levels from the inside out; each mean is taken in the order of the level that goes, with numpy's
            summation. A level that is neither in the chain nor a key is pooled with the innermost.
        keys: Columns to keep.

    Returns:
        Columns `keys` and `VALUES`, a row for each combination of keys, sorted by them.
    """
    rows = rows.sort_values([column for column in KEYS if column in rows], ignore_index=True)
    rows = rows[[*keys, *(level for level in reversed(chain)), *VALUES]]
    for level in chain:
        rows = _mean_over(rows, level)
    return rows


def _mean_over(rows: pd.DataFrame, level: str) -> pd.DataFrame:
    keys = [column for column in rows.columns if column not in (level, *VALUES)]
    if not keys:
        return pd.DataFrame({name: [np.mean(rows[name].to_numpy())] for name in VALUES})
    rows = rows.sort_values([*keys, level], kind="stable", ignore_index=True)
    starts = np.flatnonzero((rows[keys] != rows[keys].shift()).any(axis=1).to_numpy())
    means = {name: [np.mean(group) for group in np.split(rows[name].to_numpy(), starts[1:])] for name in VALUES}
    return rows.loc[starts, keys].reset_index(drop=True).assign(**means)


def scores_by(rows: pd.DataFrame, chain: Sequence[str], keys: Sequence[str]) -> dict[tuple[object, ...], Score]:
    """Returns `aggregate` as a score for each combination of keys."""
    means = aggregate(rows, chain, keys)
    named = zip(means[list(keys)].itertuples(index=False, name=None), means["J"], means["F"], strict=True)
    return {key: Score(J=float(j), F=float(f), JF=float((j + f) / 2)) for key, j, f in named}
