"""From masks to score rows: J and F of every episode and frame."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fsbench.errors import RunError
from fsbench.masks.layers import union_of
from fsbench.masks.resize import at_size
from fsbench.metrics import region_and_contour
from fsbench.protocol import Protocol
from fsbench.splits.ids import parse_episode_id

__all__ = ["SCHEMA", "score_table", "table_problem", "truth_masks"]

SCHEMA = pa.schema(
    [("episode_id", pa.string()), ("frame", pa.string()), ("J", pa.float64()), ("F", pa.float64())],
    metadata={"fsbench.schema": "scores-1"},
)

Masks = npt.NDArray[np.bool_]


def truth_masks(label_maps: npt.NDArray[np.integer], object_ids: Sequence[int], size: tuple[int, int]) -> Masks:
    """Returns the union of some objects at the size at which a protocol compares.

    Args:
        label_maps: integer [T, L, H, W], in layers.
        object_ids: Indices of the objects.
        size: (height, width); if it is not (H, W), masks are resized bilinearly and thresholded at 0.5.

    Returns:
        bool [T, height, width].
    """
    return np.stack([at_size(mask, size) for mask in union_of(label_maps, object_ids)]).view(np.bool_)


def score_table(
    episode_ids: Iterable[str],
    frames: Sequence[str],
    preds: Iterable[Masks],
    truths: Iterable[Masks],
    protocol: Protocol,
) -> pa.Table:
    """Scores some episodes over the same T frames.

    Args:
        episode_ids: Their ids.
        frames: Names of the T frames.
        preds, truths: For each episode, bool [T, H, W] at the protocol's size.
        protocol: Gives the tolerance and the frames that count.

    Returns:
        A row for every episode and frame that counts.
    """
    counted = protocol.counted(len(frames))
    names = list(frames[counted])
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for episode_id, pred, truth in zip(episode_ids, preds, truths, strict=True):
        region, contour = region_and_contour(pred[counted], truth[counted], protocol.tolerance)
        columns["episode_id"] += [episode_id] * len(names)
        columns["frame"] += names
        columns["J"] += region.tolist()
        columns["F"] += contour.tolist()
    return pa.table(columns, schema=SCHEMA)


def table_problem(table: pa.Table, schema: pa.Schema, may_lack: Collection[str] = ()) -> str:
    """Returns what a table of episodes has that it cannot have; empty for nothing.

    Args:
        table: As it was read.
        schema: What it should be; has `episode_id`, and perhaps the scores J and F.
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
    for name in {"J", "F"}.intersection(schema.names):
        values = table[name].to_numpy()
        if not ((values >= 0) & (values <= 1)).all():
            return f"{name} of a row is not in [0, 1]"
    try:
        for episode_id in pc.unique(table["episode_id"]).to_pylist():
            parse_episode_id(episode_id)
    except RunError as error:
        return str(error).rstrip(".")
    return ""
