"""Datasets on disk, one module per layout, all yielding the same records."""

from fsbench.datasets.catalogue import DATASETS
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import Video

__all__ = ["DATASETS", "Dataset", "Expression", "ObjectTrack", "Video", "open_dataset"]
