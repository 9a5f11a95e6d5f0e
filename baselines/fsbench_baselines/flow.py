"""A tracker that carries a mask from frame to frame by optical flow: dense inverse search (Kroeger et al., 2016)."""

from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from fsbench.methods.contract import Clip
from fsbench.methods.contract import MethodInfo

__all__ = ["Flow"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
_UNKNOWN: Any = None  # Any: OpenCV's stubs know no flow that is not given
_LEAST_SIDE = 12  # of a frame; DIS takes none that is smaller


class Flow:
    """Follows an object by the flow of its pixels.

    Args:
        preset: OpenCV's: what is coarser is quicker.
    """

    info = MethodInfo(
        "flow",
        "1",
        "Masks are carried by optical flow (OpenCV's DIS).",
        paper="https://arxiv.org/abs/1603.03590",
        licence="Apache-2.0",
        trained_on=(),
    )

    def __init__(self, preset: Literal["ultrafast", "fast", "medium"] = "medium") -> None:
        self.preset = preset
        self._dis = cv2.DISOpticalFlow.create(_PRESETS[preset])

    def follow(self, clip: Clip, mask: npt.NDArray[np.bool_], path: Sequence[int]) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields the mask where the flow takes it, bool [H, W], frame by frame. It is soft on the way."""
        height, width = mask.shape
        rows, columns = np.indices((height, width), np.float32)
        soft = mask.astype(np.float32)
        for before, after in pairwise(path):
            flow = clip.memo((__name__, self.preset, before, after), partial(self._flow, clip, after, before))
            warped = cv2.remap(soft, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
            soft = np.asarray(warped, np.float32)
            yield soft > 0.5

    def _flow(self, clip: Clip, start: int, end: int) -> npt.NDArray[np.float32]:
        """Returns where each pixel of a frame is in another, float32 [H, W, 2], x before y."""
        height, width = clip.frames.shape[1:3]
        if min(height, width) < _LEAST_SIDE:
            return np.zeros((height, width, 2), np.float32)
        first, second = (cv2.cvtColor(clip.frames[t], cv2.COLOR_RGB2GRAY) for t in (start, end))
        return np.asarray(self._dis.calc(first, second, _UNKNOWN), np.float32)
