"""Predictions on disk: Parquet parts of COCO run-length codes, one row per episode and frame."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsbench.masks.rle import encode_masks

__all__ = ["SCHEMA", "SENTENCES", "of_sentences", "prediction_table"]

SCHEMA = pa.schema(
    [
        ("episode_id", pa.string()),
        ("frame", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("counts", pa.binary()),
    ],
    metadata={"fsbench.schema": "predictions-1"},
)
"""`counts` is the compressed run-length code of COCO (column-major, starting with background)."""


SENTENCES = pa.schema(
    [("video", pa.string()), ("expression", pa.string()), *list(SCHEMA)[1:]],
    metadata={"fsbench.schema": "sentence-predictions-1"},
)
"""The same of sentences that are in no episode: one row per sentence and frame."""


def of_sentences(table: pa.Table, video_id: str) -> pa.Table:
    """Returns rows of `SENTENCES`, given rows of a video whose episode ids are those of its sentences."""
    columns = [pa.array([video_id] * table.num_rows, pa.string()), *table.columns]
    return pa.table(columns, schema=SENTENCES)


def prediction_table(
    episode_ids: Iterable[str], frames: Sequence[str], masks: Iterable[npt.NDArray[np.bool_]]
) -> pa.Table:
    """Returns the rows of some episodes over the same T frames, given each one's masks, bool [T, H, W]."""
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for episode_id, episode_masks in zip(episode_ids, masks, strict=True):
        length, height, width = episode_masks.shape
        columns["episode_id"] += [episode_id] * length
        columns["frame"] += frames
        columns["height"] += [height] * length
        columns["width"] += [width] * length
        columns["counts"] += encode_masks(episode_masks)
    return pa.table(columns, schema=SCHEMA)
