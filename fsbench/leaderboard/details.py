"""What lies beside an entry: the score of every episode, and masks of a few, as Parquet files."""

import hashlib
import json
import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fsbench.errors import RunError
from fsbench.files import write_whole
from fsbench.masks.rle import valid_code
from fsbench.metrics import mean
from fsbench.protocol import label_of
from fsbench.running.runs import read_parts
from fsbench.scores.episodes import episode_table
from fsbench.scores.episodes import Episodes
from fsbench.scores.metrics import count_columns
from fsbench.scores.metrics import is_count
from fsbench.scores.rows import KEYS
from fsbench.scores.rows import table_problem
from fsbench.splits.ids import episode_columns

__all__ = [
    "Details",
    "clear_details",
    "detail_paths",
    "details_from_runs",
    "episodes_schema",
    "gallery_episodes",
    "gallery_schema",
    "read_details",
    "write_details",
]

_OF_MASKS = ("height", "width", "counts")  # which not every entry shows
PER_CLASS = 4  # episodes of a class in the gallery
IN_ALL = 256  # episodes in the gallery, where there are so many classes that each has fewer


def episodes_schema(metrics: Sequence[str], present: Iterable[str] = ()) -> pa.Schema:
    """Returns the columns of a table with a row for each episode: means over its frames by metric, and sums of counts.

    For `present` see `count_columns`.
    """
    fields = [("episode_id", pa.string()), *((label_of(name), pa.float64()) for name in metrics)]
    fields += [(name, pa.int64()) for name in count_columns(metrics, present)]
    return pa.schema(fields, metadata={"fsbench.schema": "entry-episodes-1"})


def gallery_schema(metrics: Iterable[str]) -> pa.Schema:
    """Returns the columns of a table with a row for each frame of a few episodes.

    They are its scores and, where the entry shows masks, its run-length code of COCO.
    """
    fields = [
        *((name, pa.string()) for name in KEYS),
        *((label_of(name), pa.float64()) for name in metrics),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("counts", pa.binary()),
    ]
    return pa.schema(fields, metadata={"fsbench.schema": "entry-gallery-1"})


_SCHEMAS = {"episodes": episodes_schema, "gallery": lambda metrics, _: gallery_schema(metrics)}
_SEPARATOR = "\x1f"
_NAMED = 16  # digits of the digest in the names of the files


@dataclass(frozen=True)
class Details:
    """What an entry's scores are made of.

    Attributes:
        episodes: Rows of `episodes_schema`, sorted.
        gallery: Rows of `gallery_schema`, sorted.
    """

    episodes: pa.Table
    gallery: pa.Table

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the rows, which depends on no version of the Parquet writer."""
        digest = hashlib.sha256()
        for table in filter(len, (self.episodes, self.gallery)):
            columns = [(name, table[name].to_pylist()) for name in sorted(table.column_names)]
            row = ",".join(json.dumps(name).replace("%", "%%") + ":%s" for name, _ in columns)
            lines = zip(*(_encoded(values) for _, values in columns), strict=True)
            digest.update("".join(f"{{{row}}}\n" % line for line in lines).encode("ascii"))
        return digest.hexdigest()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The episodes as `fsbench.scores.statistics` has them; not to be changed."""
        columns = dict(zip(self.episodes.column_names, self.episodes.columns, strict=True))
        return episode_table(columns.pop("episode_id"), columns)

    @cached_property
    def prepared(self) -> Episodes:
        """The same, as tests of many pairs take it."""
        return Episodes.of(self.table)


def _encoded(values: Sequence[object]) -> list[str]:
    """Returns values as JSON, of which no text has the separator in it: a call for each takes three times as long."""
    texts = [value.decode("ascii") if isinstance(value, bytes) else value for value in values]
    return json.dumps(texts, separators=(_SEPARATOR, ":"))[1:-1].split(_SEPARATOR)


def gallery_episodes(episode_ids: Iterable[str]) -> tuple[str, ...]:
    """Chooses the episodes that are shown, the same for every method.

    Args:
        episode_ids: All that were scored.

    Returns:
        Of each class `PER_CLASS` episodes of its first draw, or of many classes as many as come to `IN_ALL`, and one at
        least: those whose ids have the smallest SHA-256, each of another video where there are enough; sorted.
    """
    by_class: dict[tuple[int, str], list[tuple[int, str, str]]] = {}
    ids = list(episode_ids)
    keys = episode_columns(ids)
    columns = (keys[name].to_pylist() for name in ("fold", "class", "draw", "video"))
    for fold, name, draw, video, episode_id in zip(*columns, ids, strict=True):
        by_class.setdefault((fold, name), []).append((draw, video, episode_id))
    per_class = max(1, min(PER_CLASS, IN_ALL // max(1, len(by_class))))
    chosen: list[str] = []
    for rows in by_class.values():
        first = min(draw for draw, _, _ in rows)
        order = sorted((hashlib.sha256(i.encode()).digest(), video, i) for draw, video, i in rows if draw == first)
        seen: dict[str, int] = {}
        ranked = []
        for digest, video, episode_id in order:
            seen[video] = seen.get(video, 0) + 1
            ranked.append((seen[video], digest, episode_id))
        chosen += [episode_id for _, _, episode_id in sorted(ranked)[:per_class]]
    return tuple(sorted(chosen))


def details_from_runs(runs: Sequence[Path], metrics: Sequence[str], *, with_masks: bool) -> Details:
    """Gathers the details of finished runs.

    Args:
        runs: The folders of one method's runs, one for each fold.
        metrics: Names of those that their protocol reports.
        with_masks: Put masks into the gallery, and not scores alone.

    Raises:
        RunError: A part of a run cannot be read.
    """
    scores = pa.concat_tables([read_parts(run, "scores", metrics) for run in runs]).sort_by(
        [("episode_id", "ascending"), ("frame", "ascending")]
    )
    chosen = gallery_episodes(pc.unique(scores["episode_id"]).to_pylist())
    gallery = scores.filter(pc.is_in(scores["episode_id"], pa.array(chosen, pa.string())))
    keys = list(KEYS)
    if with_masks:
        masks = pa.concat_tables([read_parts(run, "predictions") for run in runs])
        gallery = gallery.join(masks, keys, join_type="left outer")
    schema = gallery_schema(metrics)
    for field in schema:
        if field.name not in gallery.column_names:
            gallery = gallery.append_column(field, pa.nulls(len(gallery), field.type))
    gallery = gallery.sort_by([(key, "ascending") for key in keys]).select(schema.names)
    return Details(_episode_means(scores, metrics), gallery.cast(schema).combine_chunks())


def _episode_means(scores: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """Returns the rows of `episodes_schema` for score rows that are sorted by episode and frame."""
    ids = scores["episode_id"].to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else np.array([], int)
    schema = episodes_schema(metrics, scores.column_names)
    found = {
        name: list(map(np.sum if is_count(name) else mean, np.split(scores[name].to_numpy(), starts[1:])))
        for name in schema.names[1:]
        if len(ids)
    }
    return pa.table({"episode_id": ids[starts].tolist(), **found}, schema=schema) if len(ids) else schema.empty_table()


def detail_paths(entry: Path, digest: str | None = None) -> dict[str, Path]:
    """Returns the paths of the files beside an entry's, by the name of the table.

    Args:
        entry: The path of its JSON.
        digest: Of the details; None for the names that these files had before 0.2, the same for any content.
    """
    part = "" if digest is None else f".{digest[:_NAMED]}"
    return {name: entry.with_suffix(f"{part}.{name}.parquet") for name in _SCHEMAS}


def write_details(entry: Path, details: Details) -> None:
    """Writes the files beside an entry's, each whole, under names of their own: those of other details stay."""
    for name, path in detail_paths(entry, details.digest).items():
        write_whole(path, partial(pq.write_table, getattr(details, name), compression="zstd", compression_level=19))


def clear_details(entry: Path, digest: str | None) -> None:
    """Deletes the files beside an entry's that are not of its details, which have this digest."""
    kept = {*detail_paths(entry, digest).values()} if digest else set()
    ours = re.compile(rf"{re.escape(entry.stem)}(\.[0-9a-f]{{{_NAMED}}})?\.({'|'.join(_SCHEMAS)})\.parquet")
    for path in sorted(entry.parent.iterdir()):
        if ours.fullmatch(path.name) and path not in kept:
            path.unlink(missing_ok=True)


def read_details(entry: Path, digest: str | None, metrics: Sequence[str]) -> Details | None:
    """Reads the files beside an entry's.

    Args:
        entry: The path of its JSON.
        digest: What the entry says of them; None if it has none.
        metrics: Names of those that its protocol reports.

    Returns:
        The details; None without a digest.

    Raises:
        RunError: A file is missing or damaged, or the rows are not those that the entry was made with.
    """
    if digest is None:
        return None
    paths = detail_paths(entry, digest)
    if not any(path.exists() for path in paths.values()):
        paths = {name: path if path.exists() else paths[name] for name, path in detail_paths(entry).items()}
    tables = {}
    for name, path in paths.items():
        try:
            # Read as one file: the reader of folders wants to tell Hive partitions from the path.
            table = pq.ParquetFile(path).read()
            tables[name] = table.cast(_SCHEMAS[name](metrics, table.column_names))
            _require_sound(tables[name], metrics)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise RunError(f"{path}: cannot be read ({error}). Restore it, or submit the run again.") from error
    details = Details(**tables)
    if details.digest != digest:
        raise RunError(f"{entry}: the files beside it are not those that it was made with. Submit the run again.")
    return details


def _require_sound(table: pa.Table, metrics: Sequence[str]) -> None:
    """Raises ValueError if a row cannot be one of an entry's."""
    if problem := table_problem(table, table.schema, metrics, _OF_MASKS):
        raise ValueError(problem)
    keys = table.select([name for name in KEYS if name in table.column_names])
    if keys.group_by(keys.column_names).aggregate([]).num_rows < keys.num_rows:
        raise ValueError(f"a row of the same {' and '.join(keys.column_names)} comes twice")
    if "counts" in table.column_names:
        for row in table.select(_OF_MASKS).to_pylist():
            if row["counts"] is not None:
                valid_code(row["height"], row["width"], row["counts"])
