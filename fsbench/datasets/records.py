"""The records that every dataset yields, and the contract of a dataset."""

from abc import ABC
from abc import abstractmethod
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from typing import Protocol
from typing import runtime_checkable

import numpy as np
import numpy.typing as npt

from fsbench.errors import DataError
from fsbench.files import open_regular

__all__ = [
    "UNKNOWN",
    "Dataset",
    "DrawnVideo",
    "Expression",
    "MinimalDataset",
    "ObjectTrack",
    "OfRecords",
    "Records",
    "Video",
    "by_number",
    "names_nothing",
    "read_bytes",
]

UNKNOWN = "unknown"
"""The category of an object of which nobody says what it is; such videos are no class."""


class Video(NamedTuple):
    """A video and its frames.

    Attributes:
        video_id: Its id.
        frames: Names of the T frames, in time order.
    """

    video_id: str
    frames: tuple[str, ...]


class ObjectTrack(NamedTuple):
    """An annotated object of a video.

    Attributes:
        video_id: The video.
        object_id: Its index in the label maps, where 0 is the background.
        category: Name of what it is.
        frames: Names of those in which it is annotated.
    """

    video_id: str
    object_id: int
    category: str
    frames: tuple[str, ...]


class Expression(NamedTuple):
    """A sentence and the objects that it names; its mask is their union.

    Attributes:
        video_id: The video that it is about.
        expression_id: Its id within the video.
        object_ids: Those of the video that it names.
        text: The sentence; empty where there is none, and the support's masks alone say what is meant.
        frames: Names of the frames in which it is asked, where masks are held against the dataset; None for all of the
            video's, as in episodes.
        kind: Of what kind the release says that it is, such as "reasoning"; empty where it says nothing.
    """

    video_id: str
    expression_id: str
    object_ids: tuple[int, ...]
    text: str
    frames: tuple[str, ...] | None = None
    kind: str = ""


Records = tuple[list[Video], list[ObjectTrack], list[Expression]]
"""All records of a dataset, in order."""


def names_nothing(shown: Mapping[str, Mapping[int, Sequence[str]]], video_id: str, object_ids: Iterable[int]) -> bool:
    """Tells whether a sentence names nothing that its video shows in any frame.

    Args:
        shown: By video and object id, the frames in which an object is annotated.
        video_id: The video.
        object_ids: What the sentence names.
    """
    return not any(shown.get(video_id, {}).get(object_id) for object_id in object_ids)


class OfRecords(ABC):
    """The first calls of a dataset whose records are read together."""

    @property
    @abstractmethod
    def _records(self) -> Records:
        """All records, read at first use."""

    def videos(self) -> Sequence[Video]:
        """Returns all videos."""
        return self._records[0]

    def objects(self) -> Sequence[ObjectTrack]:
        """Returns all annotated objects."""
        return self._records[1]

    def expressions(self) -> Sequence[Expression]:
        """Returns all sentences."""
        return self._records[2]


@runtime_checkable
class MinimalDataset(Protocol):
    """What an object needs to be a dataset; `complete` in `fsbench.datasets.completing` adds the rest.

    Records come sorted by video, then object or expression (numbers by value). It may have a `spec` (DatasetSpec) of
    the same name, which says how it is split and what may be shown of it.
    """

    @property
    def name(self) -> str:
        """What it is called in manifests, runs and tables."""

    def videos(self) -> Sequence[Video]:
        """Returns all videos."""

    def objects(self) -> Sequence[ObjectTrack]:
        """Returns all annotated objects."""

    def expressions(self) -> Sequence[Expression]:
        """Returns all sentences."""

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB. Raises DataError, with the file, if it cannot be read."""

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], 0 for background.

        Where objects overlap, several such layers, [L, H, W]: an object is where any of them has its index. Raises
        DataError as `frame` does.
        """


@runtime_checkable
class Dataset(MinimalDataset, Protocol):
    """Videos, objects and sentences of one dataset, in a folder mostly. Opening reads metadata only."""

    @property
    def root(self) -> Path:
        """Its folder, for messages; of one that lies in none, its name."""

    def has_frames(self) -> bool:
        """Tells whether any picture or label map is there, or only metadata."""

    def missing_files(self, video_id: str, name: str) -> list[Path]:
        """Returns the files of a frame (picture, label map) that are not on disk."""

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video from a file header, or None if its label maps are not on disk."""

    def sources(self) -> Mapping[str, str]:
        """Returns the SHA-256 of each metadata file, by its path below the root."""

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns a SHA-256 of frames and their label maps, which changes when one of them does; cheap beside reading.

        Raises DataError if one is not there.
        """


class DrawnVideo(Protocol):
    """A video that was drawn, not read: what a page shows of a set that is generated."""

    @property
    def frame_names(self) -> tuple[str, ...]:
        """Names of the T frames."""

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """uint8 RGB [T, H, W, 3]."""

    @property
    def label_maps(self) -> npt.NDArray[np.uint8]:
        """uint8 [T, H, W]."""

    @property
    def owners(self) -> npt.NDArray[np.uint8]:
        """uint8 [T, H, W]; as the label maps, with objects that are not annotated, whose indices are higher."""

    @property
    def sentences(self) -> tuple[tuple[str, int], ...]:
        """(sentence, object_id) pairs; the place of one is its expression id."""


def by_number(name: str) -> tuple[int, str]:
    """Returns what ids are sorted by: numbers by value, before any other."""
    return (len(name), name) if name.isdigit() else (1 << 30, name)


def read_bytes(path: Path) -> bytes:
    """Reads a dataset's file. Raises DataError if it cannot be read."""
    try:
        with open_regular(path) as stream:
            return stream.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check --data-root.") from error
