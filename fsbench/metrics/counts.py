"""Everything that J and F need of one frame, as six integers.

Scores are quotients of these counts, so whatever computes the same six integers gives the same scores to the last bit.
Another kernel therefore has to replace `pair_counts` alone; this one needs nothing but numpy and OpenCV.

Axis letters: `T` frames, `H, W` pixels. The definitions are those of DAVIS-2017 (davis2017-evaluation, `metrics.py`).
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["PairCounts", "as_clips", "boundary_map", "clip_counts", "disk", "pair_counts", "radius_px"]

Masks = npt.NDArray[np.bool_]

AXES = {2: "[H, W]", 3: "[T, H, W]"}


class PairCounts(NamedTuple):
    """Pixel counts of a predicted and a true mask of one frame.

    Attributes:
        intersection: Pixels in both masks.
        union: Pixels in at least one of them.
        pred_boundary: Boundary pixels of the prediction.
        truth_boundary: Boundary pixels of the truth.
        pred_matched: Boundary pixels of the prediction within the radius of one of the truth; <= `pred_boundary`.
        truth_matched: Boundary pixels of the truth within the radius of one of the prediction; <= `truth_boundary`.
    """

    intersection: int
    union: int
    pred_boundary: int
    truth_boundary: int
    pred_matched: int
    truth_matched: int


def radius_px(tolerance: float, height: int, width: int) -> int:
    """Returns how far apart two boundary pixels may be and still match.

    Args:
        tolerance: Below 1, a share of the frame's diagonal, rounded up to whole pixels; from 1 on, pixels.
        height: H of the frame, in pixels.
        width: W of the frame, in pixels.

    Returns:
        The radius in pixels, e.g. 8 for tolerance 0.008 at 480 x 854 and 12 at 720 x 1280.

    Raises:
        ValueError: The tolerance is negative, not finite, or a fraction above 1.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be a finite number >= 0, got {tolerance}.")
    if tolerance >= 1:
        # DAVIS builds an even-sized, off-centre disk from 2.5 px; there is no exact meaning to reproduce.
        if tolerance != int(tolerance):
            raise ValueError(f"a tolerance >= 1 counts whole pixels, got {tolerance}.")
        return int(tolerance)
    return math.ceil(tolerance * math.sqrt(height * height + width * width))


def disk(radius: int) -> Masks:
    """Returns the pixels within `radius` of the middle one: bool [2r+1, 2r+1], True where dx^2 + dy^2 <= r^2."""
    squares = np.arange(-radius, radius + 1) ** 2
    return squares[:, None] + squares <= radius * radius


def boundary_map(mask: Masks) -> Masks:
    """Marks the pixels along the outline of a mask.

    A pixel is boundary iff it, its right, its lower and its lower right neighbour are not all equal, where neighbours
    beyond the frame do not count. The frame's own border is no boundary: a full-frame mask has none.

    Args:
        mask: bool [H, W].

    Returns:
        bool [H, W], a new array.

    Raises:
        ValueError: The mask is of another shape or dtype, or has no pixels.
    """
    _check("mask", mask, ndims=(2,))
    boundary = np.zeros(mask.shape, dtype=np.bool_)
    across = mask[:, 1:] != mask[:, :-1]
    boundary[:-1] = mask[1:] != mask[:-1]
    boundary[:, :-1] |= across
    # A block whose upper and left pairs are uniform can differ in its lower right pixel only, which `across` of the
    # row below sees.
    boundary[:-1, :-1] |= across[1:]
    return boundary


def pair_counts(pred: Masks, truth: Masks, radius_px: int) -> PairCounts:
    """Counts what J and F of one frame are made of.

    Args:
        pred: bool [H, W], the predicted mask.
        truth: bool [H, W], the true mask.
        radius_px: How far apart two boundary pixels may be and still match, in pixels.

    Returns:
        The counts. With the masks swapped, the same counts with pred and truth swapped.

    Raises:
        ValueError: The masks are no bool [H, W] of one shape with at least one pixel, or the radius is negative.
    """
    _check_pair(pred, truth, ndims=(2,))
    if radius_px < 0:
        raise ValueError(f"radius_px must be >= 0, got {radius_px}.")
    either = pred | truth
    union = int(np.count_nonzero(either))
    if union == 0:
        return PairCounts(0, 0, 0, 0, 0, 0)
    # The boundary reaches one pixel beyond a mask, up and to the left; one more pixel on each side is background, and
    # where the window ends at the frame's border, both end there by the same rule.
    window = _window(either, margin=1)
    pred, truth = pred[window], truth[window]
    pred_boundary, truth_boundary = boundary_map(pred), boundary_map(truth)
    return PairCounts(
        intersection=int(np.count_nonzero(pred & truth)),
        union=union,
        pred_boundary=int(np.count_nonzero(pred_boundary)),
        truth_boundary=int(np.count_nonzero(truth_boundary)),
        pred_matched=_matched(pred_boundary, truth_boundary, radius_px),
        truth_matched=_matched(truth_boundary, pred_boundary, radius_px),
    )


def clip_counts(pred: Masks, truth: Masks, tolerance: float = 0.008) -> list[PairCounts]:
    """Counts what J and F of a clip are made of: one pass for both.

    Args:
        pred: bool [T, H, W], the predicted masks; or [H, W] for a single frame.
        truth: bool, as `pred`.
        tolerance: See `radius_px`.

    Returns:
        T counts in frame order.

    Raises:
        ValueError: The masks are no bool arrays of one such shape, or the tolerance is none.
    """
    pred, truth = as_clips(pred, truth)
    radius = radius_px(tolerance, *pred.shape[1:])
    return [pair_counts(p, t, radius) for p, t in zip(pred, truth, strict=True)]


def as_clips(pred: Masks, truth: Masks) -> tuple[Masks, Masks]:
    """Checks two clips against each other and makes a single frame a clip of one.

    Args:
        pred: bool [T, H, W] or [H, W].
        truth: bool, as `pred`.

    Returns:
        Views of both, bool [T, H, W].

    Raises:
        ValueError: The masks are no bool arrays of one such shape, or their frames have no pixels.
    """
    _check_pair(pred, truth, ndims=(2, 3))
    return (pred[None], truth[None]) if pred.ndim == 2 else (pred, truth)


def _check_pair(pred: Masks, truth: Masks, ndims: tuple[int, ...]) -> None:
    _check("pred", pred, ndims)
    _check("truth", truth, ndims)
    if pred.shape != truth.shape:
        raise ValueError(f"pred and truth differ in shape: {list(pred.shape)} and {list(truth.shape)}.")


def _check(name: str, mask: Masks, ndims: tuple[int, ...]) -> None:
    if not isinstance(mask, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, got {type(mask).__name__}.")
    if mask.dtype != np.bool_:
        raise ValueError(f"{name} must be bool, got {mask.dtype}; of a label map take one object: labels == 1.")
    if mask.ndim not in ndims:
        raise ValueError(f"{name} must be {' or '.join(AXES[n] for n in ndims)}, got {list(mask.shape)}.")
    if 0 in mask.shape[-2:]:
        raise ValueError(f"{name} has frames without pixels: {list(mask.shape)}.")


def _window(mask: Masks, margin: int) -> tuple[slice, slice]:
    """Returns the rows and columns that hold every True pixel and `margin` more on each side, within the frame.

    A mask without a True pixel has an empty window.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    if width == 0:
        return slice(0), slice(0)
    return slice(max(top - margin, 0), top + height + margin), slice(max(left - margin, 0), left + width + margin)


def _matched(boundary: Masks, other: Masks, radius: int) -> int:
    """Counts the True pixels of `boundary` that have one of `other` within `radius`; both bool [H, W].

    Instead of dilating, each boundary pixel looks for any of the other boundary in the disk around it, one row of the
    disk at a time, nearest row first. Boundaries of a usable prediction lie close together, so most pixels stop at the
    first row, and the cost hardly depends on the radius.
    """
    window = _window(other, margin=radius)  # nothing beyond it is within reach
    boundary, other = boundary[window], other[window]
    height, width = boundary.shape
    reach = min(radius, height + width)
    half_widths = np.count_nonzero(disk(reach)[reach:], axis=1) // 2
    # Pixels are positions along the rows laid end to end; `reach` empty columns keep a search within its row.
    stride = width + reach
    waiting = np.flatnonzero(np.pad(boundary, ((0, 0), (0, reach))))
    targets = np.flatnonzero(np.pad(other, ((0, 0), (0, reach))))
    targets = np.append(targets, np.iinfo(np.intp).max)  # found by a search past the last one; beyond any reach
    total = waiting.size
    for row, half_width in enumerate(half_widths[:height].tolist()):
        for shift in {row * stride, -row * stride}:
            first = waiting + (shift - half_width)
            nearest = targets[np.searchsorted(targets, first)]
            waiting = waiting[nearest > first + 2 * half_width]
        if waiting.size == 0:
            break
    return total - waiting.size
