"""From an object with the few calls of a dataset to one that the whole of fsbench takes."""

import hashlib
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import Video
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import spec_of
from fsbench.errors import DataError

__all__ = ["complete"]


def complete(dataset: MinimalDataset, spec: DatasetSpec | None = None, root: Path | None = None) -> Dataset:
    """Returns a dataset with every call: the object itself where it has them, else one that fills in the rest.

    Args:
        dataset: Has `name`, `videos`, `objects`, `expressions`, `frame` and `label_map` at least.
        spec: What is known of it; None for its own `spec`, else the defaults.
        root: The folder that it was opened from; None for its own `root`, else its name.

    Raises:
        DataError: A call is missing, or the dataset is called otherwise than its spec.
    """
    if not isinstance(dataset, MinimalDataset):
        needed = ("name", "videos", "objects", "expressions", "frame", "label_map")
        lacking = [name for name in needed if not hasattr(dataset, name)]
        raise DataError(f"{type(dataset).__name__} is no dataset: it lacks {', '.join(lacking)}.")
    own = spec or spec_of(dataset)
    if own.name != dataset.name:
        raise DataError(f"A dataset calls itself {dataset.name!r}, and its spec {own.name!r}. Give both one name.")
    if isinstance(dataset, Dataset) and spec in (None, getattr(dataset, "spec", None)):
        return dataset
    return _Completed(dataset, own, root)


class _Completed:
    """A dataset whose missing calls say that nothing is missing, and that nothing is known."""

    def __init__(self, dataset: MinimalDataset, spec: DatasetSpec, root: Path | None) -> None:
        self._dataset = dataset
        self.name = dataset.name
        self.spec = spec
        self.root = root or Path(getattr(dataset, "root", dataset.name))

    def videos(self) -> Sequence[Video]:
        """Returns all videos."""
        return self._dataset.videos()

    def objects(self) -> Sequence[ObjectTrack]:
        """Returns all annotated objects."""
        return self._dataset.objects()

    def expressions(self) -> Sequence[Expression]:
        """Returns all sentences."""
        return self._dataset.expressions()

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        try:
            return self._dataset.frame(video_id, name)
        except OSError as error:
            raise self._unreadable(video_id, name, error) from error

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers."""
        try:
            return self._dataset.label_map(video_id, name)
        except OSError as error:
            raise self._unreadable(video_id, name, error) from error

    def has_frames(self) -> bool:
        """Returns what the dataset says; if it does not, whether any file is there of any video's first frame."""
        find = getattr(self._dataset, "has_frames", None)
        firsts = ((video.video_id, video.frames[0]) for video in self.videos() if video.frames)
        return bool(find()) if find else any(len(self.missing_files(*first)) < 2 for first in firsts)

    def missing_files(self, video_id: str, name: str) -> list[Path]:
        """Returns what the dataset says; nothing if it does not say."""
        find = getattr(self._dataset, "missing_files", None)
        return list(find(video_id, name)) if find else []

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns what the dataset says; else the size of the video's first label map, or None if it has none."""
        find = getattr(self._dataset, "frame_size", None)
        if find is not None:
            size: tuple[int, int] | None = find(video_id)
            return size
        first = self._first_frames.get(video_id)
        if first is None:
            return None
        try:
            height, width = self.label_map(video_id, first).shape[-2:]
        except DataError:
            return None
        return height, width

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns what the dataset says; else the SHA-256 of the pixels."""
        find = getattr(self._dataset, "fingerprint", None)
        if find is not None:
            return str(find(video_id, names))
        digest = hashlib.sha256()
        for name in names:
            for pixels in (self.frame(video_id, name), self.label_map(video_id, name)):
                digest.update(f"{pixels.dtype.str} {pixels.shape}\0".encode() + pixels.tobytes())
        return digest.hexdigest()

    def sources(self) -> Mapping[str, str]:
        """Returns what the dataset says; nothing if it does not say."""
        find = getattr(self._dataset, "sources", None)
        return dict(find()) if find else {}

    def _unreadable(self, video_id: str, name: str, error: OSError) -> DataError:
        return DataError(f"{self.root}: video {video_id!r}, frame {name!r} cannot be read ({error}). Fetch it again.")

    @cached_property
    def _first_frames(self) -> dict[str, str]:
        return {video.video_id: video.frames[0] for video in self.videos() if video.frames}
