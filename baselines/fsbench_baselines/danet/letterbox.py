"""Frames and masks on the canvas that the model is meant for, and masks back from it.

As released: as large as the canvas allows with the frame's own proportions, in the middle, on black.

Axes: T frames, H W pixels of the frames, h w of the canvas.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.pixels import normalised_pixels

__all__ = ["Letterbox"]


@dataclass(frozen=True)
class Letterbox:
    """The place of frames on a canvas, in pixels.

    Attributes:
        canvas: (h, w).
        top, left, height, width: The rectangle of the frames.
    """

    canvas: tuple[int, int]
    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, frame: tuple[int, int], canvas: tuple[int, int]) -> "Letterbox":
        """Returns the place of frames of size (H, W)."""
        factor = min(canvas[0] / frame[0], canvas[1] / frame[1])
        height, width = (max(1, int(factor * side)) for side in frame)
        return cls(canvas, (canvas[0] - height) // 2, (canvas[1] - width) // 2, height, width)

    def frames(self, frames: npt.NDArray[np.uint8]) -> Tensor:
        """Places RGB frames, uint8 [T, H, W, 3], and normalises all; returns float32 [T, 3, h, w]."""
        return normalised_pixels(self._placed(frames))

    def masks(self, masks: npt.NDArray[np.bool_]) -> Tensor:
        """Places masks, bool [T, H, W]; returns float32 in {0, 1} [T, h, w].

        A pixel counts where all that it is interpolated from is on the object, so that masks lose a rim. So it is
        released (libs/dataset/transform.py, for training and for tests): masks are resized as floats, then cut down to
        whole numbers, where a resize of whole numbers would round at one half.
        """
        # The tolerance is for the rounding of the weights, which need not sum to 1.
        return torch.from_numpy(self._placed(masks) > 1 - 1e-4).float()

    def restored(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Cuts the frames' rectangle out of maps [T, h, w] and resizes it bilinearly; returns [T, *size]."""
        inside = maps[:, self.top : self.top + self.height, self.left : self.left + self.width]
        if inside.shape[1:] == size:
            return inside
        return functional.interpolate(inside[:, None], size, mode="bilinear", align_corners=False)[:, 0]

    def _placed(self, images: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Returns float32 [T, h, w, ...] of images [T, H, W, ...], resized bilinearly, zero around."""
        placed = np.zeros((len(images), *self.canvas, *images.shape[3:]), np.float32)
        inside = placed[:, self.top : self.top + self.height, self.left : self.left + self.width]
        for number, image in enumerate(images):
            inside[number] = cv2.resize(image.astype(np.float32), (self.width, self.height))
        return placed
