"""Scores by what sentences and their targets are like: the episodes of an entry, cut by the value of an attribute.

A slice is averaged as the whole is, by the protocol's chain, over the classes, folds and draws that it has episodes of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fsbench.datasets.catalogue import open_spec
from fsbench.datasets.catalogue import spec_of_name
from fsbench.errors import FsbenchError
from fsbench.errors import ManifestError
from fsbench.leaderboard.averaging import rows_to_average
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import mean_of_draws
from fsbench.protocol import declared_protocol
from fsbench.scores.aggregation import scores_by
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.splits.attributes import SentenceKey
from fsbench.splits.benchmark import attributes_of
from fsbench.splits.binning import Attribute
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import manifest_of_digest

__all__ = ["Slice", "Slicer", "find_slicer", "slicer_of"]


@dataclass(frozen=True)
class Slice:
    """The scores of an entry where an attribute has some values.

    Attributes:
        episodes: How many were scored.
        score: Their mean over the support draws.
    """

    episodes: int
    score: Score


@dataclass(frozen=True, eq=False)
class Slicer:
    """What the sentences of a manifest are like.

    Attributes:
        manifest: The episodes.
        attributes: See `Benchmark.attributes`.
    """

    manifest: Manifest
    attributes: Mapping[SentenceKey, Mapping[str, Any]]  # Any: column values

    def tells_apart(self, attribute: Attribute) -> bool:
        """Tells whether the sentences are in more than one slice."""
        return len({attribute.slice_of(row[attribute.name]) for row in self.attributes.values()}) > 1

    def labels(self, table: pd.DataFrame, attribute: Attribute) -> "pd.Series[str]":
        """Returns the slice of each row of a table of episodes.

        Raises:
            ManifestError: One is of a sentence that the manifest does not have.
        """
        keys = list(zip(table["video"], table["expression"], strict=True))
        if strange := next((key for key in keys if key not in self.attributes), None):
            raise ManifestError(f"{self.manifest.path}: has no sentence {'/'.join(strange)}, which was scored.")
        found = [attribute.slice_of(self.attributes[key][attribute.name]) for key in keys]
        return pd.Series(found, index=table.index, dtype=object)

    def slices(self, entry: Entry, attribute: Attribute) -> dict[str, Slice]:
        """Returns the scores of an entry of this manifest by slice, those that have episodes, in order.

        Raises:
            RunError: It has no scores of episodes, or they are averaged in another way than these can be.
            ManifestError: It has scores of other sentences than the manifest.
        """
        if entry.trainings:
            of_each = [self.slices(each, attribute) for each in entry.trainings]
            return {
                label: Slice(found.episodes, mean_score([each[label].score for each in of_each]))
                for label, found in of_each[0].items()
            }
        table = entry.known_details.table
        labels = self.labels(table, attribute)
        protocol = declared_protocol(entry.protocol)
        rows, chain = rows_to_average(table.assign(slice=labels), protocol, self.manifest)
        means: dict[str, dict[int, dict[int, Score]]] = {}
        for key, score in scores_by(rows, chain, ("slice", "fold", "draw"), protocol).items():
            label, fold, draw = str(key[0]), int(key[1]), int(key[2])
            means.setdefault(label, {}).setdefault(fold, {})[draw] = score
        counts = labels.value_counts()
        return {
            label: Slice(int(counts[label]), mean_of_draws(list(means[label].values())).mean)
            for label in attribute.in_order(means)
        }


def find_slicer(dataset: str, digest: str, data_root: Path = Path("data"), splits: Path | None = None) -> Slicer:
    """Finds out what the sentences of a manifest are like: from its table, or else from the local sentences.

    Args:
        dataset: Name of the dataset.
        digest: What names the episodes.
        data_root: Where datasets are, for manifests from before there were attributes.
        splits: See `find_manifest`.

    Raises:
        ManifestError: The manifest is not here, or has no attributes and its sentences are not here.
    """
    manifest = manifest_of_digest(dataset, digest, splits)
    if manifest is None:
        raise ManifestError(
            f"{dataset}: no manifest with digest {digest[:12]} is here, which says what the sentences are like. Say "
            "with --splits where it is."
        )
    return slicer_of(manifest, data_root)


def slicer_of(manifest: Manifest, data_root: Path | None) -> Slicer:
    """Returns what `find_slicer` does, given the manifest; with no data root, what a dataset's own places tell."""
    spec = spec_of_name(manifest.info.dataset, version=manifest.info.version)
    try:
        attributes = attributes_of(manifest, lambda: open_spec(spec, data_root))
    except FsbenchError as error:
        raise ManifestError(
            f"{manifest.path}: has no table of attributes, and without the sentences they cannot be told. {error}"
        ) from error
    return Slicer(manifest, attributes)
