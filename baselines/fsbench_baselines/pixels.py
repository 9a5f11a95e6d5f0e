"""From the frames and sentences of the harness to what models read, as the released scripts prepare them."""

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from fsbench.protocol import short_side_size

__all__ = ["normalised_frames", "normalised_pixels", "plain_sentence", "resized_frames"]

_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def normalised_frames(frames: npt.NDArray[np.uint8], short_side: int) -> Tensor:
    """Resizes frames as `resized_frames` and normalises them with ImageNet's mean and deviation.

    Args:
        frames: uint8 [T, H, W, 3], RGB.
        short_side: shorter side of the result.
    Returns:
        float32 [T, 3, h, w].
    """
    return normalised_pixels(resized_frames(frames, short_side))


def resized_frames(frames: npt.NDArray[np.uint8], short_side: int) -> npt.NDArray[np.uint8]:
    """Resizes frames, uint8 [T, H, W, 3], with Pillow (bilinear, antialiased) to a shorter side: [T, h, w, 3]."""
    height, width = frames.shape[1:3]
    height, width = short_side_size(height, width, short_side)
    resized = [Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR) for frame in frames]
    return np.stack([np.asarray(image) for image in resized])


def normalised_pixels(frames: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> Tensor:
    """Normalises frames of the right size: RGB in 0..255, [T, h, w, 3], to float32 [T, 3, h, w]."""
    return (torch.from_numpy(frames).permute(0, 3, 1, 2).float().div(255) - _MEAN) / _DEVIATION


def plain_sentence(sentence: str) -> str:
    """Returns a sentence in lower case with single spaces."""
    return " ".join(sentence.lower().split())
