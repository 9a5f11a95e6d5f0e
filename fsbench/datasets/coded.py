"""Masks of objects as run lengths in one large JSON file: found in one pass, and then read video by video."""

import hashlib
import threading
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from fsbench.datasets.json_parts import JsonParts
from fsbench.datasets.json_parts import Part
from fsbench.datasets.nouns import category_of
from fsbench.datasets.records import by_number
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import Records
from fsbench.datasets.records import UNKNOWN
from fsbench.datasets.records import Video
from fsbench.errors import DataError
from fsbench.masks.layers import layered
from fsbench.masks.rle import Rle
from fsbench.masks.rle import run_lengths
from fsbench.masks.rle import valid_code

__all__ = ["CodedMasks", "CodedObject", "CodedVideo", "read_coded", "shown_in"]


class CodedObject(NamedTuple):
    """Where the codes of an object are.

    Attributes:
        part: A list in the file with a code, or null, for each of the video's frames.
        frames: Names of the frames that show it.
    """

    part: Part
    frames: tuple[str, ...]


class CodedVideo(NamedTuple):
    """A video and its objects.

    Attributes:
        frames: Names of its frames, in time order.
        objects: By id.
        size: (height, width) where it is written; None where only the codes say it.
        path: What the release calls it, and where its pictures lie; empty for its id.
    """

    frames: tuple[str, ...]
    objects: Mapping[int, CodedObject]
    size: tuple[int, int] | None = None
    path: str = ""


_LEVEL = "__"


class _Read(NamedTuple):
    """A video that was read: by object the codes of the frames that have one, and (height, width) if any has."""

    video_id: str
    codes: Mapping[int, Mapping[str, Rle]]
    size: tuple[int, int] | None


class CodedMasks:
    """The masks of videos, of which each thread holds those of the video that it read last."""

    def __init__(self, file: JsonParts, videos: Mapping[str, CodedVideo]) -> None:
        """Says where the codes are.

        Args:
            file: Has them.
            videos: By id.
        """
        self._file = file
        self._videos = videos
        self._held = threading.local()

    def __getstate__(self) -> Mapping[str, Any]:  # Any: the fields
        return {key: value for key, value in vars(self).items() if key != "_held"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._held = threading.local()

    def label_map(self, video_id: str, name: str, size: tuple[int, int]) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices, integer [H, W], or [L, H, W] in layers; `size` is (H, W).

        Raises:
            DataError: A code is none, or the video has no such frame.
        """
        height, width = size
        shown = self._shown(video_id, name)
        # A code is decoded column by column: each mask stays as it is, and only the layers are turned.
        masks = {key: coco.decode({"size": size, "counts": of.counts}).T.view(np.bool_) for key, of in shown.items()}
        return np.ascontiguousarray(layered(masks, (width, height)).swapaxes(-2, -1))

    def size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video; None if nothing says it. Raises DataError if its codes differ in it."""
        return self._read_video(video_id).size

    @property
    def paths(self) -> dict[str, str]:
        """What the release calls each video that it calls otherwise than by its id."""
        return {video_id: video.path for video_id, video in self._videos.items() if video.path}

    def path(self, video_id: str) -> str:
        """Returns what the release calls a video."""
        return self._videos[video_id].path or video_id

    def digest(self, video_id: str, name: str) -> bytes:
        """Returns the SHA-256 of a frame's codes."""
        shown = self._shown(video_id, name).items()
        return hashlib.sha256(repr([(key, *code) for key, code in shown]).encode("ascii")).digest()

    def _shown(self, video_id: str, name: str) -> dict[int, Rle]:
        """Returns the codes of a frame's objects, by id in order."""
        if name not in self._videos[video_id].frames:
            raise self._error(video_id, f"has no frame {name!r}")
        return {key: of[name] for key, of in self._read_video(video_id).codes.items() if name in of}

    def _read_video(self, video_id: str) -> _Read:
        held: _Read | None = getattr(self._held, "video", None)
        if held is None or held.video_id != video_id:
            video = self._videos[video_id]
            codes = {key: self._read(video_id, key, of.part) for key, of in sorted(video.objects.items())}
            sizes = {(code.height, code.width) for of in codes.values() for code in of.values()}
            sizes |= {video.size} if video.size else set()
            if len(sizes) > 1:
                one, two = sorted(sizes)[:2]
                raise self._error(video_id, f"has masks of {one} and {two} pixels (height, width)")
            self._held.video = held = _Read(video_id, codes, sizes.pop() if sizes else None)
        return held

    def _read(self, video_id: str, object_id: int, part: Part) -> dict[str, Rle]:
        codes: dict[str, Rle] = {}
        for name, code in zip(self._videos[video_id].frames, self._file.value(part), strict=True):
            if code is not None:
                try:
                    height, width = code["size"]
                    codes[name] = valid_code(height, width, code["counts"])
                except (ValueError, TypeError, KeyError) as error:
                    what = f"object {object_id} has no run-length code in frame {name!r} ({error})"
                    raise self._error(video_id, what) from error
        return codes

    def _error(self, video_id: str, what: str) -> DataError:
        return DataError(f"{self._file.path}: video {video_id!r} {what}. Fetch the file again.")


def read_coded(sentences: Path, masks: Path, categories: Path | None) -> tuple[Records, CodedMasks]:
    """Reads a dataset whose sentences name annotations by their numbers, as MeViS' do.

    Args:
        sentences: `meta_expressions.json`.
        masks: `mask_dict.json`.
        categories: The category of each annotation; None for what the sentences about it name (see `category_of`).

    Returns:
        The records, and the masks. The annotations that a video's sentences name are its objects, counted from 1 in the
        order of their numbers. A video that is called by a path, as in ReVOS, has "__" for "/" in its id.

    Raises:
        DataError: A file is not of its form, or an annotation is missing or not as long as its video.
    """
    from fsbench.datasets.metadata import kind_of
    from fsbench.datasets.metadata import read_categories  # pydantic, which naming a dataset does without
    from fsbench.datasets.metadata import read_coded_sentences

    file = JsonParts(masks)
    said = read_coded_sentences(sentences)["videos"]
    named = None if categories is None else read_categories(categories)
    parts = dict(file.members())
    records: Records = ([], [], [])
    videos: dict[str, CodedVideo] = {}
    named_as = {name.replace("/", _LEVEL): name for name in said}
    if len(named_as) < len(said):
        raise DataError(f"{sentences}: two videos are called the same where '/' is {_LEVEL!r}. Rename one.")
    for video_id, name in sorted(named_as.items()):
        video = said[name]
        frames = tuple(video["frames"])
        numbers = sorted({number for each in video["expressions"].values() for number in each["anno_id"]})
        ids = {number: object_id for object_id, number in enumerate(numbers, start=1)}
        texts: dict[int, list[str]] = {number: [] for number in numbers}
        for each in video["expressions"].values():
            for number in each["anno_id"]:
                texts[number].append(each["exp"])
        objects = {}
        for number, object_id in ids.items():
            where = f"{masks}: annotation {number} of video {video_id!r}"
            if str(number) not in parts:
                raise DataError(f"{where} is missing. Fetch both files from one release.")
            part = parts[str(number)]
            try:
                objects[object_id] = CodedObject(part, shown_in(file.value(part), frames))
            except ValueError as error:
                raise DataError(f"{where} {error}. Fetch both files from one release.") from error
            category = category_of(texts[number]) if named is None else named.get(str(number), UNKNOWN)
            records[1].append(ObjectTrack(video_id, object_id, category, objects[object_id].frames))
        videos[video_id] = CodedVideo(frames, objects, path=name if name != video_id else "")
        records[0].append(Video(video_id, frames))
        for key, each in sorted(video["expressions"].items(), key=lambda item: by_number(item[0])):
            object_ids = tuple(sorted({ids[number] for number in each["anno_id"]}))
            records[2].append(Expression(video_id, key, object_ids, each["exp"], kind=kind_of(each)))
    return records, CodedMasks(file, videos)


def shown_in(codes: object, frames: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the frames in which an object has a pixel.

    Args:
        codes: Of each frame a code, or null.
        frames: Names of as many frames.

    Raises:
        ValueError: There is no such list, or one of another length.
    """
    if not isinstance(codes, list):
        raise ValueError("is no list of run-length codes")
    if len(codes) != len(frames):
        raise ValueError(f"has {len(codes)} run-length codes, and its video {len(frames)} frames")
    return tuple(name for name, code in zip(frames, codes, strict=True) if not _is_empty(code))


def _is_empty(code: object) -> bool:
    """Tells whether a code is of no pixel. What is no code at all shows when it is read."""
    counts = code.get("counts") if isinstance(code, dict) else None
    if isinstance(counts, str):
        try:
            counts = run_lengths(counts.encode("ascii", "replace")).tolist() if len(counts) < _SHORT else [0, 1]
        except ValueError:
            return False
    return not any(counts[1::2]) if isinstance(counts, list) else code is None


_SHORT = 24
"""Characters of a code that may be of no pixel; a longer one is of many runs."""
