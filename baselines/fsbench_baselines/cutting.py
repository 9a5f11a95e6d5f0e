"""From a score per pixel to a mask with the picture's borders: GrabCut seeded by levels of the score, strong parts."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["enlarge", "grab_cut", "shrink", "strong_parts"]

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Pixels = TypeVar("Pixels", Bytes, Floats)

LEAST_PART = 0.2  # of a frame's strongest component: weaker ones are dropped


def shrink(frames: Pixels, shorter_side: int) -> Pixels:
    """Returns frames [T, H, W, ...] at a shorter side of at most so many pixels."""
    height, width = frames.shape[1:3]
    scale = min(1.0, shorter_side / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]).astype(frames.dtype)


def enlarge(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Returns a mask, bool [h, w], at another (height, width), its border where a bilinear read is at one half."""
    height, width = size
    return np.asarray(cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5)


def grab_cut(frame: Bytes, score: Floats, levels: Sequence[float], iterations: int) -> npt.NDArray[np.bool_]:
    """Returns GrabCut's object in one frame.

    Args:
        frame: uint8 [h, w, 3].
        score: float32 [h, w].
        levels: Scores above which a pixel is the object's for certain, probably, and possibly.
        iterations: Of GrabCut; 0 takes the probable pixels as they are.
    Returns:
        bool [h, w].
    """
    certain, probable, possible = levels
    seeds = np.where(score > probable, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[score > certain] = cv2.GC_FGD
    seeds[score < possible] = cv2.GC_BGD
    is_object = (seeds & 1).astype(np.bool_)  # true of GC_FGD and GC_PR_FGD
    if iterations == 0 or is_object.all() or not is_object.any():
        return is_object
    cv2.setRNGSeed(0)  # GrabCut's first clusters are random
    background, model = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(frame, seeds, (0, 0, 0, 0), background, model, iterations, cv2.GC_INIT_WITH_MASK)
    return (seeds & 1).astype(np.bool_)


def strong_parts(mask: npt.NDArray[np.bool_], strength: Floats) -> npt.NDArray[np.bool_]:
    """Returns the connected components of a mask that are not much weaker than its strongest; all if none is strong.

    Args:
        mask: bool [h, w].
        strength: float32 [h, w]; a component's is the sum of its positive values.
    """
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    strengths = np.bincount(labels.ravel(), np.maximum(strength, 0).ravel())
    strengths[0] = 0.0  # what is not in the mask
    return np.asarray(mask & (strengths >= LEAST_PART * strengths.max())[labels])
