"""Masks drawn on frames: pure functions on arrays."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["DARK", "PALETTE", "Colour", "draw_mask", "outline", "resized"]

Colour = tuple[int, int, int]
"""Red, green, blue in 0..255."""

PALETTE: Sequence[Colour] = (
    (95, 176, 240),
    (240, 160, 75),
    (85, 201, 138),
    (229, 138, 196),
    (183, 162, 240),
    (217, 192, 74),
    (255, 138, 122),
    (159, 180, 192),
)
"""Bright colours, of which a line within a dark rim stands out on any ground."""

DARK: Colour = (10, 14, 20)
"""Of the rim around a bright line: on any ground one of the two stands out."""

_Image = npt.NDArray[np.uint8]
_Mask = npt.NDArray[np.bool_]


def draw_mask(
    frame: _Image, mask: _Mask, colour: Colour, *, fill: float = 0.35, line_px: int = 3, rim_px: int = 2
) -> _Image:
    """Draws the fill and the outline of a mask: a line of its colour within a dark rim.

    Args:
        frame: uint8 [H, W, 3], RGB.
        mask: bool [H, W].
        colour: Of fill and line.
        fill: Share of the colour inside, in [0, 1]; 0 leaves the inside as it is.
        line_px: Width of the line, which lies inside the rim; 0 for none.
        rim_px: Width of the rim, which lies inside the mask; 0 for none.

    Returns:
        A new uint8 [H, W, 3]; equal to `frame` outside of the mask.
    """
    drawn = frame.copy()
    paint = np.array(colour, np.float64)
    drawn[mask] = np.rint((1 - fill) * frame[mask] + fill * paint).astype(np.uint8)
    drawn[outline(mask, rim_px + line_px)] = colour
    drawn[outline(mask, rim_px)] = DARK
    return drawn


def outline(mask: _Mask, line_px: int) -> _Mask:
    """Returns the pixels of a mask, bool [H, W], that are at most `line_px` steps from outside of it.

    The border of the frame is no outside: a mask that is cut by it has no line there.
    """
    inside = mask.copy()
    for _ in range(line_px):
        padded = np.pad(inside, 1, mode="edge")
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def resized(image: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
    """Returns a picture or mask, [H, W] or [H, W, C], at another size (height, width), by the nearest pixel."""
    rows = np.arange(size[0]) * image.shape[0] // size[0]
    columns = np.arange(size[1]) * image.shape[1] // size[1]
    found: npt.NDArray[np.generic] = image[rows][:, columns]
    return found
