"""The kernel by numpy alone: the same integers as `_kernel`, where that is not built.

Masks arrive as buffers of bytes, row by row. An object of a frame is reduced to its pixels within a window and the
coordinates of its boundary, once, and pairs of objects are counted from these.
"""

import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NAME = "numpy"

MAX_PIXELS = 2**31 - 1
MAX_DIGITS = 7

Buffer = bytes | npt.NDArray[np.bool_] | npt.NDArray[np.uint8]
Counts = tuple[int, int, int, int, int, int]
Masks = npt.NDArray[np.bool_]


class Outline(NamedTuple):
    """What the counts need of one mask.

    Attributes:
        pixels: bool, the mask within its window.
        top: First row of the window.
        left: First column of the window.
        area: Pixels of the mask.
        rows: int64 [boundary pixels], in the order of rows, then columns.
        columns: int64, as `rows`.
    """

    pixels: Masks
    top: int
    left: int
    area: int
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


class Outlines(NamedTuple):
    """Outlines of a frame.

    Attributes:
        height, width: Of the frame.
        masks: By number; a mask that is not among them is empty.
        number: From which on there are no masks.
    """

    height: int
    width: int
    masks: Mapping[int, Outline]
    number: int


def pair_counts(pred: Buffer, truth: Buffer, height: int, width: int, radius: int, /) -> Counts:
    """Counts two masks.

    Args:
        pred: Buffer of height * width bytes, not 0 where the mask is.
        truth: As `pred`.
        height: H of the frame.
        width: W of the frame.
        radius: How far apart two boundary pixels may be and still match, in pixels.

    Returns:
        The six integers of `PairCounts`.

    Raises:
        ValueError: The buffers are not of this size, or the radius is negative.
    """
    preds, truths = _maps(pred, truth, height, width, radius)
    return _count(_outline(preds != 0), _outline(truths != 0), width, radius)


def label_counts(pred: Buffer, truth: Buffer, height: int, width: int, pairs: bytes, radius: int, /) -> list[Counts]:
    """Counts objects of two label maps against each other.

    Args:
        pred: Buffer of height * width labels.
        truth: As `pred`.
        height: H of the frame.
        width: W of the frame.
        pairs: A label of `pred`, one of `truth`, and so on.
        radius: As in `pair_counts`.

    Returns:
        For each pair what `pair_counts` returns of the two objects' masks.

    Raises:
        ValueError: As in `pair_counts`, or the last pair lacks a label.
    """
    preds, truths = _maps(pred, truth, height, width, radius)
    if len(pairs) % 2:
        raise ValueError("a pair lacks its second label")
    pred_outlines = {label: _outline(preds == label) for label in set(pairs[::2])}
    truth_outlines = {label: _outline(truths == label) for label in set(pairs[1::2])}
    return [
        _count(pred_outlines[p], truth_outlines[t], width, radius) for p, t in zip(pairs[::2], pairs[1::2], strict=True)
    ]


def labels_present(labels: Buffer, /) -> bytes:
    """Returns the values that occur in a buffer of bytes, in order."""
    seen = np.zeros(256, np.bool_)
    seen[np.frombuffer(labels, np.uint8)] = True
    return bytes(np.flatnonzero(seen).astype(np.uint8))


def rle_counts(pred: bytes, truth: bytes, height: int, width: int, radius: int, /) -> Counts:
    """Counts two masks given by COCO's compressed counts.

    Args:
        pred: Run lengths down the columns.
        truth: As `pred`.
        height: H of the frame.
        width: W of the frame.
        radius: As in `pair_counts`.

    Returns:
        The six integers of `PairCounts`.

    Raises:
        ValueError: The counts are malformed or those of another frame, or the radius is negative.
    """
    _check_frame(height, width, radius)
    outlines = []
    for name, text in (("pred", pred), ("truth", truth)):
        try:
            outlines.append(_outline(_decoded(text, height, width)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return _count(outlines[0], outlines[1], width, radius)


def outline_labels(labels: Buffer, height: int, width: int, members: bytes | None, /) -> tuple[Outlines, bytes]:
    """Cuts objects out of a label map.

    Args:
        labels: Buffer of height * width labels.
        height: H of the frame.
        width: W of the frame.
        members: The labels that make one mask, whose number is 0; None for a mask of each label but 0, by its label.

    Returns:
        The outlines, and the values that occur, in order.

    Raises:
        ValueError: The buffer is not of this size.
    """
    _check_frame(height, width, 0)
    flat = np.frombuffer(labels, np.uint8)
    if flat.size != height * width:
        raise ValueError("a buffer is not of the frame's size")
    shown, present = flat.reshape(height, width), labels_present(flat)
    if members is None:
        return Outlines(height, width, {i: _outline(shown == i) for i in present if i}, 256), present
    is_member = np.zeros(256, np.bool_)
    is_member[list(members)] = True
    return Outlines(height, width, {0: _outline(is_member[shown])}, 1), present


def outline_counts(counts: bytes, height: int, width: int, /) -> Outlines:
    """Cuts out the mask, number 0, of COCO's compressed counts. Raises ValueError if they are none of this frame."""
    _check_frame(height, width, 0)
    return Outlines(height, width, {0: _outline(_decoded(counts, height, width))}, 1)


def are_counts(counts: bytes, height: int, width: int, digits: int, /) -> bool:
    """Tells whether bytes are COCO's compressed counts of a frame, of at most so many digits each."""
    try:
        _check_frame(height, width, 0)
        for _ in _run_lengths(counts, height * width, digits):
            pass
    except ValueError:
        return False
    return True


def outline_pairs(pred: Outlines, truth: Outlines, pairs: bytes, radius: int, /) -> list[Counts]:
    """Counts masks of two frames against each other.

    Args:
        pred, truth: The masks.
        pairs: The number of one of `pred`, of one of `truth`, and so on.
        radius: As in `pair_counts`.

    Returns:
        For each pair what `pair_counts` returns of the two masks.

    Raises:
        ValueError: The frames are of two sizes, the radius is negative, the last pair lacks a mask, or there is none of
            its number.
    """
    if pred[:2] != truth[:2]:
        raise ValueError("the outlines are of frames of two sizes")
    if len(pairs) % 2:
        raise ValueError("a pair lacks its second label")
    if radius < 0:
        raise ValueError("the radius is negative")
    if any(i >= side.number for side, numbers in ((pred, pairs[::2]), (truth, pairs[1::2])) for i in numbers):
        raise ValueError("a pair names an outline that is not there")
    empty = _outline(np.zeros((1, 1), np.bool_))
    return [
        _count(pred.masks.get(p, empty), truth.masks.get(t, empty), pred.width, radius)
        for p, t in zip(pairs[::2], pairs[1::2], strict=True)
    ]


def outline_code(outlines: Outlines, number: int, /) -> bytes:
    """Returns a mask as COCO's compressed counts. Raises ValueError if there is none of this number."""
    if not 0 <= number < outlines.number:
        raise ValueError("there is no outline of this number")
    mask = np.zeros((outlines.height, outlines.width), np.bool_)
    if number in outlines.masks:
        pixels, top, left = outlines.masks[number][:3]
        mask[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    down = mask.T.ravel()
    lengths = np.diff(np.flatnonzero(np.diff(down, prepend=False)), prepend=0, append=down.size).tolist()
    return b"".join(_digits(n - lengths[i - 2] if i > 2 else n) for i, n in enumerate(lengths))


def boundary_map(mask: Masks) -> Masks:
    """Marks the pixels of a mask, bool [H, W], whose forward 2x2 block is mixed; see `counts.boundary_map`."""
    boundary = np.zeros(mask.shape, dtype=np.bool_)
    across = mask[:, 1:] != mask[:, :-1]
    boundary[:-1] = mask[1:] != mask[:-1]
    boundary[:, :-1] |= across
    # A block whose upper and left pairs are uniform can differ in its lower right pixel only, which `across` of the
    # row below sees.
    boundary[:-1, :-1] |= across[1:]
    return boundary


def _check_frame(height: int, width: int, radius: int) -> None:
    if height < 1 or width < 1:
        raise ValueError("the frame has no pixels")
    if height * width > MAX_PIXELS:
        raise ValueError("the frame has too many pixels")
    if radius < 0:
        raise ValueError("the radius is negative")


def _maps(pred: Buffer, truth: Buffer, height: int, width: int, radius: int) -> list[npt.NDArray[np.uint8]]:
    _check_frame(height, width, radius)
    flat = [np.frombuffer(buffer, dtype=np.uint8) for buffer in (pred, truth)]
    if any(labels.size != height * width for labels in flat):
        raise ValueError("a buffer is not of the frame's size")
    return [labels.reshape(height, width) for labels in flat]


def _run_lengths(text: bytes, pixels: int, max_digits: int = MAX_DIGITS) -> Iterator[int]:
    """Yields the lengths of runs outside and inside of a mask in turn, which add up to `pixels`.

    From the fourth on, a number is the difference to the length two before. Each is in two's complement, five bits to
    a byte, low bits first; 0x20 says that more follow; 48 is added.
    """
    lengths = [0, 0]
    number, digits = 0, 0
    for byte in text:
        if not 48 <= byte <= 111:
            raise ValueError("the run lengths hold a byte that is no digit of theirs")
        if digits == max_digits:
            raise ValueError("the run lengths hold a number of too many digits")
        digit = byte - 48
        number |= (digit & 0x1F) << 5 * digits
        digits += 1
        if digit & 0x20:
            continue
        if digit & 0x10:
            number -= 1 << 5 * digits
        length = number + (lengths[-2] if len(lengths) > 4 else 0)
        if length < 0:
            raise ValueError("a run length is negative")
        if length > pixels:
            raise ValueError("the run lengths exceed the frame")
        yield length
        lengths.append(length)
        pixels -= length
        number, digits = 0, 0
    if digits:
        raise ValueError("the run lengths end within a number")
    if pixels:
        raise ValueError("the run lengths do not fill the frame")


def _digits(number: int) -> bytes:
    """Returns a number as `_run_lengths` reads it."""
    digits = []
    while True:
        digit, number = number & 0x1F, number >> 5
        has_more = number != (-1 if digit & 0x10 else 0)
        digits.append((digit | (0x20 if has_more else 0)) + 48)
        if not has_more:
            return bytes(digits)


def _decoded(text: bytes, height: int, width: int) -> Masks:
    runs = list(_run_lengths(text, height * width))
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _outline(mask: Masks) -> Outline:
    # The boundary reaches one pixel beyond a mask, up and to the left; one more pixel on each side is background, and
    # where the window ends at the frame's border, both end there by the same rule.
    rows = _extent(np.bitwise_or.reduce(mask, axis=1))
    columns = _extent(np.bitwise_or.reduce(mask[rows], axis=0))
    pixels = mask[rows, columns]
    y, x = np.nonzero(boundary_map(pixels))
    return Outline(pixels, rows.start, columns.start, int(np.count_nonzero(pixels)), y + rows.start, x + columns.start)


def _extent(line: Masks) -> slice:
    """Returns the indices that hold every True of a line, and one more on each side, within the line; none if none."""
    found = np.flatnonzero(line)
    return slice(max(int(found[0]) - 1, 0), min(int(found[-1]) + 2, line.size)) if found.size else slice(0, 0)


def _count(pred: Outline, truth: Outline, width: int, radius: int) -> Counts:
    intersection = _intersection(pred, truth)
    return (
        intersection,
        pred.area + truth.area - intersection,
        pred.rows.size,
        truth.rows.size,
        _matched(pred, truth, width, radius),
        _matched(truth, pred, width, radius),
    )


def _intersection(pred: Outline, truth: Outline) -> int:
    top, left = max(pred.top, truth.top), max(pred.left, truth.left)
    bottom = min(pred.top + pred.pixels.shape[0], truth.top + truth.pixels.shape[0])
    right = min(pred.left + pred.pixels.shape[1], truth.left + truth.pixels.shape[1])
    if bottom <= top or right <= left:
        return 0
    shared = [o.pixels[top - o.top : bottom - o.top, left - o.left : right - o.left] for o in (pred, truth)]
    return int(np.count_nonzero(shared[0] & shared[1]))


def _matched(outline: Outline, other: Outline, width: int, radius: int) -> int:
    """Counts the boundary pixels of `outline` that have one of `other` within `radius`.

    Instead of dilating, each boundary pixel looks for any of the other boundary in the disk around it, one row of the
    disk at a time, nearest row first. Boundaries of a usable prediction lie close together, so most pixels stop at the
    first row, and the cost hardly depends on the radius.
    """
    if not (outline.rows.size and other.rows.size):
        return 0
    first, last = int(min(outline.rows[0], other.rows[0])), int(max(outline.rows[-1], other.rows[-1]))
    reach = min(radius, width + last - first)  # as far as any two of them are apart
    # Pixels are positions along the rows laid end to end; `reach` empty columns keep a search within its row.
    stride = width + reach
    waiting = outline.rows * stride + outline.columns
    targets = other.rows * stride + other.columns
    targets = np.append(targets, np.iinfo(np.int64).max)  # found by a search past the last one; beyond any reach
    for row in range(min(reach, last - first) + 1):
        half_width = math.isqrt(reach * reach - row * row)
        for shift in {row * stride, -row * stride}:
            start = waiting + (shift - half_width)
            nearest = targets[np.searchsorted(targets, start)]
            waiting = waiting[nearest > start + 2 * half_width]
        if waiting.size == 0:
            break
    return int(outline.rows.size - waiting.size)
