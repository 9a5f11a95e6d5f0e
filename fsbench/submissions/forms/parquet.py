"""Masks in Parquet: a file, or the parts of a run."""

import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fsbench.errors import RunError
from fsbench.errors import SubmissionError
from fsbench.masks.rle import Rle
from fsbench.splits.ids import EpisodeKey
from fsbench.splits.ids import parse_episode_id
from fsbench.submissions.forms.contract import FORMS
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import MAX_MASKS
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.rows import row_code
from fsbench.submissions.forms.rows import row_key
from fsbench.submissions.problems import printable

__all__ = ["ParquetSubmission"]

MAX_GROUP_BYTES = 256 << 20
"""Of a row group of a Parquet file, which is what is read at a time."""

_OTHER_NAMES = {"video": ("video_id",), "expression": ("expression_id",)}
_SORTS = {
    "episode_id": {"text"},
    "video": {"text", "number"},
    "expression": {"text", "number", "null"},
    "draw": {"number", "null"},
    "frame": {"text"},
    "size": {"numbers"},
    "height": {"number"},
    "width": {"number"},
    "counts": {"text", "byte", "numbers"},
}
"""What the column of each field may hold."""
_CODE = ("size", "height", "width", "counts")


class _Row(NamedTuple):
    """Where a row is; everything is counted from 0.

    Attributes:
        file: Number of the file.
        group: Row group in the file.
        row: Row in the group.
        number: Row in the file.
    """

    file: int
    group: int
    row: int
    number: int


class ParquetSubmission(Submission):
    """Reads a row group at a time and keeps, in each thread, the last one."""

    def __init__(self, path: Path, files: Sequence[Path], known: Known) -> None:
        self._files = [(file, str(file.relative_to(path)) if file != path else "") for file in files]
        self._columns: list[dict[str, str]] = []
        self._last = threading.local()
        found = Found(known)
        for number, (file, name) in enumerate(self._files):
            try:
                self._columns.append({})
                _index(file, number, name, found, self._columns[-1])
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
            columns = self._columns[place.file]
            values = {field: group[columns[field]][place.row].as_py() for field in _CODE if field in columns}
            height, width = values.get("size") or (values.get("height"), values.get("width"))
            return row_code(height, width, values["counts"])
        except (OSError, pa.ArrowException, ValueError, IndexError) as error:
            raise self._error(key, f"cannot be read ({error})") from error

    def _group(self, file: int, group: int) -> pa.Table:
        if getattr(self._last, "place", None) != (file, group):
            self._last.place = self._last.table = None
            names = [name for field, name in self._columns[file].items() if field in _CODE]
            with _parquet(self._files[file][0]) as parquet:
                self._last.table = parquet.read_row_group(group, names, use_threads=False)
            self._last.place = (file, group)
        return self._last.table


def _row_name(file: str, row: int) -> str:
    return f"{file}, row {row}" if file else f"row {row}"


def _parquet(path: Path) -> pq.ParquetFile:
    metadata = pq.read_metadata(path)
    columns = map(metadata.schema.column, range(metadata.num_columns))
    texts = [c.path for c in columns if c.physical_type == "BYTE_ARRAY"]
    # Read as dictionaries, a text that a small file repeats a million times stays small.
    return pq.ParquetFile(path, metadata=metadata, read_dictionary=texts)


def _index(path: Path, file: int, name: str, found: Found, columns: dict[str, str]) -> None:
    """Takes the masks of a file, and notes its columns by field, also of one that cannot be read to its end.

    Raises:
        OSError, pa.ArrowException, ValueError: It cannot be read.
    """
    with _parquet(path) as parquet:
        columns |= _columns(parquet.schema_arrow)
        of_key = [column for field, column in columns.items() if field not in _CODE]
        if len(found.places) + parquet.metadata.num_rows > MAX_MASKS:
            raise ValueError(f"with it there are more than {MAX_MASKS} rows")
        first = 0
        for group in range(parquet.num_row_groups):
            about = parquet.metadata.row_group(group)
            if about.total_byte_size > MAX_GROUP_BYTES:
                what = f"begins a row group of {about.total_byte_size} bytes, more than {MAX_GROUP_BYTES}"
                found.problem("too-large", _row_name(name, first), what)
            else:
                table = parquet.read_row_group(group, of_key, use_threads=False)
                for row, key in enumerate(_row_keys(table, columns)):
                    where = _row_name(name, first + row)
                    if isinstance(key, str):
                        found.problem("wrong-row", where, key)
                    else:
                        found.mask(key, _Row(file, group, row, first + row), where)
            first += about.num_rows


def _columns(schema: pa.Schema) -> dict[str, str]:
    """Returns the column of each field that a row has; `size`, or `height` and `width`.

    Raises:
        ValueError: It lacks any, has one twice, or one is of a type that cannot hold it.
    """
    there = {}
    for field in _SORTS:
        names = [name for name in (field, *_OTHER_NAMES.get(field, ())) if name in schema.names]
        if names:
            there[field] = names[0]
    sizes = ["size"] if "size" in there else ["height", "width"]
    key = ["episode_id"] if "episode_id" in there else ["video"]
    if missing := [field for field in (*key, "frame", *sizes, "counts") if field not in there]:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    unused = ("video", "expression", "draw") if "episode_id" in there else ()
    unused = (*unused, *(("height", "width") if "size" in there else ()))
    there = {field: name for field, name in there.items() if field not in unused}
    for field, name in there.items():
        if schema.names.count(name) > 1:
            raise ValueError(f"it has {schema.names.count(name)} columns {name}")
        kind = schema.field(name).type
        if not _can_hold(field, kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise ValueError(f"its column {name} is of type {kind}")
    return there


def _can_hold(field: str, kind: pa.DataType) -> bool:
    """Tells whether a column of a type can hold a field, as JSON can: see `rows`."""
    inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else None
    return _sort(kind if inner is None else inner) + ("s" if inner is not None else "") in _SORTS[field]


def _sort(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_binary(kind) or types.is_large_binary(kind):
        return "byte"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    return "null" if types.is_null(kind) else "other"


def _row_keys(table: pa.Table, columns: Mapping[str, str]) -> Iterable[MaskKey | str]:
    """Returns each row's key, or what is wrong with it."""
    nothing = [None] * table.num_rows
    values = {field: _values(table[name]) for field, name in columns.items() if name in table.column_names}
    if "episode_id" in values:
        return map(_episode_keys(), values["episode_id"], values["frame"])
    return map(_parquet_key, *(values.get(field, nothing) for field in MaskKey._fields))


def _values(column: pa.ChunkedArray) -> list[Any]:  # Any: text, numbers or None
    """Returns a column's values, each text once in memory however often it comes."""
    values: list[Any] = []
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


def _parquet_key(draw: object, video: object, expression: object, frame: object) -> MaskKey | str:
    try:
        return row_key(draw, video, expression, frame)
    except ValueError as error:
        return str(error)
