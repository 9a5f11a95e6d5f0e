"""A manifest with its description in Croissant, the JSON-LD of MLCommons for datasets."""

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fsbench.datasets.spec import DatasetSpec
from fsbench.exports.tables import shared_manifest
from fsbench.exports.tables import SharedManifest
from fsbench.exports.writing import write_out
from fsbench.splits.schema import ABOUT
from fsbench.splits.schema import KEYS

__all__ = ["DESCRIPTION", "description", "export_croissant"]

DESCRIPTION = "croissant.json"

_VERSION = "http://mlcommons.org/croissant/1.0"
_MEDIA = {".json": "application/json", ".parquet": "application/x-parquet"}
_TYPES = {"string": "sc:Text", "int32": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}

# That of the specification, whose readers compare it: "https://docs.mlcommons.org/croissant/docs/croissant-spec.html".
_CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes "
            "isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate "
            "separator source subField transform"
        ).split()
    },
}

_Json = dict[str, Any]  # Any: JSON


def export_croissant(source: Path, out: Path, *, described: Iterable[DatasetSpec] = ()) -> str:
    """Writes a manifest's folder with `croissant.json`, which describes its files and the rows of every table.

    Args:
        source: The manifest's folder.
        out: The folder to make, or a zip.
        described: Specs of datasets that no package registers.

    Returns:
        What was written, in a line.

    Raises:
        ManifestError: It is no manifest, or damaged.
        RunError: `out` is there already.
    """
    shared = shared_manifest(source, described)
    text = json.dumps(description(shared), indent=1, ensure_ascii=False) + "\n"
    write_out(out, [*shared.files.items(), (DESCRIPTION, text.encode("utf-8"))])
    return f"{out}: {shared.info.dataset} {shared.info.version} with {DESCRIPTION}, {len(shared.tables)} record sets"


def description(shared: SharedManifest) -> _Json:
    """Returns a manifest's description; it says nothing that the manifest does not know, such as a date.

    Nor do its fields refer to those of other tables: mlcroissant 1.1 reads a table with such a field once, and gives no
    row, or fails, when it is read again or another table refers to it.
    """
    info = shared.info
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _VERSION,
        "name": info.dataset,
        "description": " ".join([f"{shared.title}.", *shared.says]),
        "version": info.version,
        **({"license": shared.spec.licence} if shared.spec.licence else {}),
        "distribution": [_file(name, content) for name, content in shared.files.items()],
        "recordSet": [_record_set(name, table.schema) for name, table in shared.tables.items()],
    }


def _file(name: str, content: bytes) -> _Json:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": _MEDIA[Path(name).suffix],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _record_set(table: str, schema: pa.Schema) -> _Json:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": ABOUT[table],
        "key": [{"@id": f"{table}/{key}"} for key in KEYS[table]],
        "field": [_field(table, (column.name,), column.type) for column in schema],
    }


def _field(table: str, path: Sequence[str], values: pa.DataType) -> _Json:
    """Describes a column, or what a path leads to within it."""
    field: _Json = {
        "@type": "cr:Field",
        "@id": "/".join([table, *path]),
        "name": "/".join([table, *path]),
        "description": ABOUT[".".join([table, *path])],
    }
    if pa.types.is_list(values):
        field["repeated"] = True
        values = values.value_type
    if pa.types.is_struct(values):
        return field | {"subField": [_field(table, (*path, part.name), part.type) for part in values]}
    return field | {"dataType": _TYPES[str(values)], "source": dict(_source(table, path))}


def _source(table: str, path: Sequence[str]) -> Iterator[tuple[str, _Json]]:
    column, *inner = path
    yield "fileObject", {"@id": f"{table}.parquet"}
    yield "extract", {"column": column}
    if inner:
        yield "transform", {"jsonPath": ".".join(inner)}
