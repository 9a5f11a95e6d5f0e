"""What a row of JSON or Parquet says: one reading for both."""

import math
from typing import TypeGuard

from fsbench.masks.rle import Rle
from fsbench.masks.rle import valid_code
from fsbench.submissions.forms.contract import MaskKey

__all__ = ["MAX_DRAW", "row_code", "row_key"]

MAX_DRAW = 10**6


def row_key(draw: object, video: object, expression: object, frame: object) -> MaskKey:
    """Returns what a row's mask is of. Raises ValueError if it does not say so.

    Ids may be numbers, which mean their digits; a frame may not, since its leading zeros would be lost.
    """
    video, expression, draw = _whole(video), _whole(expression), _whole(draw)
    video, expression = (str(value) if _is_number(value) else value for value in (video, expression))
    for name, value in (("video", video), ("frame", frame)):
        if not isinstance(value, str):
            raise ValueError(f"{name} is missing" if value is None else f"{name} is no text")
    if not isinstance(expression, str | None):
        raise ValueError("expression is no text")
    if draw is not None and not (_is_number(draw) and 0 <= draw < MAX_DRAW):
        raise ValueError("draw is no number from 0 on")
    assert isinstance(video, str), "checked above"
    assert isinstance(frame, str), "checked above"
    return MaskKey(draw, video, expression, frame)


def row_code(height: object, width: object, counts: object) -> Rle:
    """Returns the mask of a row. Raises ValueError if it is none of this size, or if something is missing."""
    height, width = _whole(height), _whole(width)
    for name, value in (("size", height), ("size", width), ("counts", counts)):
        if value is None:
            raise ValueError(f"{name} is missing")
    return valid_code(height, width, counts)


def _whole(value: object) -> object:
    """Returns a number that pandas made a fraction, because its column has gaps, as it was, and a gap as None."""
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
