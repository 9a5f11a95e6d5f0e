"""Everything that J and F need of one frame, as six integers.

Scores are quotients of these counts, so whatever computes the same six integers gives the same scores to the last bit.
They come from a kernel: the C extension `_kernel`, or numpy in `_pure` where that is not built.

Axis letters: `T` frames, `H, W` pixels. The definitions are those of DAVIS-2017 (davis2017-evaluation, `metrics.py`).
"""

import math
from collections.abc import Iterable
from collections.abc import Sequence
from itertools import chain
from typing import Any
from typing import NamedTuple
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fsbench.metrics import _pure

__all__ = [
    "Outlines",
    "PairCounts",
    "are_counts",
    "as_clips",
    "boundary_map",
    "clip_counts",
    "label_counts",
    "labels_present",
    "outline_code",
    "outline_labels",
    "outline_pairs",
    "outline_rle",
    "pair_counts",
    "radius_px",
    "rle_counts",
]

Masks = npt.NDArray[np.bool_]
LabelMap = npt.NDArray[np.uint8]


class Kernel(Protocol):
    """What computes the counts, with buffers for arrays and tuples for counts; for the rest see `_pure`."""

    NAME: str

    def pair_counts(
        self, pred: _pure.Buffer, truth: _pure.Buffer, height: int, width: int, radius: int, /
    ) -> _pure.Counts: ...
    def label_counts(
        self, pred: _pure.Buffer, truth: _pure.Buffer, height: int, width: int, pairs: bytes, radius: int, /
    ) -> list[_pure.Counts]: ...
    # Any: what the kernel itself makes of masks
    def outline_labels(
        self, labels: _pure.Buffer, height: int, width: int, members: bytes | None, /
    ) -> tuple[Any, bytes]: ...
    def outline_counts(self, counts: bytes, height: int, width: int, /) -> Any: ...
    def outline_code(self, outlines: Any, number: int, /) -> bytes: ...
    def are_counts(self, counts: bytes, height: int, width: int, digits: int, /) -> bool: ...
    def outline_pairs(self, pred: Any, truth: Any, pairs: bytes, radius: int, /) -> list[_pure.Counts]: ...
    def labels_present(self, labels: _pure.Buffer, /) -> bytes: ...
    def rle_counts(self, pred: bytes, truth: bytes, height: int, width: int, radius: int, /) -> _pure.Counts: ...


kernel: Kernel = _pure
try:
    from fsbench.metrics import _kernel
except ImportError:
    pass  # setup.py builds it where there is a compiler; the counts are the same without
else:
    if hasattr(_kernel, "outline_code"):  # else it is left from an older version, as after a pull without a build
        kernel = _kernel

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


class Outlines(NamedTuple):
    """Masks of a frame that are cut out, with their boundaries: made once, counted against any number of others.

    Attributes:
        height, width: Of the frame, in pixels.
        masks: What the kernel makes of them. Several threads may count the same.
        present: The labels that the map shows, in order, 0 among them; none where it was no map.
    """

    height: int
    width: int
    masks: Any
    present: bytes = b""


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
    return _pure.boundary_map(mask)


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
    height, width = pred.shape
    reach = _reach(radius_px, height, width)
    masks = np.ascontiguousarray(pred), np.ascontiguousarray(truth)
    return PairCounts(*kernel.pair_counts(*masks, height, width, reach))


def label_counts(pred: LabelMap, truth: LabelMap, pairs: Sequence[tuple[int, int]], radius_px: int) -> list[PairCounts]:
    """Counts what J and F of several objects of one frame are made of: one pass for all.

    Each object is cut out and its boundary found once, in however many pairs it occurs.

    Args:
        pred: uint8 [H, W], the predicted labels.
        truth: uint8 [H, W], the true labels.
        pairs: A label of `pred` and one of `truth` each, in 0..255; they need not occur in the maps.
        radius_px: As in `pair_counts`.

    Returns:
        For each pair (p, t), in this order, `pair_counts(pred == p, truth == t, radius_px)`.

    Raises:
        ValueError: The maps are no uint8 [H, W] of one shape with at least one pixel, a label is outside 0..255, or
            the radius is negative.
    """
    _check_pair(pred, truth, ndims=(2,), dtype=np.uint8)
    height, width = pred.shape
    reach = _reach(radius_px, height, width)
    maps = np.ascontiguousarray(pred), np.ascontiguousarray(truth)
    return [PairCounts(*counts) for counts in kernel.label_counts(*maps, height, width, _labels(pairs), reach)]


def labels_present(labels: LabelMap) -> list[int]:
    """Returns the labels that a map shows, in order.

    Args:
        labels: uint8 [H, W].

    Raises:
        ValueError: The map is of another shape or dtype, or has no pixels.
    """
    _check("labels", labels, ndims=(2,), dtype=np.uint8)
    return list(kernel.labels_present(np.ascontiguousarray(labels)))


def rle_counts(pred: bytes, truth: bytes, height: int, width: int, radius_px: int) -> PairCounts:
    """Counts what J and F of one frame are made of, straight from run lengths.

    The work grows with H * W where a mask fills the frame, however short its counts: bound them beforehand.

    Args:
        pred: The predicted mask as COCO's compressed counts (column by column), for a frame of H * W pixels.
        truth: The true mask, likewise.
        height: H of the frame.
        width: W of the frame.
        radius_px: As in `pair_counts`.

    Returns:
        What `pair_counts` returns of the decoded masks.

    Raises:
        ValueError: The counts are malformed or do not fill the frame exactly, the frame has no pixels or 2^31 and
            more, or the radius is negative.
    """
    return PairCounts(*kernel.rle_counts(pred, truth, height, width, _reach(radius_px, height, width)))


def outline_labels(labels: LabelMap, members: Iterable[int] | None = None) -> Outlines:
    """Cuts objects out of a label map and finds their boundaries, in one pass.

    Args:
        labels: uint8 [H, W].
        members: The labels that make one mask together, which is number 0; None for a mask of each label but 0, whose
            number is the label.

    Raises:
        ValueError: The map is of another shape or dtype, or has no pixels; or a label is outside 0..255.
    """
    _check("labels", labels, ndims=(2,), dtype=np.uint8)
    height, width = labels.shape
    chosen = None if members is None else bytes(members)
    return Outlines(height, width, *kernel.outline_labels(np.ascontiguousarray(labels), height, width, chosen))


def outline_rle(counts: bytes, height: int, width: int) -> Outlines:
    """Cuts out a mask, number 0, straight from run lengths; see `rle_counts`.

    Raises:
        ValueError: As `rle_counts`.
    """
    return Outlines(height, width, kernel.outline_counts(counts, height, width))


def outline_code(outlines: Outlines, number: int = 0) -> bytes:
    """Returns one of some masks as COCO's compressed counts, column by column; see `rle_counts`.

    Raises:
        ValueError: There is no mask of this number.
    """
    return kernel.outline_code(outlines.masks, number)


def outline_pairs(
    pred: Outlines, truth: Outlines, pairs: Sequence[tuple[int, int]], radius_px: int
) -> list[PairCounts]:
    """Counts what J and F of several pairs of masks are made of; see `label_counts`.

    Args:
        pred: The predicted masks.
        truth: The true masks.
        pairs: The number of a mask of `pred` and one of `truth` each; a label that its map does not show is an empty
            mask.
        radius_px: As in `pair_counts`.

    Raises:
        ValueError: The frames are of two sizes, there is no mask of a number, or the radius is negative.
    """
    reach = _reach(radius_px, pred.height, pred.width)
    return [PairCounts(*counts) for counts in kernel.outline_pairs(pred.masks, truth.masks, _labels(pairs), reach)]


def are_counts(counts: bytes, height: int, width: int) -> bool:
    """Tells whether bytes are COCO's compressed counts that fill a frame exactly, in numbers of at most 30 bits."""
    return kernel.are_counts(counts, height, width, 6)


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


def _reach(radius_px: int, height: int, width: int) -> int:
    if radius_px < 0:
        raise ValueError(f"radius_px must be >= 0, got {radius_px}.")
    return min(radius_px, height + width)  # longer than any distance in the frame


def _labels(pairs: Sequence[tuple[int, int]]) -> bytes:
    wrong = [pair for pair in pairs if len(pair) != 2 or not all(0 <= label <= 255 for label in pair)]
    if wrong:
        raise ValueError(f"a pair must be two labels in 0..255, got {wrong[0]}.")
    return bytes(chain.from_iterable(pairs))


def _check_pair(
    pred: npt.NDArray[np.generic],
    truth: npt.NDArray[np.generic],
    ndims: tuple[int, ...],
    dtype: type[np.generic] = np.bool_,
) -> None:
    _check("pred", pred, ndims, dtype)
    _check("truth", truth, ndims, dtype)
    if pred.shape != truth.shape:
        raise ValueError(f"pred and truth differ in shape: {list(pred.shape)} and {list(truth.shape)}.")


def _check(
    name: str, array: npt.NDArray[np.generic], ndims: tuple[int, ...], dtype: type[np.generic] = np.bool_
) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, got {type(array).__name__}.")
    if array.dtype != dtype:
        hint = "; of a label map take one object: labels == 1" if dtype is np.bool_ else ""
        raise ValueError(f"{name} must be {np.dtype(dtype)}, got {array.dtype}{hint}.")
    if array.ndim not in ndims:
        raise ValueError(f"{name} must be {' or '.join(AXES[n] for n in ndims)}, got {list(array.shape)}.")
    if 0 in array.shape[-2:]:
        raise ValueError(f"{name} has frames without pixels: {list(array.shape)}.")
