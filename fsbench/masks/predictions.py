"""Predictions on disk: Parquet parts of COCO run-length codes, one row per episode and frame."""

from collections.abc import Iterable
from collections.abc import Sequence

import pyarrow as pa

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
    episode_ids: Iterable[str], frames: Sequence[str], codes: Iterable[Sequence[bytes]], size: tuple[int, int]
) -> pa.Table:
    """Returns the rows of some episodes over the same T frames.

    Args:
        episode_ids: Their ids.
        frames: Names of the T frames.
        codes: For each episode, the run-length codes of its T masks.
        size: (height, width) of the masks.
    """
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for episode_id, episode_codes in zip(episode_ids, codes, strict=True):
        columns["episode_id"] += [episode_id] * len(frames)
        columns["frame"] += frames
        columns["counts"] += episode_codes
    for name, side in zip(("height", "width"), size, strict=True):
        columns[name] += [side] * len(columns["frame"])
    return pa.table(columns, schema=SCHEMA)
