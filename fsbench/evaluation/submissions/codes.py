"""Run-length codes: whether they are valid, and masks that are handed in as such in JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from fsbench.errors import SubmissionError
from fsbench.evaluation.problems import printable
from fsbench.evaluation.submissions.contract import Found
from fsbench.evaluation.submissions.contract import MaskKey
from fsbench.evaluation.submissions.contract import Rle
from fsbench.evaluation.submissions.contract import Submission
from fsbench.labels import MAX_PIXELS

__all__ = ["JsonSubmission", "run_lengths", "valid_code"]

MAX_JSON_BYTES = 512 << 20


class JsonSubmission(Submission):
    """Reads and checks all codes when it is opened; they stay in memory."""

    def __init__(self, path: Path) -> None:
        found = Found()
        for number, row in enumerate(_json_rows(path)):
            where = f"masks[{number}]"
            try:
                key, code = _json_mask(row)
            except ValueError as error:
                found.problem("wrong-row", where, str(error))
            else:
                found.mask(key, (number, code), where)
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns where the row is in the list."""
        return f"masks[{self._places[key][0]}]"

    def read(self, key: MaskKey) -> Rle:
        """Returns the code of a row."""
        code: Rle = self._places[key][1]
        return code


def _json_rows(path: Path) -> Sequence[object]:
    if (size := path.stat().st_size) > MAX_JSON_BYTES:
        raise SubmissionError(f"{path}: has {size} bytes, more than {MAX_JSON_BYTES}. Hand it in as Parquet.")
    try:
        # A number too long for Python to read is no number of anything here.
        content = json.loads(path.read_bytes(), parse_int=lambda text: int(text) if len(text) < 20 else text)
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{path}: is no JSON ({printable(str(error))}). Write it again.") from error
    rows = content.get("masks") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise SubmissionError(f"{path}: has no list of masks. Write a list, or an object with the list 'masks'.")
    return rows


def _json_mask(row: object) -> tuple[MaskKey, Rle]:
    """Returns the mask of a row. Raises ValueError if the row is none."""
    if not isinstance(row, dict):
        raise ValueError("is no object with fields")
    video = row.get("video", row.get("video_id"))
    expression = row.get("expression", row.get("expression_id"))
    frame, draw, size = row.get("frame"), row.get("draw"), row.get("size")
    video, expression = (str(value) if _is_int(value) else value for value in (video, expression))
    if not (isinstance(video, str) and isinstance(frame, str) and isinstance(expression, str | None)):
        raise ValueError("video, frame or expression is missing or no text")
    if draw is not None and not (_is_int(draw) and 0 <= draw < 10**6):
        raise ValueError("draw is no number from 0 on")
    if not (isinstance(size, list) and len(size) == 2):
        raise ValueError("size is not [height, width]")
    return MaskKey(draw, video, expression, frame), valid_code(size[0], size[1], row.get("counts"))


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
        runs = run_lengths(code)
    else:
        raise ValueError("its counts are neither text nor a list")
    # Each is checked first, so that the sum cannot overflow.
    if ((runs < 0) | (runs > height * width)).any() or runs.sum() != height * width:
        raise ValueError(f"its counts are not those of {height} x {width} pixels")
    if isinstance(counts, list):
        code = coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)["counts"]
    return Rle(height, width, code)


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


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
