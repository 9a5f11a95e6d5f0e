"""MiniVSPW in the layout of Ref-YouTube-VOS, made of VSPW at 480p and the lists of its authors (Siam, TTI).

A mask of VSPW holds the class of each pixel, so an object is a class, and has its number in VSPW.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsbench.datasets.metadata import read_named_classes
from fsbench.datasets.prepared import write_prepared
from fsbench.datasets.reading import indices_in
from fsbench.datasets.records import read_bytes
from fsbench.datasets.trees import first_there
from fsbench.datasets.trees import show_parts
from fsbench.datasets.vspw import FOLDS
from fsbench.errors import DataError
from fsbench.files import path_part
from fsbench.masks.labels import read_label_map
from fsbench.progress import track

__all__ = ["prepare_mini_vspw"]

_ROOTS = ("VSPW_480p", "")  # in this order: beside the former, `data` may be the user's own
_LISTS = ("nminivspw_pascal", "lists/nminivspw_pascal", "")


def prepare_mini_vspw(vspw: Path, lists: Path, out: Path, *, link: bool = False, progress: bool = False) -> None:
    """Writes the test videos of MiniVSPW's four folds to a folder, whole or not at all.

    What is there already, and is the same, stays.

    Args:
        vspw: `VSPW_480p`, or the folder that holds it, with `data/<video>/origin/<frame>.jpg` and
            `data/<video>/mask/<frame>.png`.
        lists: The authors' `nminivspw_pascal`, or a folder that holds it, with `class_test_<k>.json`, {number: class},
            and `test_<k>.txt`, lines of `<video> <video>/mask/<frame>.png`, for k from 0 to 3.
        out: The folder to make.
        link: Make links to pictures and masks, instead of copies.
        progress: Show a progress bar.

    Raises:
        DataError: A file is missing, damaged or of another form, or `out` holds something else.
    """
    data = next((vspw / name / "data" for name in _ROOTS if (vspw / name / "data").is_dir()), None)
    if data is None:
        raise DataError(f"{vspw}: holds no VSPW at 480p.\n{show_parts(vspw, [('videos', ('VSPW_480p/data', 'data'))])}")
    folder = lists / (first_there(lists, [f"{name}/test_0.txt" for name in _LISTS]) or "test_0.txt")
    frames_of: dict[str, set[str]] = {}
    shown: dict[str, dict[int, set[str]]] = {}
    names: dict[int, str] = {}
    for number, wanted in enumerate(FOLDS):
        path = folder.with_name(f"class_test_{number}.json")
        classes = read_named_classes(path)
        if set(classes.values()) != set(wanted):
            raise DataError(f"{path}: expected the classes {', '.join(wanted)}. Fetch MiniVSPW's lists again.")
        names |= classes
        listed = list(_listed(folder.with_name(f"test_{number}.txt")))
        for video, frame in track(listed, f"test_{number}", len(listed), unit="mask", show=progress):
            found = indices_in(read_label_map(data / video / "mask" / f"{frame}.png"))
            frames_of.setdefault(video, set()).add(frame)
            for class_id in found & classes.keys():
                shown.setdefault(video, {}).setdefault(class_id, set()).add(frame)
    objects: dict[str, Any] = {}  # Any: JSON
    for video in sorted(frames_of):
        of = {str(i): {"category": names[i], "frames": sorted(there)} for i, there in shown.get(video, {}).items()}
        objects[video] = {"objects": of}
    asked = {video: {"frames": sorted(frames), "expressions": {}} for video, frames in sorted(frames_of.items())}
    contents = {
        "train/meta.json": json.dumps({"videos": objects}, sort_keys=True),
        "meta_expressions/train/meta_expressions.json": json.dumps({"videos": asked}, sort_keys=True),
    }
    files = {
        f"train/{folder}/{video}/{frame}{ending}": data / video / source / f"{frame}{ending}"
        for video, frames in sorted(frames_of.items())
        for frame in sorted(frames)
        for folder, source, ending in (("JPEGImages", "origin", ".jpg"), ("Annotations", "mask", ".png"))
    }
    if missing := next((path for path in files.values() if not path.is_file()), None):
        raise DataError(f"{missing}: missing. Fetch VSPW at 480p again.")
    write_prepared(out, contents, files, link=link, progress=progress)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the video and the frame of each line of a list."""
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), start=1):
        video, _, mask = line.strip().partition(" ")
        frame = mask.removeprefix(f"{video}/mask/").removesuffix(".png")
        if mask != f"{video}/mask/{frame}.png" or not frame:
            raise DataError(f"{path}, line {number}: expected '<video> <video>/mask/<frame>.png', not {line[:80]!r}.")
        yield path_part(video, "video"), path_part(frame, "frame")
