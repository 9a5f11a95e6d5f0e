"""A manifest as files that may be given away."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fsbench.datasets.catalogue import spec_of_name
from fsbench.datasets.spec import DatasetSpec
from fsbench.splits.manifest import ManifestInfo
from fsbench.splits.manifest import read_manifest

__all__ = ["SharedManifest", "shared_manifest"]


@dataclass(frozen=True)
class SharedManifest:
    """A manifest with nothing in it that not everybody may see.

    Attributes:
        info: `manifest.json`.
        spec: What is known of the dataset.
        tables: Its tables; sentences are null unless everybody may see the dataset itself.
        files: All of it by name, as it lies in a manifest's folder: whoever has it can evaluate on it.
    """

    info: ManifestInfo
    spec: DatasetSpec
    tables: Mapping[str, pa.Table]
    files: Mapping[str, bytes]

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return (
            f"Few-shot referring video object segmentation on {self.spec.title or self.spec.name} ({self.info.version})"
        )

    @property
    def says(self) -> tuple[str, ...]:
        """What a reader should know of it, in sentences."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.info.counts.items())
        inside = "ids, frame names and digests"
        if self._has_text:
            inside += ", and the sentences"
        return (
            f"The frozen episodes of a benchmark: {counts}.",
            f"It holds {inside}. {self._owed} is not in here and has a licence of its own"
            f"{f' ({self.spec.licence})' if self.spec.licence else ''}.",
            f"Made by {self.info.builder}; its digest is {self.info.digest}.",
            *self.info.notes,
        )

    @property
    def _has_text(self) -> bool:
        texts = self.tables["expressions"].column("text")
        return bool(texts.null_count < len(texts))

    @property
    def _owed(self) -> str:
        return f"The dataset {self.info.dataset}, with its pictures{'' if self._has_text else ', sentences'} and masks,"


def shared_manifest(folder: Path, described: Iterable[DatasetSpec] = ()) -> SharedManifest:
    """Reads a manifest, without its sentences unless its dataset's spec shows pixels to everybody.

    Args:
        folder: The manifest's folder.
        described: Specs of datasets that no package registers.

    Raises:
        ManifestError: It is no manifest, or damaged.
    """
    manifest = read_manifest(folder)
    spec = spec_of_name(manifest.info.dataset, described, manifest.info.version)
    tables = dict(manifest.tables)
    if spec.shows != "pixels":
        tables["expressions"] = _without_text(tables["expressions"])
    files = {"manifest.json": (folder / "manifest.json").read_bytes()}
    files |= {f"{name}.parquet": _parquet(table) for name, table in tables.items()}
    return SharedManifest(manifest.info, spec, tables, files)


def _without_text(expressions: pa.Table) -> pa.Table:
    place = expressions.schema.get_field_index("text")
    return expressions.set_column(place, expressions.schema.field(place), pa.nulls(len(expressions), pa.string()))


def _parquet(table: pa.Table) -> bytes:
    stream = BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()
