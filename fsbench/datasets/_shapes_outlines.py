"""Silhouettes of the embedded set, as discs and polygons that are added and cut out, in whole numbers alone.

The first ones were drawn by hand. The others come from a generator: candidate `n` is drawn from a random stream of its
own by one of several families, and the numbers of those that were taken are written down. A candidate is taken if it is
in one piece, neither thin nor long, and at equal area and about the same centre covers no earlier one, turned and
mirrored as one likes, with an intersection over union above a bound (`docs/mini-ref-shapes.md`; the tests measure it,
and `benchmarks/silhouettes.py` makes the choice again).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from math import isqrt
from typing import NamedTuple

import numpy as np

from fsbench.streams import named_stream

__all__ = ["DRAWN_BY_HAND", "ONE", "TAKEN", "TURN", "Disc", "Part", "Polygon", "candidate", "parts_of", "pick", "sine"]

TURN = 1024  # angles are counted in these to a full turn, clockwise on the screen
ONE = 4096  # the fixed-point 1 of sine

_Point = tuple[int, int]  # row and column, in cells from the middle of the square


class Disc(NamedTuple):
    """A disc that is added to a silhouette, or cut out of it; in cells.

    Attributes:
        row, column: The middle, from that of the square.
        radius: Of the disc.
        cut: Whether it is cut out.
    """

    row: int
    column: int
    radius: int
    cut: bool = False


class Polygon(NamedTuple):
    """A polygon that is added to a silhouette, or cut out of it; in cells.

    Attributes:
        corners: (row, column) of each, from the middle of the square.
        cut: Whether it is cut out.
    """

    corners: Sequence[tuple[int, int]]
    cut: bool = False


Part = Disc | Polygon


def pick(rng: np.random.Generator, count: int) -> int:
    """Draws one of 0 .. count - 1 by `Generator.random` alone (see `fsbench.streams`)."""
    return int(rng.random() * count)


def sine(angle: int) -> int:
    """Returns 4096 times the sine of `angle` / `TURN` of a full turn, rounded."""
    return round(ONE * math.sin(2 * math.pi * (angle % TURN) / TURN))


def _wheel(*radii: int, repeat: int) -> list[tuple[int, int]]:
    """Returns corners at equal angles around the middle, the first at the top, `radii` taken in turn."""
    count = len(radii) * repeat
    angles = [TURN * k // count for k in range(count)]
    return [
        (-radii[k % len(radii)] * sine(a + TURN // 4) // ONE, radii[k % len(radii)] * sine(a) // ONE)
        for k, a in enumerate(angles)
    ]


def _box(top: int, left: int, bottom: int, right: int) -> Polygon:
    return Polygon([(top, left), (top, right), (bottom, right), (bottom, left)])


# Drawn by hand, for the words of version 2.
_DRAWN: tuple[tuple[Part, ...], ...] = (
    (Disc(0, 0, 78), Disc(0, 0, 42, cut=True)),  # ring
    (Disc(0, 0, 78), Disc(0, 46, 56, cut=True)),  # crescent
    (_box(-78, -26, 78, 26), _box(-26, -78, 26, 78)),  # cross
    (Polygon([(-76, 30), (14, -64), (14, -14), (76, -30), (-14, 64), (-14, 14)]),),  # bolt
    (Polygon([(-80, 0), (-4, 66), (-4, 26), (76, 26), (76, -26), (-4, -26), (-4, -66)]),),  # arrow
    (Polygon(_wheel(86, 40, repeat=5)),),  # star
    (Disc(-26, -39, 39), Disc(-26, 39, 39), Polygon([(-6, -73), (80, 0), (-6, 73), (-24, 0)])),  # heart
    (Polygon(_wheel(82, 82, 58, 58, repeat=8)), Disc(0, 0, 22, cut=True)),  # gear
    (_box(-70, -56, 70, -8), _box(24, -56, 70, 56)),  # L
    (Polygon([(-68, -62), (-68, 62), (0, 14), (68, 62), (68, -62), (0, -14)]),),  # hourglass
    (Disc(-54, 0, 29), Disc(27, -47, 29), Disc(27, 47, 29), Polygon(_wheel(64, 20, repeat=3))),  # trefoil
    (Disc(0, 0, 74), Polygon([(0, -12), (-80, 84), (80, 84)], cut=True)),  # wedge cut out of a disc
    (Disc(0, -50, 36), Disc(0, 50, 36), _box(-15, -50, 15, 50)),  # dumbbell
    (Disc(24, 0, 48), Polygon([(-86, 0), (6, 45), (6, -45)])),  # drop
    (_box(-60, -62, 60, -20), _box(-60, 20, 60, 62), _box(18, -62, 60, 62)),  # U
    (_box(-66, -70, -20, 70), _box(-66, -24, 74, 24)),  # T
)
DRAWN_BY_HAND = len(_DRAWN)

# The numbers of the candidates that were taken.
TAKEN = tuple(
    int(number)
    for number in """
    1 12 20 23 24 27 36 41 61 68 70 77 85 86 90 106 108 121 129 131 133 135 155 162 167 168 173 185 203 212
    214 247 252 319 331 346 387 394 396 407 410 416 428 437 448 450 457 476 492 500 560 582 590 591 618 619
    671 684 700 716 717 736 799 830 837 866 869 907 960 965 977 996 1037 1040 1050 1057 1095 1129 1130 1139
    1150 1213 1257 1273 1307 1327 1354 1469 1654 1699 1721 1757 1770 1815 1824 1852 2005 2037 2101 2266 2270
    2329 2362 2487 2598 2661 2812 2826 2938 3095 3172 3177 3246 3307 3372 3413 3681 3927 4009 4018 4270 4340
    4412 4425 4443 4450 4646 4693
    """.split()
)


@lru_cache(maxsize=256)
def parts_of(silhouette: int) -> tuple[Part, ...]:
    """Returns what a silhouette is put together from, in order.

    Args:
        silhouette: Its number: below `DRAWN_BY_HAND` for those, then the place in `TAKEN`.
    """
    if silhouette < DRAWN_BY_HAND:
        return _DRAWN[silhouette]
    return candidate(TAKEN[silhouette - DRAWN_BY_HAND])


def candidate(number: int) -> tuple[Part, ...]:
    """Draws the candidate of a number, by each family in turn."""
    rng = named_stream(0, "shapes", "v3", "silhouette", number)
    return tuple(_FAMILIES[number % len(_FAMILIES)](rng))


# ---- families of candidates ----


def _among(rng: np.random.Generator, low: int, high: int) -> int:
    """Draws one of low .. high."""
    return low + pick(rng, high - low + 1)


def _at(angle: int, radius: int, middle: _Point = (0, 0)) -> _Point:
    """Returns the point in a direction, 0 for up, at a distance from `middle`."""
    return (middle[0] + -radius * sine(angle + TURN // 4) // ONE, middle[1] + radius * sine(angle) // ONE)


def _bar(start: _Point, end: _Point, half: int) -> Polygon:
    """Returns a bar from one point to another, of half a width."""
    down, right = end[0] - start[0], end[1] - start[1]
    length = isqrt(down * down + right * right)
    up, aside = -right * half // length, down * half // length
    ends = ((start, 1), (end, 1), (end, -1), (start, -1))
    return Polygon([(row + sign * up, column + sign * aside) for (row, column), sign in ends])


def _wedge(angle: int, width: int, tip: _Point) -> Polygon:
    """Returns a wedge to cut out, from its tip outwards, `width` to either side of a direction."""
    return Polygon([tip, _at(angle - width, 150), _at(angle + width, 150)], cut=True)


def _wheels(rng: np.random.Generator) -> list[Part]:
    """A few radii that come again and again around the middle, often with a hole: stars, gears, flowers."""
    radii = [_among(rng, 26, 92) for _ in range(_among(rng, 2, 4))]
    parts: list[Part] = [Polygon(_wheel(*radii, repeat=_among(rng, 2, 7)))]
    return [*parts, Disc(0, 0, _among(rng, 20, 34), cut=True)] if rng.random() < 0.4 else parts


def _splinters(rng: np.random.Generator) -> list[Part]:
    """A polygon of near and far corners."""
    count, turn = _among(rng, 4, 8), pick(rng, TURN)
    corners = []
    for k in range(count):
        angle = turn + TURN * k // count + pick(rng, TURN // count // 2)
        is_far = rng.random() < 0.6
        corners.append(_at(angle, _among(rng, 70, 98) if is_far else _among(rng, 24, 44)))
    return [Polygon(corners)]


def _blocks(rng: np.random.Generator) -> list[Part]:
    """Squares of a grid of four by four, each beside another."""
    cells = [(_among(rng, 0, 3), _among(rng, 0, 3))]
    count = _among(rng, 5, 9)
    while len(cells) < count:
        row, column = cells[pick(rng, len(cells))]
        down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[pick(rng, 4)]
        cell = (row + down, column + right)
        if cell not in cells and min(cell) >= 0 and max(cell) < 4:
            cells.append(cell)
    return [_box(38 * row - 76, 38 * column - 76, 38 * row - 38, 38 * column - 38) for row, column in cells]


def _bubbles(rng: np.random.Generator) -> list[Part]:
    """Discs of several sizes, each on another."""
    discs = [Disc(0, 0, _among(rng, 26, 48))]
    for _ in range(_among(rng, 2, 4)):
        on = discs[pick(rng, len(discs))]
        radius = _among(rng, 18, 44)
        discs.append(Disc(*_at(pick(rng, TURN), (on.radius + radius) * 4 // 5, (on.row, on.column)), radius))
    return list(discs)


def _bitten(rng: np.random.Generator) -> list[Part]:
    """A disc, a square, a triangle or a rectangle with discs, wedges and slots cut out of its rim."""
    bases: tuple[Part, ...] = (
        Disc(0, 0, 80),
        _box(-66, -66, 66, 66),
        Polygon(_wheel(92, repeat=3)),
        _box(-48, -80, 48, 80),
    )
    parts = [bases[pick(rng, 4)]]
    for _ in range(_among(rng, 1, 3)):
        angle = pick(rng, TURN)
        place = _at(angle, _among(rng, 36, 80))
        form = pick(rng, 3)
        if form == 0:
            parts.append(Disc(*place, _among(rng, 24, 50), cut=True))
        elif form == 1:
            width = _among(rng, TURN // 24, TURN // 9)
            parts.append(_wedge(angle, width, _at(angle, _among(rng, 0, 30))))
        else:
            slot = _bar(_at(angle, _among(rng, 0, 20)), _at(angle, 150), _among(rng, 12, 22))
            parts.append(slot._replace(cut=True))
    return parts


def _limbs(rng: np.random.Generator) -> list[Part]:
    """A disc with arms and legs, some of them with a disc at their ends."""
    parts: list[Part] = [Disc(0, 0, _among(rng, 20, 40))]
    count, turn = _among(rng, 2, 4), pick(rng, TURN)
    for k in range(count):
        angle = turn + TURN * k // count + pick(rng, TURN // count * 2 // 3)
        length = _among(rng, 55, 94)
        parts.append(_bar((0, 0), _at(angle, length), _among(rng, 12, 20)))
        if rng.random() < 0.4:
            parts.append(Disc(*_at(angle, length - 8), _among(rng, 22, 34)))
    return parts


def _strokes(rng: np.random.Generator) -> list[Part]:
    """A few strokes of a broad round pen between nine points, as letters have them."""
    place = (_among(rng, 0, 2), _among(rng, 0, 2))
    half = _among(rng, 14, 22)
    parts: list[Part] = []
    for _ in range(_among(rng, 3, 5)):
        following = (_among(rng, 0, 2), _among(rng, 0, 2))
        if following != place:
            start, end = ((58 * row - 58, 58 * column - 58) for row, column in (place, following))
            parts += [_bar(start, end, half), Disc(*start, half), Disc(*end, half)]
        place = following
    return parts


def _rings(rng: np.random.Generator) -> list[Part]:
    """A ring, thicker on one side, with gaps, and with bars on it."""
    outer = _among(rng, 54, 80)
    inner = outer * _among(rng, 45, 65) // 100
    off = _among(rng, 0, outer // 3)
    parts: list[Part] = [Disc(0, 0, outer), Disc(*_at(pick(rng, TURN), off), inner, cut=True)]
    for _ in range(pick(rng, 3)):
        angle = pick(rng, TURN)
        parts.append(_wedge(angle, _among(rng, TURN // 24, TURN // 8), (0, 0)))
    for _ in range(pick(rng, 3)):
        angle = pick(rng, TURN)
        start = _at(angle, _among(rng, -outer, outer * 3 // 4))
        parts.append(_bar(start, _at(angle, _among(rng, outer, 96)), _among(rng, 12, 20)))
    return parts


def _compounds(rng: np.random.Generator) -> list[Part]:
    """Two or three of discs, triangles, squares and bars, each on the rim of the one before."""
    parts: list[Part] = []
    place = (0, 0)
    for _ in range(_among(rng, 2, 3)):
        angle, size, form = pick(rng, TURN), _among(rng, 26, 56), pick(rng, 4)
        if form == 0:
            parts.append(Disc(*place, size))
        elif form == 3:
            parts.append(_bar(_at(angle, size, place), _at(angle, -size, place), _among(rng, 14, 26)))
        else:
            corners = form + 2
            around = [angle + TURN * k // corners for k in range(corners)]
            parts.append(Polygon([_at(each, size * 5 // 4, place) for each in around]))
        place = _at(pick(rng, TURN), size, place)
    return parts


_FAMILIES = (_wheels, _splinters, _blocks, _bubbles, _bitten, _limbs, _strokes, _rings, _compounds)
