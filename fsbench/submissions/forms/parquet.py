"""Masks in Parquet: a file, or the parts of a run."""

import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fsbench.errors import RunError
from fsbench.errors import SubmissionError
from fsbench.masks.predictions import SCHEMA
from fsbench.masks.rle import Rle
from fsbench.masks.rle import valid_code
from fsbench.splits.ids import EpisodeKey
from fsbench.splits.ids import parse_episode_id
from fsbench.submissions.forms.contract import FORMS
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import MAX_MASKS
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.problems import printable

__all__ = ["ParquetSubmission"]

MAX_GROUP_BYTES = 256 << 20
"""Of a row group of a Parquet file, which is what is read at a time."""

_TEXT_COLUMNS = ("episode_id", "video", "expression", "frame", "counts")


class _Row(NamedTuple):
    """Where a row is: the file, its row group, the row there; and the row in the file."""

    file: int
    group: int
    row: int
    number: int


class ParquetSubmission(Submission):
    """Reads a row group at a time and keeps, in each thread, the last one."""

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        self._files = [(file, str(file.relative_to(path)) if file != path else "") for file in files]
        self._last = threading.local()
        found = Found()
        for number, (file, name) in enumerate(self._files):
            try:
                if not file.resolve().is_relative_to(path.resolve()):
                    raise ValueError("is a link that leaves the folder")
                _index(file, number, name, found)
            except (OSError, pa.ArrowException, ValueError) as error:
                what = printable(f"cannot be read ({error})")
                if file == path:
                    raise SubmissionError(f"{path}: {what}. Write it again. {FORMS}") from error
                found.problem("unreadable", name, what)
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns the file, in a folder, and the row in it."""
        place: _Row = self._places[key]
        return _row_name(self._files[place.file][1], place.number)

    def read(self, key: MaskKey) -> Rle:
        """Returns the code of a row, checked now. Raises as Submission.read does."""
        place: _Row = self._places[key]
        try:
            group = self._group(place.file, place.group)
            height, width, counts = (group[column][place.row].as_py() for column in ("height", "width", "counts"))
            return valid_code(height, width, counts)
        except (OSError, pa.ArrowException, ValueError, IndexError) as error:
            raise self._error(key, f"cannot be read ({error})") from error

    def _group(self, file: int, group: int) -> pa.Table:
        if getattr(self._last, "place", None) != (file, group):
            self._last.place = self._last.table = None
            with _parquet(self._files[file][0]) as parquet:
                self._last.table = parquet.read_row_group(group, ["height", "width", "counts"], use_threads=False)
            self._last.place = (file, group)
        return self._last.table


def _row_name(file: str, row: int) -> str:
    return f"{file}, row {row}" if file else f"row {row}"


def _parquet(path: Path) -> pq.ParquetFile:
    metadata = pq.read_metadata(path)
    columns = map(metadata.schema.column, range(metadata.num_columns))
    texts = [c.path for c in columns if c.path in _TEXT_COLUMNS and c.physical_type == "BYTE_ARRAY"]
    # Read as dictionaries, a text that a small file repeats a million times stays small.
    return pq.ParquetFile(path, metadata=metadata, read_dictionary=texts)


def _index(path: Path, file: int, name: str, found: Found) -> None:
    """Takes the masks of a file. Raises OSError, pa.ArrowException or ValueError if it cannot be read."""
    with _parquet(path) as parquet:
        columns = _key_columns(parquet.schema_arrow)
        if len(found.places) + parquet.metadata.num_rows > MAX_MASKS:
            raise ValueError(f"with it there are more than {MAX_MASKS} rows")
        first = 0
        for group in range(parquet.num_row_groups):
            about = parquet.metadata.row_group(group)
            if about.total_byte_size > MAX_GROUP_BYTES:
                what = f"begins a row group of {about.total_byte_size} bytes, more than {MAX_GROUP_BYTES}"
                found.problem("too-large", _row_name(name, first), what)
            else:
                table = parquet.read_row_group(group, columns, use_threads=False)
                for row, key in enumerate(_row_keys(table)):
                    where = _row_name(name, first + row)
                    if isinstance(key, str):
                        found.problem("wrong-row", where, key)
                    else:
                        found.mask(key, _Row(file, group, row, first + row), where)
            first += about.num_rows


def _key_columns(schema: pa.Schema) -> list[str]:
    """Returns the columns that say what a row is of. Raises ValueError if it lacks any, or one is of another type."""
    needed = SCHEMA.names if "episode_id" in schema.names else ["video", *SCHEMA.names[1:]]
    optional = [] if "episode_id" in schema.names else ["draw", "expression"]
    if missing := [name for name in needed if name not in schema.names]:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    there = [*needed, *(name for name in optional if name in schema.names)]
    for name in there:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if not (
            (pa.types.is_integer(kind) if name not in _TEXT_COLUMNS else is_text or (is_bytes and name == "counts"))
            or (pa.types.is_null(kind) and name in optional)
        ):
            raise ValueError(f"its column {name} is of type {kind}")
    return [name for name in there if name not in ("height", "width", "counts")]


def _row_keys(table: pa.Table) -> Iterable[MaskKey | str]:
    """Returns each row's key, or what is wrong with it."""
    texts = {name: _texts(table[name]) for name in table.column_names if name != "draw"}
    if "episode_id" in texts:
        return map(_episode_keys(), texts["episode_id"], texts["frame"])
    nothing = [None] * table.num_rows
    draws = table["draw"].to_pylist() if "draw" in table.column_names else nothing
    return map(_parquet_key, draws, texts["video"], texts.get("expression", nothing), texts["frame"])


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """Returns a column's values, each text once in memory however often it comes."""
    values: list[str | None] = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            known = chunk.dictionary.to_pylist()
            values += [None if index is None else known[index] for index in chunk.indices.to_pylist()]
        else:
            values += chunk.to_pylist()
    return values


def _episode_keys() -> Callable[[str | None, str | None], MaskKey | str]:
    parsed: dict[str | None, EpisodeKey | None] = {}

    def key(episode_id: str | None, frame: str | None) -> MaskKey | str:
        if episode_id not in parsed:
            try:
                parsed[episode_id] = parse_episode_id(episode_id or "")
            except RunError:
                parsed[episode_id] = None
        if (episode := parsed[episode_id]) is None:
            return f"{episode_id!r} is no episode id"
        if frame is None:
            return "frame is missing"
        return MaskKey(episode.draw, episode.video_id, episode.expression_id, frame)

    return key


def _parquet_key(draw: int | None, video: str | None, expression: str | None, frame: str | None) -> MaskKey | str:
    if video is None or frame is None:
        return f"{'video' if video is None else 'frame'} is missing"
    if draw is not None and not 0 <= draw < 10**6:
        return "draw is no number from 0 on"
    return MaskKey(draw, video, expression, frame)
