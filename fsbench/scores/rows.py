"""From masks to score rows: what a protocol measures of every episode and frame."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fsbench.errors import RunError
from fsbench.protocol import label_of
from fsbench.scores.measuring import Measure
from fsbench.scores.measuring import Seen
from fsbench.scores.metrics import always_applies
from fsbench.scores.metrics import count_columns
from fsbench.scores.metrics import installed_metrics
from fsbench.scores.metrics import is_count
from fsbench.scores.metrics import is_share
from fsbench.splits.ids import episode_columns

__all__ = ["KEYS", "score_schema", "score_table", "table_problem"]

KEYS = ("episode_id", "frame")
"""The columns of score rows that are no metrics."""


def score_schema(metrics: Sequence[str], present: Iterable[str] = ()) -> pa.Schema:
    """Returns the columns of score rows, given the names of the metrics; for `present` see `count_columns`."""
    fields = [*((name, pa.string()) for name in KEYS), *((label_of(name), pa.float64()) for name in metrics)]
    fields += [(name, pa.int64()) for name in count_columns(metrics, present)]
    return pa.schema(fields, metadata={"fsbench.schema": "scores-1"})


def score_table(
    episode_ids: Iterable[str], frames: Sequence[str], seen: Iterable[Sequence[Seen]], measure: Measure
) -> pa.Table:
    """Scores some episodes over the same T frames.

    Args:
        episode_ids: Their ids.
        frames: Names of the T frames.
        seen: For each episode, what was seen of each of the frames that count.
        measure: Gives the metrics, and the frames that count.

    Returns:
        A row for every episode and frame that counts.

    Raises:
        PluginError: See `Measure.require_episodes`.
    """
    measure.require_episodes()
    names = list(frames[measure.protocol.counted(len(frames))])
    schema = score_schema(measure.protocol.metrics)
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    for episode_id, episode_seen in zip(episode_ids, seen, strict=True):
        scores = measure.scores(episode_seen)
        columns["episode_id"] += [episode_id] * len(names)
        columns["frame"] += names
        for name, values in measure.columns(scores, len(names)).items():
            columns[name] += values.tolist()
    return pa.table(columns, schema=schema)


def table_problem(
    table: pa.Table, schema: pa.Schema, metrics: Sequence[str] = (), may_lack: Collection[str] = ()
) -> str:
    """Returns what a table of episodes has that it cannot have; empty for nothing.

    Args:
        table: As it was read.
        schema: What it should be; has `episode_id`.
        metrics: Names of the metrics that it has columns of.
        may_lack: Columns of which a row may have no value.
    """
    try:
        table.validate(full=True)  # a reader takes bytes that are no text for text
    except pa.ArrowInvalid as error:
        return str(error)
    if not table.schema.equals(schema):
        return f"its columns are not {', '.join(schema.names)} of their types"
    if empty := [name for name in schema.names if name not in may_lack and table[name].null_count]:
        return f"a row has no {empty[0]}"
    for name, metric in installed_metrics(metrics).items():
        values = table[name].to_numpy()
        if not always_applies(metric):
            values = values[~np.isnan(values)]
        if is_share(metric) and not ((values >= 0) & (values <= 1)).all():
            return f"{name} of a row is not in [0, 1]"
        if not np.isfinite(values).all():
            return f"{name} of a row is no finite number"
    for name in filter(is_count, schema.names):
        if (table[name].to_numpy() < 0).any():
            return f"{name} of a row is below 0"
    try:
        episode_columns(table["episode_id"])
    except RunError as error:
        return str(error).rstrip(".")
    return ""
