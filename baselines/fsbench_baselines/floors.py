"""Floors: what a method scores that looks at no pixel of the query."""

from collections.abc import Iterator
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Support

__all__ = ["Empty", "FullFrame", "SupportCopy"]

SMOOTHING = 0.05  # standard deviation of the blur that orders pixels of equal frequency, in shorter sides
TIE_WEIGHT = 1e-3  # of the blurred frequencies; less than one support frame in a thousand counts


Masks = npt.NDArray[np.bool_]


def _repeat(mask: Masks, clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
    """Yields one mask, bool [H, W], for every sentence and frame, bool [N, T, H, W], which lies in memory once."""
    yield np.broadcast_to(mask, (len(expressions), len(clip.frames), *mask.shape))


class Empty:
    """Finds nothing, ever."""

    info = MethodInfo(
        "empty", "1", "No pixel of any frame: the score of an absent object.", licence="Apache-2.0", trained_on=()
    )
    ignores_support = True
    works_in_parts = True

    def prepare(self, fold: Fold) -> None:
        """Needs nothing."""

    def adapt(self, support: Support) -> None:
        """Learns nothing."""

    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
        """Yields bool [N, T, H, W], all false."""
        return _repeat(np.zeros(clip.output_size, dtype=np.bool_), clip, expressions)


class FullFrame:
    """Takes everything for the object."""

    info = MethodInfo(
        "full-frame", "1", "Every pixel of every frame: the object's share of it.", licence="Apache-2.0", trained_on=()
    )
    ignores_support = True
    works_in_parts = True

    def prepare(self, fold: Fold) -> None:
        """Needs nothing."""

    def adapt(self, support: Support) -> None:
        """Learns nothing."""

    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
        """Yields bool [N, T, H, W], all true."""
        return _repeat(np.ones(clip.output_size, dtype=np.bool_), clip, expressions)


class SupportCopy:
    """Puts the support masks' mean shape, at its place and size in the frame, on every frame.

    What it scores is what the objects of a class have in common in place, size and shape.
    """

    info = MethodInfo(
        "support-copy", "1", "The support masks' mean shape on every frame.", licence="Apache-2.0", trained_on=()
    )
    works_in_parts = True

    def prepare(self, fold: Fold) -> None:
        """Needs nothing."""

    def adapt(self, support: Support) -> list[Masks]:
        """Returns the masks of all support frames, each bool [H, W] at its own size."""
        return [mask for shot in support.shots for mask in shot.masks]

    def segment(self, adapted: list[Masks], clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
        """Yields bool [N, T, H, W]: one mask of the support masks' mean area, empty only if all of them are."""
        return _repeat(_mean_shape(adapted, clip.output_size), clip, expressions)


def _mean_shape(masks: Sequence[Masks], size: tuple[int, int]) -> Masks:
    """Returns the pixels that are most often the object's, as many as an object has on average.

    Args:
        masks: One or more support masks, bool [H, W] each; every one counts the same, whatever its size.
        size: (height, width) of the result.
    Returns:
        bool [height, width] with the mean of the masks' areas (as shares of the frame), rounded to whole pixels; at
        least one pixel if any mask has one.
    """
    area = np.mean([mask.mean() for mask in masks])
    if area == 0:
        return np.zeros(size, dtype=np.bool_)
    height, width = size
    resized = [cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for mask in masks]
    frequency = np.mean(resized, axis=0)
    # A few masks share few frequencies: among equals, the middle of the shape goes before its fringe.
    smooth = cv2.GaussianBlur(frequency, (0, 0), SMOOTHING * min(size), borderType=cv2.BORDER_REPLICATE)
    order = np.argsort(-(frequency + TIE_WEIGHT * smooth), axis=None, kind="stable")
    shape = np.zeros(height * width, dtype=np.bool_)
    shape[order[: max(1, round(area * shape.size))]] = True
    return shape.reshape(size)
