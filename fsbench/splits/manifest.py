"""Manifests: the frozen episodes of a benchmark, as Parquet tables and one JSON file."""

import hashlib
import json
import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial
from pathlib import Path
from typing import Annotated
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from pydantic import ValidationError

import fsbench
from fsbench.errors import ManifestError
from fsbench.errors import suggestion
from fsbench.files import path_part
from fsbench.files import whole_folder
from fsbench.files import write_whole
from fsbench.memory import without_collector
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench.splits.relations import Flaw
from fsbench.splits.relations import relation_flaws
from fsbench.splits.schema import ADDED
from fsbench.splits.schema import EPISODE_TABLES
from fsbench.splits.schema import make_table
from fsbench.splits.schema import NULLABLE
from fsbench.splits.schema import SCHEMA_VERSION
from fsbench.splits.schema import SCHEMAS
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import tables_of

logger = logging.getLogger(__name__)

__all__ = [
    "Manifest",
    "ManifestInfo",
    "Rows",
    "fill_attributes",
    "find_manifest",
    "manifest_folder",
    "manifest_of_digest",
    "overall_digest",
    "read_manifest",
    "write_manifest",
]

Rows = Sequence[Mapping[str, Any]]  # Any: column values of the schemas
"""Rows of one table, column name to value."""


class LeftOutRecord(Record):
    """Something that the rule did not take.

    Attributes:
        kind, name: What it is, such as "class", and what it is called.
        videos: How many videos it has.
        reason: Why it was not taken.
    """

    kind: str
    name: str
    videos: int
    reason: str


class ManifestInfo(Record):
    """`manifest.json`: where the tables come from, and their digests.

    Attributes:
        schema_version: Of this record and of the tables.
        dataset, version: Whose episodes these are, and which of several.
        rule: The rule that chose them, with every parameter.
        seed: Of every draw.
        sources: SHA-256 of each file of metadata that they were built from, by its path below the dataset's root.
        builder: The program and its version.
        counts: Rows of each table.
        left_out: What the rule did not take.
        notes: What a reader should know.
        superseded_by: The version that has taken this one's place; None if none has.
        digests: See `schema.table_digest`, by the table's name.
        digest: See `overall_digest`; it names the manifest's episodes.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    dataset: str
    version: str
    rule: dict[str, Any]  # Any: the parameters of the rule, as they were given
    seed: int
    sources: dict[str, str]
    builder: str
    counts: dict[str, int]
    left_out: list[LeftOutRecord]
    notes: list[str]
    superseded_by: str | None = None
    digests: dict[str, str]
    digest: str


@dataclass(frozen=True)
class Manifest:
    """A manifest in memory.

    Attributes:
        info: `manifest.json`.
        tables: One pyarrow table for each name in `schema.tables_of` its schema.
        path: The folder that it was read from.
    """

    info: ManifestInfo
    tables: Mapping[str, pa.Table]
    path: Path

    def rows(self, table: str) -> list[dict[str, Any]]:  # Any: column values
        """Returns the rows of a table in key order."""
        rows: list[dict[str, Any]] = self.tables[table].to_pylist()
        return rows

    def annotated(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """Returns by video the frames of each annotated object, by object id: what label maps are held against."""
        found: dict[str, dict[int, tuple[str, ...]]] = {}
        for row in self.rows("objects"):
            found.setdefault(row["video_id"], {})[row["object_id"]] = tuple(row["frames"])
        return found

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Class name by class id, in id order."""
        return {row["class_id"]: row["name"] for row in self.rows("classes")}

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """The folds that have classes, in order."""
        return tuple(sorted({row["fold"] for row in self.rows("classes")}))


def overall_digest(digests: Mapping[str, str]) -> str:
    """Returns the digest that names a manifest: the SHA-256 of the digests of the tables of its episodes."""
    lines = "".join(f"{name} {digests[name]}\n" for name in EPISODE_TABLES)
    return hashlib.sha256(lines.encode("utf-8", "backslashreplace")).hexdigest()


def write_manifest(out: Path, info: ManifestInfo, rows: Mapping[str, Rows], *, overwrite: bool = False) -> bool:
    """Writes a manifest to `out/<dataset>/<version>/`, whole or not at all.

    Args:
        out: The folder of all splits.
        info: What goes to `manifest.json`.
        rows: The rows of every table.
        overwrite: Replace a manifest of this version that has other episodes.

    Returns:
        False if the same manifest was there already (nothing is touched then).

    Raises:
        ManifestError: Another manifest of this version is there, or something that is none, or a name is no folder's.
    """
    folder = manifest_folder(out, info.dataset, info.version)
    if (folder / "manifest.json").is_file() and not overwrite:
        present = read_manifest(folder).info
        if present.digest == info.digest and present.superseded_by == info.superseded_by:
            logger.warning("%s: unchanged, it holds these episodes already.", folder)
            return False
        raise ManifestError(
            f"{folder}: holds other episodes (digest {present.digest[:12]}, now {info.digest[:12]}). A version is "
            "frozen: choose another name with --version, or replace it with --overwrite."
        )
    _check_replaceable(folder)
    with whole_folder(folder, replaces=True) as fresh:
        for name in tables_of(info.schema_version):
            _write_table(fresh, name, rows[name])
        _write_info(fresh, info)
    return True


def manifest_folder(out: Path, dataset: str, version: str) -> Path:
    """Returns where a manifest lies below a folder of splits. Raises ManifestError if a name is no folder's."""
    return out / path_part(dataset, "dataset", ManifestError) / path_part(version, "version", ManifestError)


def _check_replaceable(folder: Path) -> None:
    """Raises ManifestError if a folder holds something else than a manifest, which nobody else may remove."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    remedy = "Give another --version or --out, or remove it yourself."
    try:
        read_info(folder)
    except ManifestError as error:
        raise ManifestError(f"{folder}: holds something that is no manifest ({error}). {remedy}") from error
    strange = sorted(path.name for path in folder.iterdir() if path.suffix not in (".json", ".parquet"))
    if strange:
        raise ManifestError(f"{folder}: holds {strange[0]!r} beside a manifest. {remedy}")


def mark_superseded(folder: Path, successor: str) -> None:
    """Notes in a manifest that another version has taken its place."""
    _write_info(folder, read_info(folder).model_copy(update={"superseded_by": successor}))


def fill_attributes(folder: Path, attributes: Rows) -> None:
    """Writes the table of attributes anew, with the values that may be absent; the others must be those that it has."""
    _write_table(folder, "attributes", attributes)


def _write_table(folder: Path, name: str, rows: Rows) -> None:
    write_whole(folder / f"{name}.parquet", partial(pq.write_table, make_table(name, rows), compression="zstd"))


def _write_info(folder: Path, info: ManifestInfo) -> None:
    write_whole(folder / "manifest.json", json.dumps(info.model_dump(), indent=1, ensure_ascii=False) + "\n")


def read_info(folder: Path) -> ManifestInfo:
    """Reads `manifest.json`. Raises ManifestError if it is missing, damaged, or of a newer schema."""
    path = folder / "manifest.json"
    try:
        info = ManifestInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}). Is {folder} a manifest's folder?") from error
    except ValidationError as error:
        raise ManifestError(f"{path}: {first_problem(error)}. Build the split again.") from error
    if info.schema_version > SCHEMA_VERSION:
        raise ManifestError(
            f"{path}: schema {info.schema_version}, this fsbench reads 1 to {SCHEMA_VERSION}. Update it."
        )
    return info


@without_collector()
def read_manifest(folder: Path) -> Manifest:
    """Reads a manifest and checks its digests, and that its tables fit one another.

    Raises:
        ManifestError: A file is missing or damaged, a table has other columns, a digest differs, or the rows of one
            table do not hold against those of another.
    """
    info = read_info(folder)
    tables = {name: read_table(folder, name) for name in tables_of(info.schema_version)}
    manifest = Manifest(info, tables, folder)
    if flaws := table_flaws(info, {name: manifest.rows(name) for name in tables}):
        more = f" (and {len(flaws) - 1} problems more)" if len(flaws) > 1 else ""
        raise ManifestError(
            f"{folder / flaws[0].where}: {flaws[0].what}{more}. Build the split again, or run 'fsbench verify "
            f"{folder}' for the full list."
        )
    return manifest


def table_flaws(info: ManifestInfo, rows: Mapping[str, Rows]) -> list[Flaw]:
    """Returns all that is wrong with the rows of the tables: digests, counts, and what holds between them."""
    return [
        *_digest_flaws(info, rows),
        *relation_flaws(rows, info.rule.get("queries"), leave_out=info.rule.get("leave_out")),
    ]


def _digest_flaws(info: ManifestInfo, rows: Mapping[str, Rows]) -> Iterator[Flaw]:
    for name in rows:
        if table_digest(name, rows[name]) != info.digests.get(name):
            yield Flaw(f"{name}.parquet", "its rows do not have the digest in manifest.json")
        if len(rows[name]) != info.counts.get(name):
            yield Flaw(f"{name}.parquet", f"{len(rows[name])} rows, manifest.json counts {info.counts.get(name)}")
    if info.digests.keys() != rows.keys() or overall_digest(info.digests) != info.digest:
        yield Flaw("manifest.json", "'digest' does not follow from 'digests'")


def read_table(folder: Path, name: str) -> pa.Table:
    """Reads one table. Raises ManifestError if it cannot be read, has other columns, or a value is missing."""
    path = folder / f"{name}.parquet"
    try:
        with pq.ParquetFile(path) as file:  # as one file: the reader of folders tells partitions from the path
            table = file.read(use_threads=False)
        table.validate(full=True)  # the reader takes bytes that are no text for text
    except (OSError, pa.ArrowException) as error:
        raise ManifestError(f"{path}: cannot be read ({error}). Build the split again.") from error
    for column in SCHEMAS[name]:
        if column.name in ADDED - set(table.column_names):
            table = table.append_column(column, pa.nulls(len(table), column.type))
    if not table.schema.equals(SCHEMAS[name]):
        raise ManifestError(f"{path}: columns {table.schema.names}, expected {SCHEMAS[name].names} of the same types.")
    for column in set(table.schema.names) - NULLABLE - ADDED:
        if any(map(_has_null, table.column(column).chunks)):
            raise ManifestError(f"{path}: a value in column {column!r} is missing. Build the split again.")
    return table


def _has_null(values: pa.Array) -> bool:
    """Tells whether a value is null, or one inside it."""
    if values.null_count:
        return True
    if pa.types.is_list(values.type):  # flatten would import pyarrow.compute
        first, last = values.offsets[0].as_py(), values.offsets[-1].as_py()
        return _has_null(values.values.slice(first, last - first))
    return pa.types.is_struct(values.type) and any(map(_has_null, values.flatten()))


def find_manifest(dataset: str, splits: Path | None = None, version: str | None = None) -> Path:
    """Finds the manifest of a dataset.

    Args:
        dataset: Name of the dataset.
        splits: A manifest's own folder, or a folder of splits; None looks into `splits/` here, then at the manifests
            that fsbench ships.
        version: Which one; None for the newest (by name) that no other supersedes.

    Returns:
        The manifest's folder.

    Raises:
        ManifestError: There is none.
    """
    if splits is not None and (splits / "manifest.json").is_file():
        return splits
    places = _places(splits)
    for place in places:
        versions = _versions(place / path_part(dataset, "dataset"))
        if version is None:
            current = [folder for folder in versions if read_info(folder).superseded_by is None]
        else:
            current = [folder for folder in versions if folder.name == version]
        if current:
            return current[-1]
    asked = dataset if version is None else f"{dataset}@{version}"
    known = {path.parent.parent.name for place in places for path in place.glob("*/*/manifest.json")}
    raise ManifestError(
        f"{' and '.join(map(str, places))}: no manifest of {asked!r}. "
        f"Build it with 'fsbench build-splits {asked}'. {suggestion(dataset, known)}"
    )


def manifest_of_digest(dataset: str, digest: str, splits: Path | None = None) -> Manifest | None:
    """Returns the newest version of a dataset's manifest (by name) that has a digest; None if there is none.

    Args:
        dataset: Name of the dataset.
        digest: What names the episodes: `ManifestInfo.digest`.
        splits: Where to look, as for `find_manifest`, but in all of the places: what has this version here may be
            somebody's own, beside the one that is shipped.
    """
    if splits is not None and (splits / "manifest.json").is_file():
        homes = [splits.resolve().parent]
    else:
        homes = [place / path_part(dataset, "dataset") for place in _places(splits)]
    for folder in (folder for home in homes for folder in reversed(_versions(home))):
        if read_info(folder).digest == digest:
            return read_manifest(folder)
    return None


def require_digest(dataset: str, digest: str, splits: Path | None = None) -> Manifest:
    """Returns what `manifest_of_digest` does. Raises ManifestError if there is none."""
    manifest = manifest_of_digest(dataset, digest, splits)
    if manifest is None:
        places = " and ".join(map(str, _places(splits)))
        raise ManifestError(
            f"{places}: no manifest of {dataset!r} has the run's digest {digest[:12]}. Name its folder with --splits."
        )
    return manifest


def _places(splits: Path | None) -> list[Path]:
    """Returns the folders of splits that are looked into, one after the other."""
    return [Path("splits"), *_shipped()] if splits is None else [splits]


def _versions(home: Path) -> list[Path]:
    """Returns the folders of a dataset's manifests, by name."""
    return sorted(path.parent for path in home.glob("*/manifest.json"))


def _shipped() -> list[Path]:
    """Returns the folder of the manifests that fsbench ships: in the package, or beside it in a checkout."""
    package = Path(fsbench.__file__).parent
    return [folder for folder in (package / "manifests", package.parent / "splits") if folder.is_dir()][:1]
