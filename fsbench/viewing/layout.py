"""Where the pictures and texts of a sheet are, whatever paints it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from fsbench.viewing.overlays import Colour

__all__ = ["Box", "Layout", "Line", "beside", "key", "stacked", "strip", "text_width"]

_INK: Colour = (27, 35, 48)
_DIM: Colour = (86, 97, 115)
_GAP = 10
_TEXT = 14
_CAPTION = 12
_LEADING = 6


class Box(NamedTuple):
    """A picture in its place.

    Attributes:
        left, top, width, height: The place, in pixels of the sheet.
        image: uint8 [H, W, 3], RGB, which fills it; a painter may keep more pixels than the place has.
    """

    left: int
    top: int
    width: int
    height: int
    image: npt.NDArray[np.uint8]


class Line(NamedTuple):
    """A line of text in its place.

    Attributes:
        left, top: Its upper left corner.
        size: Height of the letters, in pixels of the sheet.
        colour: Of the letters.
        text: What it says.
    """

    left: int
    top: int
    size: int
    colour: Colour
    text: str


class Layout(NamedTuple):
    """A sheet, or a part of one.

    Attributes:
        width, height: In pixels.
        boxes: Its pictures.
        lines: Its texts.
    """

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]


def strip(
    title: str,
    tiles: Sequence[tuple[npt.NDArray[np.uint8], str]],
    note: str = "",
    *,
    cell_height: int,
    least_width: int = 0,
) -> Layout:
    """Returns a row of pictures of one height below a title.

    Args:
        title: A line of text.
        tiles: Pictures, uint8 [H, W, 3], each with a line of text that stands below it.
        note: A line of text below them; empty for none.
        cell_height: Of each picture, in pixels.
        least_width: Of the place of each picture, in pixels.
    """
    below_title, row = _TEXT + _LEADING, _CAPTION + _LEADING
    boxes, lines, left = [], [Line(0, 0, _TEXT, _INK, title)], 0
    for image, caption in tiles:
        width = image.shape[1] * cell_height // image.shape[0]
        boxes.append(Box(left, below_title, width, cell_height, image))
        lines.append(Line(left, below_title + cell_height + 2, _CAPTION, _DIM, caption))
        left += max(width, least_width, text_width(caption, _CAPTION)) + _GAP
    height = below_title + cell_height + row
    if note:
        lines.append(Line(0, height, _CAPTION, _DIM, note))
        height += row
    return Layout(max(left, text_width(title, _TEXT), text_width(note)), height, boxes, lines)


def key(entries: Sequence[tuple[npt.NDArray[np.uint8], str]]) -> Layout:
    """Returns small pictures, uint8 [H, W, 3], in one row, each with its meaning to the right."""
    boxes, lines, left = [], [], 0
    for image, meaning in entries:
        boxes.append(Box(left, 0, image.shape[1] * _TEXT // image.shape[0], _TEXT, image))
        lines.append(Line(left + boxes[-1].width + _LEADING, 0, _CAPTION, _INK, meaning))
        left = lines[-1].left + text_width(meaning) + 2 * _GAP
    return Layout(left, _TEXT + _LEADING, boxes, lines)


def stacked(parts: Sequence[Layout]) -> Layout:
    """Returns parts, at least one, one below the other with a margin around each."""
    tops = np.cumsum([_GAP, *(part.height + _GAP for part in parts)]).tolist()
    return _joined(parts, [(_GAP, top) for top in tops[:-1]], max(part.width for part in parts) + 2 * _GAP, tops[-1])


def beside(parts: Sequence[Layout]) -> Layout:
    """Returns parts, at least one, side by side."""
    lefts = np.cumsum([0, *(part.width for part in parts)]).tolist()
    return _joined(parts, [(left, 0) for left in lefts[:-1]], lefts[-1], max(part.height for part in parts))


def text_width(text: str, size: int = _CAPTION) -> int:
    """Returns how many pixels wide a line of text is, as captions are set by default."""
    return int(ImageFont.load_default(size).getlength(text)) + 1


def _joined(parts: Sequence[Layout], places: Sequence[tuple[int, int]], width: int, height: int) -> Layout:
    placed = list(zip(parts, places, strict=True))
    boxes = [b._replace(left=b.left + x, top=b.top + y) for part, (x, y) in placed for b in part.boxes]
    lines = [t._replace(left=t.left + x, top=t.top + y) for part, (x, y) in placed for t in part.lines]
    return Layout(width, height, boxes, lines)
