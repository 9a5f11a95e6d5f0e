"""A dataset with the manifest of its episodes, as a user names them."""

from pathlib import Path

from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.records import Dataset
from fsbench.errors import ManifestError
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import read_manifest

__all__ = ["open_benchmark"]


def open_benchmark(
    name: str | None, data_root: Path, splits: Path | None, *, progress: bool = False
) -> tuple[Dataset, Manifest]:
    """Opens a dataset and reads its manifest.

    Args:
        name: Name of the dataset; None for the one under `data_root`, else the embedded one.
        data_root: Where datasets are.
        splits: A manifest or a folder of them; None looks in the usual places.
        progress: Show a progress bar where the embedded set is rendered.

    Raises:
        DataError: The dataset is unknown or not there.
        ManifestError: There is no manifest, or it is of another dataset.
    """
    dataset = resolve_dataset(name, data_root, progress=progress)
    manifest = read_manifest(find_manifest(dataset.name, splits))
    if manifest.info.dataset != dataset.name:
        raise ManifestError(f"{manifest.path}: is of {manifest.info.dataset}, the data is {dataset.name}.")
    return dataset, manifest
