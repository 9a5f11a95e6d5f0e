"""JHMDB-Sentences as its authors have it: a text file, and for each video its masks in a file of MATLAB."""

import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from pathlib import PurePosixPath
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fsbench.datasets.a2d import read_rows
from fsbench.datasets.folder import read_picture
from fsbench.datasets.hdf5 import read_mat
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import Records
from fsbench.datasets.records import Video
from fsbench.datasets.trees import first_there
from fsbench.datasets.trees import show_parts
from fsbench.errors import DataError
from fsbench.files import path_part

__all__ = ["TEXTS", "JHMDBSentences"]

TEXTS = ("jhmdb_annotation.txt",)
_SAMPLES = ("jhmdb_sentences_samples_metadata.json",)
_MASKS = ("puppet_mask",)
_PICTURES = "Rename_Images"
_FILE = "puppet_mask.mat"


class _Held(NamedTuple):
    """The masks [H, W, T] of a video."""

    video_id: str
    masks: npt.NDArray[np.generic]


class JHMDBSentences(OfRecords):
    """One sentence a video, `0`, about its actor, object 1, in the sampled frames, or in all that have a mask.

    Frames are called by their numbers, from `00001` on. Which are sampled `jhmdb_sentences_samples_metadata.json` says,
    as the field's repositories share it; without it all frames with a mask count.
    """

    def __init__(self, root: Path) -> None:
        """Says where it lies, the folder of `puppet_mask`; nothing is read yet."""
        self.root = root
        self.name = root.name
        self._held = threading.local()

    def __getstate__(self) -> Mapping[str, Any]:  # Any: the fields
        return {key: value for key, value in vars(self).items() if key != "_held"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._held = threading.local()

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        action = self._folders[video_id].parent.name
        return read_picture(self.root / _PICTURES / action / path_part(video_id, "video") / f"{name}.png")

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns where the actor is in a frame, as 0 and 1, uint8 [H, W]."""
        masks = self._masks(video_id)
        if not 1 <= int(name) <= masks.shape[2]:
            raise DataError(f"{self._folders[video_id] / _FILE}: has {masks.shape[2]} masks, none of frame {name}.")
        return np.ascontiguousarray(masks[:, :, int(name) - 1] != 0).view(np.uint8)

    def _masks(self, video_id: str) -> npt.NDArray[np.generic]:
        held: _Held | None = getattr(self._held, "video", None)
        if held is None or held.video_id != video_id:
            path = self._folders[video_id] / _FILE
            masks = read_mat(path, "part_mask")
            masks = masks[:, :, np.newaxis] if masks.ndim == 2 else masks  # MATLAB drops the time of one frame
            if masks.ndim != 3:
                raise DataError(f"{path}: part_mask {list(masks.shape)} holds no masks of a video. Fetch it again.")
            self._held.video = held = _Held(video_id, masks)
        return held.masks

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """The folder of each video's masks."""
        place = first_there(self.root, _MASKS)
        if place is None:
            parts = [("sentences", TEXTS), ("masks", _MASKS), ("samples (optional)", _SAMPLES)]
            raise DataError(f"{self.root}: JHMDB-Sentences is not complete.\n{show_parts(self.root, parts)}")
        return {path.parent.name: path.parent for path in sorted((self.root / place).glob(f"*/*/{_FILE}"))}

    @cached_property
    def _records(self) -> Records:
        said = dict(read_rows(self.root / TEXTS[0], 2))
        if missing := sorted(said.keys() - self._folders.keys()):
            raise DataError(
                f"{self.root / _MASKS[0]}: holds no masks of {len(missing)} videos that have a sentence, e.g. "
                f"<action>/{missing[0]}/{_FILE}. Fetch them."
            )
        from fsbench.datasets.metadata import read_samples  # pydantic, which telling a form does without

        place = first_there(self.root, _SAMPLES)
        samples = None if place is None else self.root / place
        sampled: dict[str, set[str]] = {}
        for video_id, picture in () if samples is None else read_samples(samples):
            name = PurePosixPath(picture).stem
            if not (name.isascii() and name.isdigit()):
                raise DataError(f"{samples}: {picture!r} is no numbered picture. Fetch it again.")
            sampled.setdefault(video_id, set()).add(name)
        records: Records = ([], [], [])
        for video_id, text in sorted(said.items()):
            if samples is None:
                names = tuple(f"{number:05d}" for number in range(1, self._masks(video_id).shape[2] + 1))
            elif not (names := tuple(sorted(sampled.get(video_id, ())))):
                raise DataError(f"{samples}: has no frame of video {video_id!r}. Fetch it again.")
            records[0].append(Video(video_id, names))
            records[1].append(ObjectTrack(video_id, 1, self._folders[video_id].parent.name, names))
            records[2].append(Expression(video_id, "0", (1,), text))
        return records
