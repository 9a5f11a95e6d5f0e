"""Reading some frames of a video with their label maps, which must show what the metadata promises.

A mask that is empty because its label map holds other indices than the metadata says would be scored as an object that
is not there, and an empty answer to it as perfect. So label maps are held against the metadata wherever they are read.
"""

import hashlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.records import Dataset
from fsbench.datasets.spec import spec_of
from fsbench.errors import DataError
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import stack_layers
from fsbench.memo import Memo
from fsbench.metrics import labels_present

__all__ = [
    "Annotated",
    "FrameReader",
    "LabelCheck",
    "LabelReader",
    "indices_in",
    "pictures_fingerprint",
    "read_frames",
]

Annotated = Mapping[int, Sequence[str]]
"""The annotated objects of a video: by object id, the names of the frames in which the metadata has it."""


class LabelCheck:
    """Holds the label maps of one video against what its metadata promises."""

    def __init__(self, dataset: Dataset, video_id: str, annotated: Annotated) -> None:
        """Has seen no label map yet.

        Args:
            dataset: Has the label maps.
            video_id: The video.
            annotated: Its objects.
        """
        self._dataset = dataset
        self._video_id = video_id
        self._annotated = annotated
        self._looked_at: set[str] = set()
        self._unseen = {object_id for object_id, frames in annotated.items() if frames}

    def see(self, name: str, label_map: npt.NDArray[np.integer]) -> set[int]:
        """Looks at a frame's label map.

        Returns:
            The indices that it holds.

        Raises:
            DataError: One of them is no object of the video, or it is no label map.
        """
        if label_map.ndim not in (2, 3) or not label_map.size or not np.issubdtype(label_map.dtype, np.integer):
            what = f"its label map is {label_map.dtype} {list(label_map.shape)}, not integer [H, W] or [L, H, W]"
            raise self._error(name, what)
        present = indices_in(label_map)
        unknown = sorted(present - {0, *self._annotated})
        if unknown and not set(unknown).issubset(spec_of(self._dataset).other_labels):
            raise self._error(
                name,
                f"its label map holds index {', '.join(map(str, unknown))}, and the video's annotated objects are "
                f"{_numbers(self._annotated)}. Save each object as its own id and the rest as 0; an index that means "
                "no object, such as 255 for void, is named in the dataset's 'other_labels'",
            )
        self._looked_at.add(name)
        self._unseen -= present
        return present

    def finish(self) -> None:
        """Looks for the objects that were not seen yet, in the frames that should show them.

        An object may be hidden in some of the frames that list it, not in all of them.

        Raises:
            DataError: No label map shows an object.
        """
        for object_id in sorted(self._unseen):
            for name in self._annotated[object_id]:
                if object_id not in self._unseen:
                    break
                if name not in self._looked_at:
                    self.see(name, self._dataset.label_map(self._video_id, name))
        if self._unseen:
            object_id = min(self._unseen)
            frames = self._annotated[object_id]
            raise self._error(
                frames[0],
                f"object {object_id} is annotated here and in {len(frames) - 1} more frames, and none of these "
                "shows it in its label map. Fetch the video's label maps again",
            )

    def _error(self, name: str, what: str) -> DataError:
        return DataError(f"{self._dataset.root}: video {self._video_id!r}, frame {name!r}: {what}.")


def indices_in(label_map: npt.NDArray[Any]) -> set[int]:  # Any: of any integers
    """Returns the indices that a label map holds, 0 among them where it does."""
    if label_map.dtype != np.uint8:
        return set(np.unique(label_map).tolist())
    return set(labels_present(label_map.reshape(-1, label_map.shape[-1])))


class FrameReader:
    """Reads frames of one video, each where it is asked for; all have the size of the first that is.

    Once that is read, several threads may ask at once.
    """

    def __init__(self, dataset: Dataset, video_id: str, memo: Memo | None = None) -> None:
        """Reads nothing yet.

        Args:
            dataset: Has the frames.
            video_id: The video.
            memo: Keeps what is read, by video and name.
        """
        self._dataset = dataset
        self._video_id = video_id
        self._keep = memo or Memo(0)
        self._size: tuple[int, int] | None = None
        self._seen: set[str] = set()

    def __call__(self, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame by its name, uint8 [H, W, 3], RGB, as the memo keeps it.

        Raises:
            DataError: It is missing, damaged, or of another size than the first.
        """
        frame = self._keep(("frame", self._video_id, name), partial(self._dataset.frame, self._video_id, name))
        self.require_size(name, "picture", frame.shape[:2])
        self._seen.add(name)
        return frame

    def check(self, name: str) -> None:
        """Reads a frame that was not read yet, and keeps nothing of it. Raises DataError as reading it does."""
        if name not in self._seen:
            self.require_size(name, "picture", self._dataset.frame(self._video_id, name).shape[:2])
            self._seen.add(name)

    def require_size(self, name: str, what: str, size: tuple[int, ...]) -> None:
        """Raises DataError if the size of a frame's picture or label map, (height, width), is not the video's."""
        self._size = self._size or (size[0], size[1])
        if size != self._size:
            raise DataError(
                f"{self._dataset.root}: video {self._video_id!r}, frame {name!r}: the {what} is {size} (height, "
                f"width), and the video's first {self._size}; pictures and label maps must both be of one size. Fetch "
                "the video again."
            )


class LabelReader:
    """Reads label maps of one video, each where it is asked for, and holds them against the metadata."""

    def __init__(
        self, dataset: Dataset, video_id: str, annotated: Annotated, frames: FrameReader, memo: Memo | None = None
    ) -> None:
        """Reads nothing yet.

        Args:
            dataset: Has the label maps.
            video_id: The video.
            annotated: Its objects.
            frames: Reads its frames. One whose label map is read is looked at, too.
            memo: Keeps what is read, by video and name.
        """
        self._dataset = dataset
        self._video_id = video_id
        self._frames = frames
        self._keep = memo or Memo(0)
        self._check = LabelCheck(dataset, video_id, annotated)
        self._seen: set[str] = set()

    def __call__(self, name: str) -> npt.NDArray[np.integer]:
        """Returns the label map of a frame in layers, integer [L, H, W], as the memo keeps it.

        Raises:
            DataError: It is missing or damaged, or shows what is not promised; or the frame is.
        """
        label_map = self._keep(
            ("label map", self._video_id, name), partial(self._dataset.label_map, self._video_id, name)
        )
        if name not in self._seen:
            self._frames.check(name)
            self._frames.require_size(name, "label map", label_map.shape[-2:])
            self._check.see(name, label_map)
            self._seen.add(name)
        return layers_of(label_map)

    def finish(self) -> None:
        """Looks for the objects that were not seen. Raises DataError as `LabelCheck.finish` does."""
        self._keep(("shown", self._video_id), self._check.finish)


def read_frames(
    dataset: Dataset, video_id: str, annotated: Annotated, names: Sequence[str], memo: Memo | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
    """Reads frames, each file once, however often it is named.

    Args:
        dataset: Has them.
        video_id: The video.
        annotated: Its objects.
        names: Names of the T frames, at least one.
        memo: Keeps what is read for later calls, by video and name.

    Returns:
        Frames, uint8 [T, H, W, 3], RGB, and label maps in layers, integer [T, L, H, W].

    Raises:
        DataError: A file is missing or damaged, sizes differ, or a label map does not show what is promised.
    """
    distinct = list(dict.fromkeys(names))
    read = FrameReader(dataset, video_id, memo)
    frames = {name: read(name) for name in distinct}
    labels_of = LabelReader(dataset, video_id, annotated, read, memo)
    label_maps = {name: labels_of(name) for name in distinct}
    labels_of.finish()
    return np.stack([frames[name] for name in names]), stack_layers([label_maps[name] for name in names])


def pictures_fingerprint(dataset: Dataset, video_id: str, names: Sequence[str]) -> str:
    """Returns a SHA-256 of frames without their label maps: of the files where there are such, else of the pixels.

    Raises:
        DataError: One is not there.
    """
    if isinstance(dataset, FolderDataset):
        return dataset.pictures_fingerprint(video_id, names)
    digest = hashlib.sha256()
    for name in names:
        pixels = dataset.frame(video_id, name)
        digest.update(f"{pixels.dtype.str} {pixels.shape}\0".encode() + pixels.tobytes())
    return digest.hexdigest()


def _numbers(object_ids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(object_ids))) or "none"
