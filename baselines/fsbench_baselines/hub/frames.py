"""From frames to what a model sees, and from its maps to masks: without torchvision, which some processors want."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

__all__ = ["HALF", "IMAGENET", "Normalisation", "masks_from", "normalised", "pieces"]


@dataclass(frozen=True)
class Normalisation:
    """How a model's published processor prepares pictures: per-channel mean and deviation of values in [0, 1]."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def normalised(
    frames: npt.NDArray[np.uint8],
    size: tuple[int, int],
    by: Normalisation,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Tensor:
    """Resizes frames with Pillow, as the processors do, and normalises them.

    Args:
        frames: uint8 [T, H, W, 3], RGB.
        size: (h, w).
        by: Mean and deviation.
        resample: Pillow's filter.
    Returns:
        float32 [T, 3, h, w].
    """
    height, width = size
    resized = np.stack([np.asarray(Image.fromarray(frame).resize((width, height), resample)) for frame in frames])
    pixels = torch.from_numpy(resized).permute(0, 3, 1, 2).float().div(255)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (by.mean, by.deviation))
    return (pixels - mean) / deviation


def masks_from(maps: Tensor, size: tuple[int, int], threshold: float) -> npt.NDArray[np.bool_]:
    """Resizes maps bilinearly and cuts them.

    Args:
        maps: [T, h, w], scores or logits on any device.
        size: (H, W).
        threshold: A pixel above it is the object's.
    Returns:
        bool [T, H, W].
    """
    resized = functional.interpolate(maps[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0]
    return (resized > threshold).cpu().numpy()


def pieces(frames: Sequence[int], max_frames: int | None) -> Iterator[Sequence[int]]:
    """Cuts a sequence of frames into pieces; each begins with the frame that the one before it ends with.

    Args:
        frames: One or more frame numbers, in the order in which a model goes through them.
        max_frames: Of one piece, at least 2; None for a single piece.
    """
    step = max(len(frames), 2) - 1 if max_frames is None else max_frames - 1
    yield frames[: step + 1]
    for start in range(step, len(frames) - 1, step):
        yield frames[start : start + step + 1]
