"""Episodes as pictures: contact sheets, and the frames of a video. Arrays in, arrays out."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import Rle
from fsbench.viewing.overlays import Colour
from fsbench.viewing.overlays import draw_mask
from fsbench.viewing.overlays import enlarged
from fsbench.viewing.overlays import PALETTE
from fsbench.viewing.pictures import Pictures
from fsbench.viewing.views import EpisodeView
from fsbench.viewing.views import FramesView

__all__ = ["Tile", "contact_sheet", "episode_rows", "support_rows", "video_frames"]

_Image = npt.NDArray[np.uint8]

_WHITE: Colour = (255, 255, 255)
_INK, _DIM = (27, 35, 48), (86, 97, 115)
_GAP = 10
_TEXT = 14
_CELL_HEIGHT = 150
_SUPPORT_COLOUR = PALETTE[2]


class Tile(NamedTuple):
    """A picture of a sheet.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        caption: A line of text below it; empty for none.
    """

    image: _Image
    caption: str = ""


Band = tuple[str, Sequence[Tile]]
"""A title and the pictures below it."""


def episode_rows(view: EpisodeView, pictures: Pictures, most_frames: int) -> list[Band]:
    """Returns the rows of an episode's sheet: its support, then the query with each method's masks.

    Args:
        view: The episode; its dataset must be at hand.
        pictures: Its pixels.
        most_frames: Pictures of a row at most; of longer videos, evenly spaced frames are taken.
    """
    rows = support_rows("support", view.support, pictures, most_frames)
    chosen = _spread(len(view.query.names), most_frames)
    title = f"query: {view.query.said}, video {view.key.video_id}"
    if not view.answers:
        rows.append((title, [Tile(_query_image(view, pictures, t, None), view.query.names[t]) for t in chosen]))
    for number, answer in enumerate(view.answers):
        cells = [
            Tile(
                _query_image(view, pictures, t, number),
                f"{view.query.names[t]}  {answer.caption(t)}",
            )
            for t in chosen
        ]
        rows.append((f"{title}; {answer.title}", cells))
    return rows


def support_rows(title: str, shots: Sequence[FramesView], pictures: Pictures, most_frames: int) -> list[Band]:
    """Returns a row for each support video."""
    rows: list[Band] = []
    for shot in shots:
        assert shot.masks is not None, "a sheet is drawn of a dataset that is at hand"
        cells = [
            Tile(
                _with_mask(pictures.frame(shot.video_id, shot.names[t]), shot.masks[t], _SUPPORT_COLOUR), shot.names[t]
            )
            for t in _spread(len(shot.names), most_frames)
        ]
        rows.append((f"{title}: {shot.said}, video {shot.video_id}", cells))
    return rows


def contact_sheet(rows: Sequence[Band]) -> _Image:
    """Lays out rows of pictures below their titles.

    Args:
        rows: At least one, with at least one picture.

    Returns:
        uint8 [H, W, 3].
    """
    strips = [_strip(title, cells) for title, cells in rows]
    width = max(strip.width for strip in strips)
    sheet = Image.new("RGB", (width + 2 * _GAP, sum(strip.height + _GAP for strip in strips) + _GAP), _WHITE)
    top = _GAP
    for strip in strips:
        sheet.paste(strip, (_GAP, top))
        top += strip.height + _GAP
    return np.asarray(sheet)


def video_frames(view: EpisodeView, pictures: Pictures) -> Iterator[_Image]:
    """Yields the T frames of an episode's video, the methods side by side: uint8 [H, W, 3], H and W even."""
    for t, name in enumerate(view.query.names):
        rows = [
            (
                answer.title,
                [Tile(_query_image(view, pictures, t, n), answer.caption(t))],
            )
            for n, answer in enumerate(view.answers)
        ] or [("truth", [Tile(_query_image(view, pictures, t, None), name)])]
        strips = [_strip(title, cells, 2 * _CELL_HEIGHT) for title, cells in rows]
        width, height = sum(s.width + _GAP for s in strips) + _GAP, max(s.height for s in strips) + 2 * _GAP
        frame = Image.new("RGB", (width + width % 2, height + height % 2), _WHITE)
        left = _GAP
        for strip in strips:
            frame.paste(strip, (left, _GAP))
            left += strip.width + _GAP
        yield np.asarray(frame)


def _query_image(view: EpisodeView, pictures: Pictures, t: int, answer: int | None) -> _Image:
    """Returns a frame of the query with a method's mask, if one is given, below the outline of the truth."""
    query = view.query
    assert query.masks is not None, "a sheet is drawn of a dataset that is at hand"
    image = _large(pictures.frame(query.video_id, query.names[t]))
    if answer is not None and (masks := view.answers[answer].masks) is not None:
        image = draw_mask(image, _mask(masks[t], image.shape[:2]), PALETTE[answer % len(PALETTE)])
    return draw_mask(image, _mask(query.masks[t], image.shape[:2]), _WHITE, fill=0)


def _with_mask(frame: _Image, code: Rle, colour: Colour) -> _Image:
    image = _large(frame)
    return draw_mask(image, _mask(code, image.shape[:2]), colour)


def _large(frame: _Image) -> _Image:
    """Returns a frame enlarged by a whole number, so that lines drawn on it are thin; larger ones as they are."""
    height, width = frame.shape[:2]
    factor = max(1, 2 * _CELL_HEIGHT // height)
    return enlarged(frame, (height * factor, width * factor)).astype(np.uint8)


def _mask(code: Rle, size: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = decode_masks([code.counts], code.height, code.width)[0]
    return enlarged(mask, (size[0], size[1])).astype(np.bool_)


def _strip(title: str, cells: Sequence[Tile], cell_height: int = _CELL_HEIGHT) -> Image.Image:
    font = ImageFont.load_default(_TEXT)
    images = [Image.fromarray(cell.image) for cell in cells]
    images = [image.resize((image.width * cell_height // image.height, cell_height)) for image in images]
    line = _TEXT + 6
    width = max(sum(image.width + _GAP for image in images), int(font.getlength(title)) + _GAP)
    strip = Image.new("RGB", (width, cell_height + 2 * line), _WHITE)
    draw = ImageDraw.Draw(strip)
    draw.text((0, 0), title, fill=_INK, font=font)
    left = 0
    for image, cell in zip(images, cells, strict=True):
        strip.paste(image, (left, line))
        draw.text((left, line + cell_height + 2), cell.caption, fill=_DIM, font=ImageFont.load_default(_TEXT - 2))
        left += image.width + _GAP
    return strip


def _spread(length: int, most: int) -> list[int]:
    """Returns at most so many places out of a length, the first and the last among them, evenly spaced."""
    return sorted({round(i) for i in np.linspace(0, length - 1, min(length, most)).tolist()})
