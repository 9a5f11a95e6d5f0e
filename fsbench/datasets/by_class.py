"""A dataset as few-shot VOS without sentences asks of it: in a video, for all objects of a class.

A video becomes one of each category that its objects have: `<video>-<category>`, with the frames in which an object of
the category is annotated, and these objects alone. So a video serves every class that it shows, as in DANet's protocol.
Each has one sentence, "0", which names all of its objects and whose text is empty: methods are told what is meant by
the support's masks, and by no word.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import Records
from fsbench.datasets.records import UNKNOWN
from fsbench.datasets.records import Video
from fsbench.datasets.spec import spec_of

__all__ = ["ByClass"]

_EXPRESSION = "0"


class _Part(NamedTuple):
    """What is asked of a video: its id in the dataset, the objects of the category, and all other indices."""

    video_id: str
    own: tuple[int, ...]
    others: tuple[int, ...]


class ByClass(OfRecords):
    """A `Dataset` whose videos are those of another one, each as often as its objects have categories."""

    def __init__(self, dataset: Dataset) -> None:
        """Takes the dataset; its sentences are not looked at, and objects of unknown category make no class."""
        self.name = dataset.name
        self.spec = spec_of(dataset)
        self.root = dataset.root
        self._dataset = dataset

    def __getstate__(self) -> dict[str, Any]:  # Any: the fields
        self._parts  # noqa: B018 - another process asks for frames by these ids, and reads no metadata
        return {key: value for key, value in vars(self).items() if key != "_records"}

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        return self._dataset.frame(self._parts[video_id].video_id, name)

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers; other categories are 0."""
        part = self._parts[video_id]
        label_map = self._dataset.label_map(part.video_id, name).copy()
        label_map[np.isin(label_map, part.others)] = 0
        return label_map

    def has_frames(self) -> bool:
        """Tells whether any picture or label map is there, or only metadata."""
        return self._dataset.has_frames()

    def missing_files(self, video_id: str, name: str) -> list[Path]:
        """Returns the files of a frame (picture, label map) that are not on disk."""
        return self._dataset.missing_files(self._parts[video_id].video_id, name)

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video, or None if it is not known."""
        return self._dataset.frame_size(self._parts[video_id].video_id)

    def sources(self) -> Mapping[str, str]:
        """Returns the SHA-256 of each metadata file, by its path below the root."""
        return self._dataset.sources()

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns a SHA-256 of frames and of their label maps with all objects."""
        return self._dataset.fingerprint(self._parts[video_id].video_id, names)

    @cached_property
    def _parts(self) -> dict[str, _Part]:
        parts = {}
        for video_id, tracks in self._tracks.items():
            for category in sorted({track.category for track in tracks} - {UNKNOWN}):
                own = tuple(track.object_id for track in tracks if track.category == category)
                others = {*(track.object_id for track in tracks), *self.spec.other_labels}.difference(own)
                parts[f"{video_id}-{category}"] = _Part(video_id, own, tuple(sorted(others)))
        return parts

    @property
    def _tracks(self) -> dict[str, list[ObjectTrack]]:
        """The objects of each video of the dataset."""
        found: dict[str, list[ObjectTrack]] = {}
        for track in self._dataset.objects():
            found.setdefault(track.video_id, []).append(track)
        return found

    @cached_property
    def _records(self) -> Records:
        frames_of = {video.video_id: video.frames for video in self._dataset.videos()}
        tracks = self._tracks
        records: Records = ([], [], [])
        videos, objects, expressions = records
        for key, part in sorted(self._parts.items()):
            own = [t._replace(video_id=key) for t in tracks[part.video_id] if t.object_id in part.own]
            shown = {name for track in own for name in track.frames}
            if shown:
                videos.append(Video(key, tuple(name for name in frames_of[part.video_id] if name in shown)))
                objects += own
                expressions.append(Expression(key, _EXPRESSION, tuple(track.object_id for track in own), ""))
        return records
