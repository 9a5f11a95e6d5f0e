"""COCO run-length codes of masks: made, read and checked."""

from collections.abc import Sequence
from typing import NamedTuple
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from fsbench.masks.labels import MAX_PIXELS
from fsbench.metrics import are_counts
from fsbench.metrics import outline_code
from fsbench.metrics import outline_labels

__all__ = ["Rle", "decode_masks", "encode_masks", "run_lengths", "valid_code"]


class Rle(NamedTuple):
    """A mask as a valid COCO run-length code: column-major, compressed, starting with background.

    Attributes:
        height, width: Of the mask, in pixels.
        counts: The runs as COCO compresses them, ASCII.
    """

    height: int
    width: int
    counts: bytes


def encode_masks(masks: npt.NDArray[np.bool_]) -> list[bytes]:
    """Encodes masks, bool [T, H, W], as T COCO run-length codes."""
    return [outline_code(outline_labels(mask.view(np.uint8), range(1, 256))) for mask in masks]


def decode_masks(codes: Sequence[bytes], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Decodes T COCO run-length codes into masks, bool [T, H, W]."""
    masks = coco.decode([{"size": [height, width], "counts": code} for code in codes])
    return np.ascontiguousarray(masks.transpose(2, 0, 1), dtype=np.bool_)


def valid_code(height: object, width: object, counts: object) -> Rle:
    """Returns a run-length code. Raises ValueError if it is none for a mask of this size."""
    if not (_is_int(height) and _is_int(width) and min(height, width) > 0 and height * width <= MAX_PIXELS):
        raise ValueError(f"{height!r} x {width!r} is no size, or one of more than {MAX_PIXELS} pixels")
    if isinstance(counts, list):
        if not all(_is_int(run) and 0 <= run <= height * width for run in counts):
            raise ValueError("its counts are not numbers of pixels")
        runs = np.array(counts, np.int64)
    elif isinstance(counts, str | bytes):
        code = counts.encode("ascii", "replace") if isinstance(counts, str) else counts
        if are_counts(code, height, width):
            return Rle(height, width, code)
        runs = run_lengths(code)
    else:
        raise ValueError("its counts are neither text nor a list")
    # Each is checked first, so that the sum cannot overflow.
    if ((runs < 0) | (runs > height * width)).any() or runs.sum() != height * width:
        raise ValueError(f"its counts are not those of {height} x {width} pixels")
    if isinstance(counts, list):
        code = coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)["counts"]
    return Rle(height, width, code)


def run_lengths(counts: bytes) -> npt.NDArray[np.int64]:
    """Returns the run lengths of a compressed code: 5 bits a byte, a sixth for "more", differences from the 4th on."""
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(codes & 32 == 0)
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or ends[-1:].tolist() != [len(codes) - 1]:
        raise ValueError("its counts are no compressed run-length code")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 6:
        raise ValueError("its counts hold a number that is too large")
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * places), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    runs = values.copy()
    runs[1::2] = np.cumsum(values[1::2])
    runs[2::2] = np.cumsum(values[2::2])
    return runs


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
