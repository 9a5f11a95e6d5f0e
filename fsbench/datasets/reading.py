"""Reading some frames of a video with their label maps."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from fsbench.datasets.records import Dataset
from fsbench.errors import DataError
from fsbench.memo import Memo

__all__ = ["read_frames"]


def read_frames(
    dataset: Dataset, video_id: str, names: Sequence[str], memo: Memo | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
    """Reads frames, each file once, however often it is named.

    Args:
        dataset: Has them.
        video_id: The video.
        names: Names of the T frames, at least one.
        memo: Keeps what is read for later calls, by video and name.

    Returns:
        Frames, uint8 [T, H, W, 3], RGB, and label maps, integer [T, H, W].

    Raises:
        DataError: A file is missing or damaged, or sizes differ.
    """
    keep = memo or Memo(0)
    distinct = list(dict.fromkeys(names))
    frames = [keep(("frame", video_id, name), partial(dataset.frame, video_id, name)) for name in distinct]
    label_maps = [keep(("label map", video_id, name), partial(dataset.label_map, video_id, name)) for name in distinct]
    for name, frame, label_map in zip(distinct, frames, label_maps, strict=True):
        if not frame.shape[:2] == label_map.shape == frames[0].shape[:2]:
            raise DataError(
                f"{dataset.root}: video {video_id!r}, frame {name!r}: picture {frame.shape[:2]} and label map "
                f"{label_map.shape} (height, width) must both be {frames[0].shape[:2]}, as the video's first picture "
                "is. Fetch the video again."
            )
    places = [distinct.index(name) for name in names]
    return np.stack([frames[i] for i in places]), np.stack([label_maps[i] for i in places])
