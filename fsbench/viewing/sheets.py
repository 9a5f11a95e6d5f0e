"""Episodes as sheets, and as the frames of a video."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import Rle
from fsbench.viewing.layout import beside
from fsbench.viewing.layout import key
from fsbench.viewing.layout import Layout
from fsbench.viewing.layout import stacked
from fsbench.viewing.layout import strip
from fsbench.viewing.layout import text_width
from fsbench.viewing.overlays import Colour
from fsbench.viewing.overlays import draw_mask
from fsbench.viewing.overlays import PALETTE
from fsbench.viewing.overlays import resized
from fsbench.viewing.painting import painted
from fsbench.viewing.pictures import Pictures
from fsbench.viewing.views import Answer
from fsbench.viewing.views import EpisodeView
from fsbench.viewing.views import FramesView

__all__ = ["episode_sheet", "support_sheet", "video_frames"]

_Image = npt.NDArray[np.uint8]

_TRUTH: Colour = (255, 255, 255)
_GROUND = 128
_CELL_HEIGHT = 150
_DRAWN_HEIGHT = 2 * _CELL_HEIGHT
"""At which masks are drawn, whatever the frame's size: so lines have the same width in all sheets."""


def episode_sheet(view: EpisodeView, pictures: Pictures, most_frames: int) -> Layout:
    """Returns an episode's sheet: support, truth, a row for each method, and what the colours mean.

    Args:
        view: The episode; its dataset must be at hand.
        pictures: Its pixels.
        most_frames: Pictures of a row at most; of longer videos, evenly spaced frames are taken, and the others named.
    """
    query = view.query
    chosen = _spread(len(query.names), most_frames)
    truth = [(_with_truth(query, pictures, t), query.names[t]) for t in chosen]
    title = f"query: {query.said}, video {query.video_id}"
    rows = [
        *_support_rows("support", view.support, pictures, most_frames),
        strip(title, truth, _left_out(query.names, chosen), cell_height=_CELL_HEIGHT),
    ]
    for number, answer in enumerate(view.answers):
        tiles = [(_answered(view, pictures, t, number), f"{query.names[t]}  {answer.caption(t)}") for t in chosen]
        rows.append(strip(_headline(answer), tiles, cell_height=_CELL_HEIGHT))
    return stacked([*rows, _legend(view.answers)])


def support_sheet(supports: Sequence[tuple[str, Sequence[FramesView]]], pictures: Pictures, most_frames: int) -> Layout:
    """Returns the sheet of support sets, at least one, with their titles."""
    return stacked([row for title, shots in supports for row in _support_rows(title, shots, pictures, most_frames)])


def video_frames(view: EpisodeView, pictures: Pictures) -> Iterator[_Image]:
    """Yields the T frames of an episode's video, the methods side by side: uint8 [H, W, 3], H and W even."""
    length = len(view.query.names)
    # A caption's width differs from frame to frame, that of the video must not.
    widest = max((text_width(a.caption(t)) for a in view.answers for t in range(length)), default=0)
    for t, name in enumerate(view.query.names):
        tiles = [(a.title, (_answered(view, pictures, t, n), a.caption(t))) for n, a in enumerate(view.answers)]
        tiles = tiles or [("truth", (_with_truth(view.query, pictures, t), name))]
        parts = [strip(title, [tile], cell_height=_DRAWN_HEIGHT, least_width=widest) for title, tile in tiles]
        layout = stacked([beside(parts), _legend(view.answers)])
        yield painted(layout._replace(width=layout.width + layout.width % 2, height=layout.height + layout.height % 2))


def _support_rows(title: str, shots: Sequence[FramesView], pictures: Pictures, most_frames: int) -> list[Layout]:
    """Returns a row for each support video."""
    rows = []
    for shot in shots:
        chosen = _spread(len(shot.names), most_frames)
        tiles = [(_with_truth(shot, pictures, t), shot.names[t]) for t in chosen]
        note = _left_out(shot.names, chosen)
        rows.append(strip(f"{title}: {shot.said}, video {shot.video_id}", tiles, note, cell_height=_CELL_HEIGHT))
    return rows


def _headline(answer: Answer) -> str:
    name, column = list(answer.about.items())[-1]
    value = answer.headline
    return answer.title if value is None else f"{answer.title}: {name} {column.scale * value:.1f} over all frames"


def _legend(answers: Sequence[Answer]) -> Layout:
    entries = [(_swatch(_TRUTH, 0), "truth"), *((_swatch(_colour(n), 0.35), a.title) for n, a in enumerate(answers))]
    return key(entries)


def _swatch(colour: Colour, fill: float) -> _Image:
    """Returns a mask as it is drawn in pictures, on grey."""
    mask = np.zeros((28, 44), np.bool_)
    mask[2:-2, 2:-2] = True
    return draw_mask(np.full((*mask.shape, 3), _GROUND, np.uint8), mask, colour, fill=fill)


def _colour(number: int) -> Colour:
    return PALETTE[number % len(PALETTE)]


def _answered(view: EpisodeView, pictures: Pictures, t: int, number: int) -> _Image:
    """Returns a frame of the query with a method's mask below the outline of the truth."""
    query, masks = view.query, view.answers[number].masks
    assert query.masks is not None, "a sheet is drawn of a dataset that is at hand"
    image = _drawable(pictures.frame(query.video_id, query.names[t]))
    if masks is not None:
        image = draw_mask(image, _mask(masks[t], image.shape[:2]), _colour(number))
    return draw_mask(image, _mask(query.masks[t], image.shape[:2]), _TRUTH, fill=0)


def _with_truth(frames: FramesView, pictures: Pictures, t: int) -> _Image:
    assert frames.masks is not None, "a sheet is drawn of a dataset that is at hand"
    image = _drawable(pictures.frame(frames.video_id, frames.names[t]))
    return draw_mask(image, _mask(frames.masks[t], image.shape[:2]), _TRUTH, fill=0)


def _drawable(frame: _Image) -> _Image:
    """Returns a frame at the height at which masks are drawn; of one that grows the pixels stay squares."""
    height, width = frame.shape[:2]
    size = (max(1, round(width * _DRAWN_HEIGHT / height)), _DRAWN_HEIGHT)
    grows = height < _DRAWN_HEIGHT
    return np.asarray(
        Image.fromarray(frame).resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.LANCZOS)
    )


def _mask(code: Rle, size: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = decode_masks([code.counts], code.height, code.width)[0]
    return resized(mask, (size[0], size[1])).astype(np.bool_)


def _spread(length: int, most: int) -> list[int]:
    """Returns at most so many places out of a length, the first and the last among them, evenly spaced."""
    return sorted({round(i) for i in np.linspace(0, length - 1, min(length, most)).tolist()})


def _left_out(names: Sequence[str], chosen: Sequence[int]) -> str:
    """Returns which of some frames are not among the chosen ones, in words; empty if all are."""
    spans = [names[a + 1 : b] for a, b in zip([-1, *chosen], [*chosen, len(names)], strict=True)]
    texts = [span[0] if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in spans if span]
    return f"{len(chosen)} of {len(names)} frames; left out: {', '.join(texts)}" if texts else ""
