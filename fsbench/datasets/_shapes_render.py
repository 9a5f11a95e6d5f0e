"""Pixels of the embedded set, in whole numbers alone, so that every machine draws the same picture.

Units: objects are placed in sub-pixels (`SUB` to a pixel), angles are counted in `TURN` to a full turn (clockwise on
the screen), silhouettes are drawn once in a square of cells whose middle is (0, 0). Sine is rounded once to 1/4096.
"""

import math
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fsbench.datasets._shapes_outlines import Disc
from fsbench.datasets._shapes_outlines import ONE
from fsbench.datasets._shapes_outlines import Part
from fsbench.datasets._shapes_outlines import parts_of
from fsbench.datasets._shapes_outlines import pick
from fsbench.datasets._shapes_outlines import sine
from fsbench.datasets._shapes_outlines import TURN

__all__ = ["COLOURS", "SUB", "TEXTURES", "Piece", "draw_frames", "draw_owner", "draw_stencil"]

SUB = 64
TEXTURES = 4
_HALF = 160  # half the side of the square of cells; silhouettes stay within 100, which leaves room for turned corners
_SAMPLES = 4  # colour samples along the side of a pixel
_COUNT = 1 << 13  # counts a sample beside its tone, more than all tones of a pixel come to
_RIM = 6  # width of the dark rim in cells

COLOURS = {
    "red": (214, 38, 40),
    "yellow": (240, 208, 40),
    "green": (44, 166, 62),
    "blue": (40, 84, 220),
    "purple": (146, 52, 190),
    "white": (244, 244, 240),
    "black": (30, 30, 36),
}


@dataclass(frozen=True)
class Piece:
    """What the renderer needs to know of an object.

    Attributes:
        silhouette: See `parts_of`.
        colour: Name in `COLOURS`.
        texture: 0 plain, 1 stripes, 2 checks, 3 spots.
        side: Side of the square that has the object's area, in sub-pixels.
        track: (row, column, angle) of the centre of mass in every frame.
        depth: A piece hides those of smaller depth; no two pieces of a video have the same.
    """

    silhouette: int
    colour: str
    texture: int
    side: int
    track: tuple[tuple[int, int, int], ...]
    depth: int


@cache
def _stencil(silhouette: int) -> NDArray[np.bool_]:
    return draw_stencil(parts_of(silhouette))


def draw_stencil(parts: Iterable[Part]) -> NDArray[np.bool_]:
    """Draws a silhouette, bool [2 * 160, 2 * 160], its centre of mass in the middle."""
    middles = np.arange(-2 * _HALF + 1, 2 * _HALF, 2)  # of the cells, in half cells
    rows, columns = middles[:, None], middles[None, :]
    stencil = np.zeros((2 * _HALF, 2 * _HALF), bool)
    for part in parts:
        if isinstance(part, Disc):
            inside = (rows - 2 * part.row) ** 2 + (columns - 2 * part.column) ** 2 <= 4 * part.radius**2
        else:
            inside = _inside_polygon(rows, columns, part.corners)
        stencil = stencil & ~inside if part.cut else stencil | inside
    mass = np.argwhere(stencil)
    shift = _HALF - mass.sum(axis=0) // max(len(mass), 1)
    return np.roll(stencil, tuple(shift.tolist()), axis=(0, 1))


def _inside_polygon(
    rows: NDArray[np.int64], columns: NDArray[np.int64], corners: Sequence[tuple[int, int]]
) -> NDArray[np.bool_]:
    """Tells by the even-odd rule which points [H, 1] x [1, W], in half cells, lie in a polygon given in cells."""
    inside = np.zeros(np.broadcast_shapes(rows.shape, columns.shape), bool)
    for (row0, column0), (row1, column1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        spans = (2 * row0 > rows) != (2 * row1 > rows)
        side = (columns - 2 * column0) * (row1 - row0) - (rows - 2 * row0) * (column1 - column0)
        inside ^= spans & ((side < 0) == (row1 > row0))
    return inside


@cache
def _root_area(silhouette: int) -> int:
    """Returns 256 times the side, in cells, of the square that has a silhouette's area."""
    return math.isqrt(int(_stencil(silhouette).sum()) << 16)


@lru_cache
def _tones(silhouette: int, texture: int) -> NDArray[np.int32]:
    """Returns the brightness of every cell of a silhouette in 1..256 plus `_COUNT`, 0 outside; the rim is darker."""
    stencil = _stencil(silhouette)
    rows, columns = np.indices(stencil.shape)
    dark = (
        np.zeros_like(stencil),
        rows // 18 % 2 == 0,
        (rows // 24 + columns // 24) % 2 == 0,
        (rows % 30 - 15) ** 2 + (columns % 30 - 15) ** 2 < 90,
    )[texture]
    inner = np.logical_and.reduce(
        [np.roll(stencil, (down, right), (0, 1)) for down in (-_RIM, 0, _RIM) for right in (-_RIM, 0, _RIM)]
    )
    return np.where(stencil, np.where(inner, np.where(dark, 212, 256), 205) + _COUNT, 0).astype(np.int32)


class _Patch(NamedTuple):
    """The part of a frame that a piece can touch, and the cells of its silhouette under it.

    Attributes:
        rows, columns: Of the frame, in pixels.
        cells: int32 [rows * samples, columns * samples], flat index into the stencil of the cell under each sample.
    """

    rows: slice
    columns: slice
    cells: NDArray[np.int32]


def _patch(piece: Piece, frame: int, height: int, width: int, samples: int) -> _Patch:
    """Finds which cell of the silhouette lies under each sample of the pixels around a piece.

    Returns:
        Patch whose `cells` are flat indices into the stencil, [rows * samples, columns * samples].
    """
    row, column, angle = piece.track[frame]
    root_area = _root_area(piece.silhouette)
    reach = 100 * 256 * piece.side // root_area // SUB + 2
    rows = slice(max(0, row // SUB - reach), max(0, min(height, row // SUB + reach + 1)))
    columns = slice(max(0, column // SUB - reach), max(0, min(width, column // SUB + reach + 1)))
    step = SUB // samples
    down = np.arange(rows.start * SUB + step // 2, rows.stop * SUB, step, dtype=np.int64) - row
    right = np.arange(columns.start * SUB + step // 2, columns.stop * SUB, step, dtype=np.int64) - column
    sin, cos = sine(angle) * root_area, sine(angle + TURN // 4) * root_area
    # Shifts round down as `//` does, and take a tenth of its time; so do minimum and maximum against clip. The
    # quotients are below 2 ** 28: a patch reaches little farther than 100 cells, of 2 ** 20 each.
    down_cos, down_sin, right_cos, right_sin = (
        (distances * factor // piece.side).astype(np.int32) for distances in (down, right) for factor in (cos, sin)
    )
    scale = (256 * ONE).bit_length() - 1
    stencil_rows = (down_cos[:, None] - right_sin >> scale) + _HALF
    stencil_columns = (down_sin[:, None] + right_cos >> scale) + _HALF
    last = 2 * _HALF - 1
    for places in (stencil_rows, stencil_columns):
        np.minimum(np.maximum(places, 0, out=places), last, out=places)
    return _Patch(rows, columns, stencil_rows * (last + 1) + stencil_columns)


def draw_owner(pieces: Sequence[Piece], frame: int, height: int, width: int) -> NDArray[np.uint8]:
    """Tells which piece is seen in each pixel of a frame.

    Returns:
        uint8 [H, W]: 0 for the background, k for `pieces[k - 1]`. A pixel belongs to what its middle shows.
    """
    owner = np.zeros((height, width), np.uint8)
    for number, piece in sorted(enumerate(pieces, 1), key=lambda item: item[1].depth):
        rows, columns, cells = _patch(piece, frame, height, width, samples=1)
        np.putmask(owner[rows, columns], _stencil(piece.silhouette).take(cells), number)
    return owner


def draw_frames(rng: np.random.Generator, pieces: Sequence[Piece], height: int, width: int) -> NDArray[np.uint8]:
    """Paints a video: a textured background, the pieces from far to near, mild noise.

    Returns:
        uint8 RGB [T, H, W, 3].
    """
    frames = np.repeat(_background(rng, height, width)[None], len(pieces[0].track), axis=0)
    for piece in sorted(pieces, key=lambda p: p.depth):
        for t, frame in enumerate(frames):
            _paint(piece, t, frame)
    noise = (rng.random(frames.shape[:3]) * 5).astype(np.int64) - 2
    noisy: NDArray[np.uint8] = np.clip(frames + noise[..., None], 0, 255).astype(np.uint8)
    return noisy


def _paint(piece: Piece, t: int, frame: NDArray[np.int64]) -> None:
    """Blends one piece into one frame [H, W, 3], in place, with soft edges and light from the upper left."""
    height, width = frame.shape[:2]
    rows, columns, cells = _patch(piece, t, height, width, _SAMPLES)
    tones = _tones(piece.silhouette, piece.texture).take(cells)
    tones = tones.reshape(rows.stop - rows.start, _SAMPLES, columns.stop - columns.start, _SAMPLES)
    samples, tone = np.divmod(sum(tones[:, i, :, j] for i in range(_SAMPLES) for j in range(_SAMPLES)), _COUNT)
    tone //= np.maximum(samples, 1)
    down = np.arange(rows.start, rows.stop)[:, None] * SUB - piece.track[t][0]
    right = np.arange(columns.start, columns.stop) * SUB - piece.track[t][1]
    light = 256 - (down + right) * 36 // piece.side
    colour = np.array(COLOURS[piece.colour]) * (tone * light)[..., None] // (256 * 256)
    cover = samples[..., None]
    below = frame[rows, columns]
    frame[rows, columns] = (below * (_SAMPLES**2 - cover) + np.minimum(colour, 255) * cover) // _SAMPLES**2


def _background(rng: np.random.Generator, height: int, width: int) -> NDArray[np.int64]:
    """Draws two muted colours [H, W, 3] mixed by clouds and by soft stripes, soft checks or nothing."""
    clouds = (2 * _clouds(rng, height, width, 28) + _clouds(rng, height, width, 9)) // 3
    angle, period = pick(rng, TURN), 10 + pick(rng, 14)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    along = _waves((rows * sine(angle) + columns * sine(angle + TURN // 4)) // ONE, period)
    across = _waves((rows * sine(angle + TURN // 4) - columns * sine(angle)) // ONE, period)
    patterns = (clouds, along, np.abs(along - across))
    level = (2 * clouds + patterns[pick(rng, len(patterns))]) // 3
    first, second = _muted(rng), _muted(rng)
    background: NDArray[np.int64] = first + (second - first) * level[..., None] // 255
    return background


def _waves(distances: NDArray[np.int64], period: int) -> NDArray[np.int64]:
    """Turns distances [H, W] into a wave 0..255, straight up for one period and straight down for the next."""
    waves: NDArray[np.int64] = np.abs(distances % (2 * period) - period) * 255 // period
    return waves


def _clouds(rng: np.random.Generator, height: int, width: int, cell: int) -> NDArray[np.int64]:
    """Draws value noise 0..255 [H, W]: random values at the corners of cells, linear in between."""
    corners = (rng.random((height // cell + 2, width // cell + 2)) * 256).astype(np.int64)
    row, down = np.divmod(np.arange(height), cell)
    column, right = np.divmod(np.arange(width), cell)
    upper = corners[row] * (cell - down)[:, None] + corners[row + 1] * down[:, None]
    clouds: NDArray[np.int64] = (upper[:, column] * (cell - right) + upper[:, column + 1] * right) // (cell * cell)
    return clouds


def _muted(rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws a background colour: of middle brightness, and paler than any object."""
    grey = 84 + pick(rng, 80)
    return np.array([grey + pick(rng, 72) - 36 for _ in range(3)])
