"""A2D-Sentences as its authors have it: a text file, and for each annotated frame an HDF5 file of instances."""

import csv
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fsbench.datasets.hdf5 import read_hdf5
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import read_bytes
from fsbench.datasets.records import Records
from fsbench.datasets.records import UNKNOWN
from fsbench.datasets.records import Video
from fsbench.datasets.trees import first_there
from fsbench.datasets.trees import show_parts
from fsbench.errors import DataError
from fsbench.files import path_part
from fsbench.masks.layers import layered

__all__ = ["TEXTS", "A2DSentences", "read_rows"]

TEXTS = ("text_annotations/a2d_annotation.txt", "a2d_annotation.txt")
_MASKS = ("text_annotations/a2d_annotation_with_instances", "a2d_annotation_with_instances")
_MISSED = ("text_annotations/a2d_missed_videos.txt", "a2d_missed_videos.txt")
_VIDEOS = ("Release/videoset.csv", "videoset.csv")
_TEST = "1"
_MOST = 1000  # instances of a video


class A2DSentences(OfRecords):
    """The sentences about the test videos, each asked in the annotated frames that have its instance.

    A sentence has the id of its instance in the video, and object i + 1 is instance i. Which videos are test
    `videoset.csv` says; without it all are taken that have masks. A row whose instance is no number ("1 (copy)") is
    left out, as by everybody. Pixels are not read: the videos are films.
    """

    def __init__(self, root: Path) -> None:
        """Says where it lies, the folder of `Release` and `text_annotations`; nothing is read yet."""
        self.root = root
        self.name = root.name

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Raises DataError: the frames are in films."""
        raise DataError(f"{self.root}: video {video_id!r}, frame {name!r}: frames of A2D's films are not read.")

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's instances, from 1, as integer [H, W], or [L, H, W] in layers."""
        path = self._masks / path_part(video_id, "video") / f"{path_part(name, 'frame')}.h5"
        content = read_hdf5(path, "instance", "reMask")
        instances, masks = _instances(path, content["instance"]), content["reMask"]
        masks = masks[np.newaxis] if masks.ndim == 2 else masks
        if masks.ndim != 3 or len(masks) != len(instances):
            shape = list(content["reMask"].shape)
            raise DataError(f"{path}: reMask {shape} holds no masks of {len(instances)} instances. Fetch it again.")
        # MATLAB writes columns first: [N, W, H].
        named = {number + 1: mask.T != 0 for number, mask in zip(instances, masks, strict=True)}
        return layered(named, (masks.shape[2], masks.shape[1]))

    @cached_property
    def _masks(self) -> Path:
        return self.root / self._place(_MASKS)

    def _place(self, places: Sequence[str]) -> str:
        place = first_there(self.root, places)
        if place is None:
            parts = [("sentences", TEXTS), ("masks", _MASKS), ("videos (optional)", _VIDEOS)]
            raise DataError(f"{self.root}: A2D-Sentences is not complete.\n{show_parts(self.root, parts)}")
        return place

    @cached_property
    def _records(self) -> Records:
        said: dict[str, dict[int, str]] = {}
        path = self.root / self._place(TEXTS)
        for video_id, instance, text in read_rows(path, 3):
            if instance.isascii() and instance.isdigit():
                if int(instance) in said.setdefault(video_id, {}):
                    raise DataError(f"{path}: instance {instance} of video {video_id!r} has two sentences.")
                said[video_id][int(instance)] = text
        records: Records = ([], [], [])
        for video_id in sorted(said.keys() & self._wanted(said)):
            folder = self._masks / path_part(video_id, "video")
            shown: dict[int, list[str]] = {}
            names = tuple(sorted(file.stem for file in folder.glob("*.h5")))
            for name in names:
                path = folder / f"{name}.h5"
                for number in _instances(path, read_hdf5(path, "instance")["instance"]):
                    shown.setdefault(number, []).append(name)
            if not names:
                raise DataError(f"{folder}: holds no .h5 of a video that has sentences. Fetch the masks again.")
            records[0].append(Video(video_id, names))
            for number in sorted(shown):
                records[1].append(ObjectTrack(video_id, number + 1, UNKNOWN, tuple(shown[number])))
            for number, text in sorted(said[video_id].items()):
                if number in shown:  # an instance without a mask is asked by nobody
                    records[2].append(Expression(video_id, str(number), (number + 1,), text, tuple(shown[number])))
        return records

    def _wanted(self, said: Mapping[str, object]) -> set[str]:
        """Returns the videos to take."""
        missed = first_there(self.root, _MISSED)
        left_out = set() if missed is None else set(read_bytes(self.root / missed).decode("utf-8", "replace").split())
        videos = first_there(self.root, _VIDEOS)
        if videos is not None:
            rows = read_rows(self.root / videos, None, has_head=False)
            return {row[0] for row in rows if row[-1].strip() == _TEST} - left_out
        return {video_id for video_id in said if (self._masks / path_part(video_id, "video")).is_dir()} - left_out


def _instances(path: Path, values: npt.NDArray[np.generic]) -> list[int]:
    numbers = np.ravel(values)
    if numbers.dtype.kind not in "iuf" or not np.isin(numbers, np.arange(_MOST)).all():
        raise DataError(f"{path}: instance holds no numbers of instances. Fetch it again.")
    return [int(number) for number in numbers]


def read_rows(path: Path, fields: int | None, *, has_head: bool = True) -> list[list[str]]:
    """Reads a text file of rows with commas between their fields.

    Args:
        path: The file.
        fields: Fields of a row; None for any number.
        has_head: Whether the first row names the fields.

    Raises:
        DataError: The file cannot be read, or a row has another number of fields.
    """
    lines = read_bytes(path).decode("utf-8-sig", "replace").splitlines()
    rows = [row for row in csv.reader(lines) if row]
    if wrong := next((row for row in rows if fields is not None and len(row) != fields), None):
        raise DataError(f"{path}: {','.join(wrong)!r} has {len(wrong)} fields, expected {fields}. Fetch it again.")
    return rows[1:] if has_head else rows
