"""A dataset with the manifest of its episodes: opened once, and handed on whole."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.records import names_nothing
from fsbench.datasets.spec import spec_of
from fsbench.errors import ManifestError
from fsbench.methods.contract import Fold
from fsbench.splits.attributes import attribute_rows
from fsbench.splits.attributes import SentenceKey
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import read_manifest
from fsbench.splits.sentences import Sentences

__all__ = ["Benchmark", "attributes_of", "open_benchmark"]


@dataclass(frozen=True)
class Benchmark:
    """What runs, submissions, training and pictures are made from.

    It travels to other processes by pickle, as its dataset does.

    Attributes:
        dataset: Frames, label maps and sentences.
        manifest: The episodes.
    """

    dataset: Dataset
    manifest: Manifest

    def __post_init__(self) -> None:
        if self.manifest.info.dataset != self.dataset.name:
            raise ManifestError(
                f"{self.manifest.path}: is of {self.manifest.info.dataset}, the data is {self.dataset.name}."
            )

    def __repr__(self) -> str:
        info = self.manifest.info
        counts = ", ".join(f"{info.counts[name]} {name}" for name in ("classes", "videos", "episodes"))
        return f"<Benchmark {info.dataset} {info.version}: {counts}; digest {info.digest[:12]}>"

    def __getstate__(self) -> Mapping[str, Any]:  # Any: the fields
        return {"dataset": self.dataset, "manifest": self.manifest}

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.dataset.name

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds that have classes, in order."""
        return self.manifest.folds

    @cached_property
    def draws(self) -> tuple[int, ...]:
        """The support draws, in order."""
        return tuple(sorted({row["draw"] for row in self.manifest.rows("supports")}))

    @cached_property
    def sentences(self) -> Sentences:
        """The local sentences, held against the manifest's digests when asked for."""
        return Sentences(self.manifest, self.dataset)

    @cached_property
    def attributes(self) -> Mapping[SentenceKey, Mapping[str, Any]]:  # Any: column values
        """What each sentence and its target are like, by video and sentence id; see `fsbench.splits.attributes`.

        Of a manifest from before there were attributes it is told from the local sentences, by the manifest's classes.

        Raises:
            ManifestError: Such a sentence is not here, or not the one that the manifest means.
        """
        return attributes_of(self.manifest, lambda: self.dataset)

    @cached_property
    def has_target_free(self) -> bool:
        """Whether there are sentences that name nothing, or nothing that their video shows in any frame."""
        shown = self.manifest.annotated()
        return any(names_nothing(shown, row["video_id"], row["object_ids"]) for row in self.manifest.rows("episodes"))

    def fold(self, index: int) -> Fold:
        """Returns what a method may know of a fold. Raises ManifestError if the manifest has no such fold."""
        if index not in self.folds:
            known = ", ".join(map(str, self.folds))
            raise ManifestError(f"{self.manifest.path}: there is no fold {index}; its folds are {known}.")
        classes = self.manifest.rows("classes")
        novel = tuple(row["name"] for row in classes if row["fold"] == index)
        base = tuple(row["name"] for row in classes if row["fold"] != index)
        return Fold(self.name, index, novel, base)


def attributes_of(
    manifest: Manifest, dataset: Callable[[], Dataset]
) -> Mapping[SentenceKey, Mapping[str, Any]]:  # Any: column values
    """Returns `Benchmark.attributes` of a manifest, whose dataset is opened only where it has no such table."""
    if "attributes" in manifest.tables:
        rows = manifest.rows("attributes")
    else:
        sentences = Sentences(manifest, dataset())
        said = [(row["video_id"], row["expression_id"], row["object_ids"]) for row in manifest.rows("expressions")]
        expressions = [Expression(v, e, tuple(ids), sentences.of(v, e)) for v, e, ids in said]
        tables = {name: manifest.rows(name) for name in ("classes", "videos", "objects")}
        rows = attribute_rows(tables, list(manifest.class_names.values()), expressions)
    return {(row["video_id"], row["expression_id"]): row for row in rows}


def open_benchmark(
    dataset: str | Path | MinimalDataset | None = None,
    data_root: str | Path = "data",
    splits: str | Path | None = None,
    *,
    progress: bool = False,
) -> Benchmark:
    """Opens a dataset and reads its manifest.

    Args:
        dataset, data_root: See `resolve_dataset`.
        splits: A manifest or a folder of them; None looks in the usual places.
        progress: Show a progress bar where the embedded set is rendered.

    Returns:
        The benchmark.

    Raises:
        DataError: The dataset is unknown or not there.
        ManifestError: There is no manifest, or it is of another dataset.
    """
    opened = resolve_dataset(dataset, Path(data_root), progress=progress)
    version = spec_of(opened).manifest_version
    return Benchmark(
        opened, read_manifest(find_manifest(opened.name, None if splits is None else Path(splits), version))
    )
