"""Videos whose objects are masklets in one JSON file, as YouTube-VIS and SA-Co have them."""

import hashlib
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from pathlib import PurePosixPath
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.datasets.coded import CodedMasks
from fsbench.datasets.coded import CodedObject
from fsbench.datasets.coded import CodedVideo
from fsbench.datasets.coded import shown_in
from fsbench.datasets.folder import read_picture
from fsbench.datasets.json_parts import JsonParts
from fsbench.datasets.json_parts import Part
from fsbench.datasets.records import by_number
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import read_bytes
from fsbench.datasets.records import Records
from fsbench.datasets.records import Video
from fsbench.errors import DataError

if TYPE_CHECKING:
    from fsbench.datasets.metadata import MaskletsHead

__all__ = ["MaskletDataset"]

_PICTURES = ("", "JPEGImages", "train/JPEGImages")
_NOWHERE = Part(0, 0)
_Annotation = tuple[int, str, CodedObject]
"""Its id, that of its category, and its masks."""


class MaskletDataset(OfRecords):
    """A file {"videos", "annotations", "categories"}, whose sentences are the categories that are annotated in a video.

    Videos and sentences have the ids that the file gives to videos and categories. Where it has SA-Co's
    "video_np_pairs", the sentences are these, and some may name nothing. Objects are counted from 1 in each video, in
    the order of their annotations' ids.
    """

    def __init__(self, path: Path, name: str | None = None, pictures: Path | None = None) -> None:
        """Says where it lies; nothing is read yet.

        Args:
            path: The file.
            name: What the dataset is called; None for the file's name.
            pictures: The folder below which the pictures lie; None for that of the file, or `JPEGImages` there.
        """
        self.root = path
        self.name = name or path.stem
        self._folders = [path.parent / folder for folder in _PICTURES] if pictures is None else [pictures]

    def __getstate__(self) -> dict[str, Any]:  # Any: the fields
        # Another process may be at work in another folder.
        folders = [folder.absolute() for folder in self._folders]
        return {**vars(self), "root": self.root.absolute(), "_folders": folders}

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        return read_picture(self._picture(video_id, name))

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers where objects overlap."""
        masks = self._read[1]
        return masks.label_map(video_id, name, masks.size(video_id) or self.frame(video_id, name).shape[:2])

    def has_frames(self) -> bool:
        """Tells whether the first frame of any video has a file."""
        return any(self._picture(video.video_id, video.frames[0]).is_file() for video in self.videos())

    def missing_files(self, video_id: str, name: str) -> list[Path]:
        """Returns the picture of a frame if it is not on disk."""
        path = self._picture(video_id, name)
        return [] if path.is_file() else [path]

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns the SHA-256 of the pictures' files, and of the run lengths."""
        digest = hashlib.sha256()
        for name in names:
            digest.update(hashlib.sha256(read_bytes(self._picture(video_id, name))).digest())
            digest.update(self._read[1].digest(video_id, name))
        return digest.hexdigest()

    def sources(self) -> Mapping[str, str]:
        """Returns the SHA-256 of the file, by its name."""
        with self.root.open("rb") as stream:
            return {self.root.name: hashlib.file_digest(stream, "sha256").hexdigest()}

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video, or None if it is not known."""
        return self._read[1].size(video_id)

    @property
    def _records(self) -> Records:
        return self._read[0]

    def _picture(self, video_id: str, name: str) -> Path:
        """Returns where a frame's picture is, or would be."""
        places = [folder / self._pictures[video_id, name] for folder in self._folders]
        return next((path for path in places if path.is_file()), places[0])

    @cached_property
    def _pictures(self) -> dict[tuple[str, str], str]:
        named = {}
        for video in self._head["videos"]:
            named.update({(video["id"], name): file for name, file in _named_frames(video["file_names"]).items()})
        return named

    @cached_property
    def _parts(self) -> dict[str, Part]:
        return dict(JsonParts(self.root).members())

    @cached_property
    def _head(self) -> "MaskletsHead":
        from fsbench.datasets.metadata import read_masklets_head  # pydantic, which telling a form does without

        file = JsonParts(self.root)
        head = {key: file.value(part) for key, part in self._parts.items() if key != "annotations"}
        return read_masklets_head(self.root, head)

    @cached_property
    def _read(self) -> tuple[Records, CodedMasks]:
        head = self._head
        frames_of = {video["id"]: tuple(_named_frames(video["file_names"])) for video in head["videos"]}
        if len(frames_of) < len(head["videos"]):
            raise DataError(f"{self.root}: two videos have one id. Fetch the file again.")
        annotated = self._annotated(frames_of)
        names = {category["id"]: category["name"] for category in head["categories"]}
        phrases = _phrases(head, annotated, names)
        records: Records = ([], [], [])
        coded: dict[str, CodedVideo] = {}
        for video in sorted(head["videos"], key=lambda video: by_number(video["id"])):
            video_id, frames = video["id"], frames_of[video["id"]]
            named: dict[str, list[int]] = {}
            for object_id, (_, category, each) in enumerate(annotated[video_id], start=1):
                named.setdefault(category, []).append(object_id)
                records[1].append(ObjectTrack(video_id, object_id, names.get(category, category), each.frames))
            objects = {object_id: each for object_id, (_, _, each) in enumerate(annotated[video_id], start=1)}
            height, width = video.get("height"), video.get("width")
            coded[video_id] = CodedVideo(frames, objects, (height, width) if height and width else None)
            records[0].append(Video(video_id, frames))
            for category, text in sorted(phrases.get(video_id, {}).items(), key=lambda item: by_number(item[0])):
                records[2].append(Expression(video_id, category, tuple(named.get(category, ())), text))
        return records, CodedMasks(JsonParts(self.root), coded)

    def _annotated(self, frames_of: Mapping[str, Sequence[str]]) -> dict[str, list[_Annotation]]:
        """Returns the annotations of each video, by their ids in order."""
        from fsbench.datasets.metadata import read_masklet  # likewise

        file = JsonParts(self.root)
        found: dict[str, list[_Annotation]] = {video_id: [] for video_id in frames_of}
        for part in file.items(self._parts.get("annotations", _NOWHERE)):
            content = file.value(part)
            masklet = read_masklet(self.root, content)
            where = f"{self.root}: annotation {masklet['id']}"
            if masklet["video_id"] not in frames_of:
                raise DataError(
                    f"{where} is of video {masklet['video_id']!r}, which is not there. Fetch the file again."
                )
            try:
                frames = shown_in(content.get("segmentations"), frames_of[masklet["video_id"]])
            except ValueError as error:
                raise DataError(f"{where} {error}. Fetch the file again.") from error
            codes = dict(file.members(part))["segmentations"]
            each = CodedObject(codes, frames)
            found[masklet["video_id"]].append((masklet["id"], masklet["category_id"], each))
        return {video_id: sorted(each) for video_id, each in found.items()}


def _phrases(
    head: "MaskletsHead", annotated: Mapping[str, Sequence[_Annotation]], names: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Returns the texts of the sentences that are asked of each video, by category."""
    found: dict[str, dict[str, str]] = {}
    if pairs := head.get("video_np_pairs"):
        for pair in pairs:
            found.setdefault(pair["video_id"], {})[pair["category_id"]] = pair["noun_phrase"]
        return found
    for video_id, annotations in annotated.items():
        found[video_id] = {category: names.get(category, category) for _, category, _ in annotations}
    return found


def _named_frames(files: Sequence[str]) -> dict[str, str]:
    """Returns the pictures of a video by the names of its frames: their stems, or numbers where two have one stem."""
    stems = [PurePosixPath(file).stem for file in files]
    names = stems if len(set(stems)) == len(stems) else [f"{number:05d}" for number in range(len(files))]
    return dict(zip(names, files, strict=True))
