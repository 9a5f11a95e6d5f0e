"""Opening a dataset by where it lies, without a name: its form is told from what is there."""

from pathlib import Path

from fsbench.datasets import a2d
from fsbench.datasets import jhmdb
from fsbench.datasets import mevis
from fsbench.datasets import refytvos
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.completing import complete
from fsbench.datasets.folder import open_folder
from fsbench.datasets.json_parts import JsonParts
from fsbench.datasets.kept_back import open_kept_back
from fsbench.datasets.kept_back import Part
from fsbench.datasets.masklets import MaskletDataset
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.samples import SampleDataset
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.trees import find_tree
from fsbench.datasets.trees import first_there
from fsbench.datasets.trees import show_tree
from fsbench.errors import DataError

__all__ = ["asked_dataset", "resolve_asked", "sentence_dataset"]

_VOID = 255


def sentence_dataset(root: Path, *, with_masks: bool = True) -> Dataset | None:
    """Returns the dataset that lies in a folder or file; None if there is none that says what sentences name.

    Args:
        root: A folder in the layout of Ref-YouTube-VOS, MeViS, A2D- or JHMDB-Sentences, or a JSON file in the form of
            YouTube-VIS, SA-Co or, of the samples of the last two, COCO.
        with_masks: A folder in the layout of Ref-YouTube-VOS is none where it has no masks.

    Raises:
        DataError: A file cannot be read.
    """
    if root.is_file():
        keys = _keys(root)
        if {"videos", "annotations"} <= keys:
            return complete(MaskletDataset(root))
        return complete(SampleDataset(root)) if {"images", "annotations"} <= keys else None
    if first_there(root, a2d.TEXTS):
        return complete(a2d.A2DSentences(root))
    if first_there(root, jhmdb.TEXTS):
        return complete(jhmdb.JHMDBSentences(root))
    for layout in (refytvos.LAYOUT, mevis.LAYOUT):
        tree = find_tree(layout, root)
        if tree.has_records and (tree.has_masks or not with_masks):
            return open_folder(DatasetSpec(root.resolve().name, layout=layout, other_labels=(_VOID,)), root)
    return None


def asked_dataset(root: Path, part: Part | None = None) -> Dataset:
    """Returns the dataset with sentences that lies in a folder, whether its truth is there or not.

    Args:
        root: The dataset's folder; see `sentence_dataset` and `open_kept_back`.
        part: A part whose truth is kept back; None for one that has its truth, where there is any.

    Raises:
        DataError: There is none, or a file cannot be read.
    """
    found = sentence_dataset(root, with_masks=False) if part is None else None
    if found is None:
        found = open_kept_back(root, part)
    if found is None:
        of = "" if part is None else f"list of {part} with "
        raise DataError(
            f"{root}: holds no {of}sentences of a known form. Name a registered dataset, or the folder of its data.\n"
            f"{show_tree(refytvos.LAYOUT, root)}"
        )
    return found


def resolve_asked(
    dataset: str | Path | MinimalDataset | None, data_root: Path, part: Part | None = None, *, progress: bool = False
) -> Dataset:
    """Opens the dataset whose sentences a user means.

    Args:
        dataset: What `resolve_dataset` takes; None for what lies in `data_root`, see `asked_dataset`.
        data_root: Where it is.
        part: A part whose truth is kept back, of what lies in `data_root`.
        progress: Show a progress bar where a dataset is made.

    Raises:
        DataError: The dataset is unknown or not there, or a named one is asked for a part.
    """
    if dataset is None:
        return asked_dataset(data_root, part)
    if part is not None:
        raise DataError(f"{dataset}: is named, and has no part {part!r}. Name the folder of the part's data alone.")
    return resolve_dataset(dataset, data_root, progress=progress)


def _keys(path: Path) -> set[str]:
    """Returns the keys of a JSON file that is an object; none of any other."""
    with path.open("rb") as stream:
        is_object = stream.read(64).lstrip()[:1] == b"{"
    return {key for key, _ in JsonParts(path).members()} if is_object else set()
