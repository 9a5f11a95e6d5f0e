"""Datasets: their records, one module per layout on disk, and the catalogue in which each is found by its name."""

from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.completing import complete
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import Video
from fsbench.datasets.spec import BuildRule
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import Layout

__all__ = [
    "BuildRule",
    "Dataset",
    "DatasetSpec",
    "Expression",
    "Layout",
    "MinimalDataset",
    "ObjectTrack",
    "Video",
    "complete",
    "open_dataset",
]
