"""The datasets that can be named, and how each is found on disk."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from fsbench.datasets.by_class import ByClass
from fsbench.datasets.completing import complete
from fsbench.datasets.folder import open_folder
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import Layout
from fsbench.datasets.trees import find_tree
from fsbench.datasets.trees import show_tree
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.errors import suggestion
from fsbench.registry import Registry

__all__ = [
    "DATASETS",
    "choose_spec",
    "dataset_spec",
    "fallback_spec",
    "find_root",
    "open_dataset",
    "open_spec",
    "resolve_dataset",
    "spec_of_name",
]

logger = logging.getLogger(__name__)

DATASETS = Registry("fsbench.datasets", DatasetSpec, unknown=DataError)
"""The datasets that installed packages register, those that fsbench brings along among them."""


def dataset_spec(name: str) -> DatasetSpec:
    """Returns what is known of a dataset.

    Args:
        name: A registered name, `<name>@<version>` for an earlier version of it, or the path of a YAML file that
            describes one.

    Raises:
        DataError: Name or version is unknown, or the file is missing, wrong, or describes a set with a registered name.
        PluginError: The package that registers it cannot be used.
    """
    from fsbench.datasets.described import is_description  # takes longer than listing what can be named
    from fsbench.datasets.described import read_description

    if not is_description(name):
        name, at, version = name.partition("@")
        if name not in DATASETS.points and Path(f"{name}.yaml").is_file():
            raise DataError(
                f"There is no dataset {name!r}, but a file {name}.yaml. If it describes one, name the file."
            )
        spec = DATASETS.get(name)
        return _at_version(spec, version) if at else spec
    spec = read_description(Path(name))
    if spec.name in DATASETS.points:
        raise DataError(f"{name}: name: {spec.name!r} is the name of a registered dataset. Choose another.")
    return spec


def _at_version(spec: DatasetSpec, version: str) -> DatasetSpec:
    versions = {each.version: each for each in (spec, *spec.earlier)}
    if version not in versions:
        raise DataError(f"There is no {spec.name}@{version}. {suggestion(version, versions)}")
    return versions[version]


def spec_of_name(name: str, described: Iterable[DatasetSpec] = (), version: str = "") -> DatasetSpec:
    """Returns what is known of the dataset that a run or an entry names.

    Args:
        name: The name.
        described: Specs of datasets that no package registers.
        version: That of its manifest.

    Returns:
        The registered spec, of this version if it is an earlier one with data of its own, or that of `described`; for a
        name that neither has, one that shows nothing.
    """
    if name in DATASETS.points:
        spec = DATASETS.get(name)
        return next((each for each in spec.earlier if each.version == version), spec)
    return next((spec for spec in described if spec.name == name), DatasetSpec(name))


def fallback_spec() -> DatasetSpec:
    """Returns the set that is made where no dataset is there and none is named: the embedded one.

    Raises:
        PluginError: No registered dataset says that it is this one, or several do.
    """
    found = [spec for spec in DATASETS.usable() if spec.is_fallback]
    if len(found) != 1:
        names = ", ".join(spec.name for spec in found) or "none"
        raise PluginError(f"Expected one dataset to fall back on; those that offer themselves: {names}.")
    return found[0]


def find_root(spec: DatasetSpec, data_root: Path | None) -> Path | None:
    """Returns the dataset's folder: one of its own places, `data_root` or a folder in it; None if none holds it."""
    return next((place for place in _places(spec, data_root) if _holds(place, spec)), None)


def open_dataset(name: str, root: Path | str) -> Dataset:
    """Opens a dataset without reading any frame.

    Args:
        name: A registered name, or the path of a YAML file that describes a dataset.
        root: The dataset's own folder, or a folder that holds it.

    Raises:
        DataError: The name is unknown, or the folder holds no such dataset.
    """
    return open_spec(dataset_spec(name), Path(root))


def open_spec(spec: DatasetSpec, data_root: Path | None) -> Dataset:
    """Opens the dataset of a spec; see `open_dataset`."""
    root = find_root(spec, data_root)
    if root is None:
        raise DataError(_not_there(spec, data_root))
    if isinstance(spec.layout, Layout):
        dataset = open_folder(spec, root)
    else:
        assert spec.layout is not None, "only a set that can be opened has a root"
        dataset = complete(spec.layout(root), spec, root)
    return ByClass(dataset) if spec.asks == "classes" else dataset


def choose_spec(name: str | None, data_root: Path) -> DatasetSpec:
    """Returns the dataset that a user means: the named one, else the one there, else the embedded one.

    Raises:
        DataError: The dataset is unknown, or no name was given and several are there.
    """
    if name is not None:
        return dataset_spec(name)
    found = [spec for spec in DATASETS.usable() if not spec.is_fallback and find_root(spec, data_root)]
    if len(found) > 1:
        raise DataError(f"{data_root}: holds several datasets; name one of {', '.join(s.name for s in found)}.")
    if found:
        return found[0]
    fallback = fallback_spec()
    logger.warning("No dataset under %s: using the embedded set %s.", data_root, fallback.name)
    return fallback


def resolve_dataset(dataset: str | Path | MinimalDataset | None, data_root: Path, *, progress: bool = False) -> Dataset:
    """Opens the dataset that a user means, making it where it can be made and is not there.

    Args:
        dataset: A registered name, the path of a YAML file, or a dataset itself; None for the one under `data_root`,
            else the embedded one.
        data_root: Where datasets are; of no account for a dataset that is given.
        progress: Show a progress bar where it is made.

    Raises:
        DataError: The dataset is unknown or not there, or no name was given and several are there.
    """
    if not isinstance(dataset, str | Path | None):
        return complete(dataset)
    spec = choose_spec(None if dataset is None else str(dataset), data_root)
    if spec.generate is not None and find_root(spec, data_root) is None:
        folder = (spec.folders or (spec.name,))[0]
        spec.generate(data_root / folder, workers=os.cpu_count() or 1, progress=progress)
    return open_spec(spec, data_root)


def _places(spec: DatasetSpec, data_root: Path | None) -> list[Path]:
    below = [] if data_root is None else [data_root, *(data_root / folder for folder in spec.folders or (spec.name,))]
    return [*spec.places, *below]


def _holds(place: Path, spec: DatasetSpec) -> bool:
    """Tells whether a dataset is in a folder: by its metadata, or by the folder's name if its form is its own."""
    if isinstance(spec.layout, Layout):
        return find_tree(spec.layout, place).has_records
    return place.is_dir() and (place in spec.places or place.name in (spec.folders or (spec.name,)))


def _name_of(spec: DatasetSpec) -> str:
    """Returns the name by which a user asks for a dataset, or for an earlier version of it."""
    is_earlier = spec.name in DATASETS.points and spec in DATASETS.get(spec.name).earlier
    return f"{spec.name}@{spec.version}" if is_earlier else spec.name


def _not_there(spec: DatasetSpec, data_root: Path | None) -> str:
    if spec.layout is None:
        return f"{spec.name}: no package says how this dataset is read. Name a registered one, or a YAML file."
    below = " or ".join(f"{folder}/" for folder in spec.folders or (spec.name,))
    own = f" (nor do {', '.join(map(str, spec.places))})" if spec.places else ""
    missing = f"{data_root}: holds no {spec.name}{own}."
    remedy = "say with --data-root where the dataset is."
    remedy = f"make it with 'fsbench build-splits {_name_of(spec)}', or {remedy}" if spec.generate else remedy
    if not isinstance(spec.layout, Layout):
        return f"{missing} Expected in it or in {below} below it; {remedy}"
    looked_at = _places(spec, data_root)
    begun = next((place for place in looked_at if any(find_tree(spec.layout, place))), None)
    if begun is None:
        begun = next((place for place in looked_at if place != data_root and place.is_dir()), None)
    if begun is not None:
        return f"{missing} In {begun} it is not complete; complete it, or {remedy}\n{show_tree(spec.layout, begun)}"
    firsts = [*(spec.layout.masklets or spec.layout.masks or spec.layout.metadata)[:1], *spec.layout.expressions[:1]]
    where = " and ".join(firsts)
    return f"{missing} Expected {where} in it or in {below} below it; {remedy}"
