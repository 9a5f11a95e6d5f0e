"""The choice of the embedded set's silhouettes, made again, and a sheet of them to look at.

    python -m benchmarks.silhouettes --out sheet.png

Candidates are gone through in order. What is taken must be the numbers that stand in the generator. It
takes some minutes.
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fsbench.datasets._shapes_outlines import candidate
from fsbench.datasets._shapes_outlines import TAKEN
from fsbench.datasets._shapes_render import draw_stencil

BOUND = 0.72  # of the intersection over union with an earlier silhouette
PER_FAMILY, FAMILIES = 22, 9
TURNS = 60
# When the choice was made, wedges that are cut out of rings reached ten cells farther, which moves a few cells of their
# edges. One candidate had a hole of a single cell then, and would be taken now.
LEFT_OUT = (2149,)
SIDE, SIZE = 18, 48  # of the square of equal area, and of the picture in which silhouettes are compared, in pixels
LOOK = 100  # pixels of a silhouette on the sheet


def main() -> None:
    """Parses the command line, makes the choice, and says whether it is the one that the set has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("silhouettes.png"), help="the sheet")
    arguments = parser.parse_args()
    taken = list(chosen(len(TAKEN)))
    pictures = [seen(draw_stencil(candidate(number)), [0.0], LOOK // 2, LOOK)[0] for number in taken]
    rows = [np.hstack(pictures[start : start + 16]) for start in range(0, len(pictures), 16)]
    Image.fromarray(np.where(np.vstack(rows), 230, 40).astype(np.uint8)).save(arguments.out)
    same = tuple(taken) == TAKEN
    print(f"{len(taken)} silhouettes on {arguments.out}, {'those of the set' if same else 'not those of the set'}")


def chosen(count: int) -> Iterator[int]:
    """Yields the numbers of so many candidates that are taken."""
    families: Counter[int] = Counter()
    earlier: list[NDArray[np.float32]] = []
    angles = [2 * math.pi * k / TURNS for k in range(TURNS)]
    number = -1
    while len(earlier) < count:
        number += 1
        stencil = draw_stencil(candidate(number))
        if families[number % FAMILIES] == PER_FAMILY or number in LEFT_OUT or not is_sound(stencil):
            continue
        turned, mirrored = (flat(seen(stencil, angles, SIDE, SIZE, sign)) for sign in (1, -1))
        if earlier and likeness(turned[0], np.concatenate(earlier)) > BOUND:
            continue
        families[number % FAMILIES] += 1
        earlier.append(np.concatenate([turned, mirrored]))
        yield number


def is_sound(stencil: NDArray[np.bool_]) -> bool:
    """Tells whether a silhouette is in one piece, neither small, long nor narrow, and has no small hole."""
    if not stencil.any():
        return False
    farthest = np.hypot(*(np.argwhere(stencil) - len(stencil) / 2 + 0.5).T).max()
    if farthest > 99 or stencil.sum() < 88**2 or ndimage.label(stencil)[1] > 1:
        return False
    outside, count = ndimage.label(~stencil)
    if count > 1 and np.bincount(outside.ravel())[1:].min() < 900:
        return False
    broad = ndimage.binary_opening(stencil[::2, ::2], np.hypot(*np.mgrid[-6:7, -6:7]) <= 6)
    return bool(broad.sum() >= 0.86 * stencil[::2, ::2].sum())


def seen(stencil: NDArray[np.bool_], angles: list[float], side: int, size: int, across: int = 1) -> NDArray[np.bool_]:
    """Returns a silhouette turned by each angle.

    Args:
        stencil: The silhouette, bool [2 * half, 2 * half].
        angles: In radians.
        side: Of the square of its area, in pixels.
        size: Of a picture.
        across: -1 for its mirror image.

    Returns:
        bool [angles, size, size].
    """
    down, right = np.mgrid[:size, :size] - size / 2 + 0.5
    right = across * right
    cos, sin = (np.array([function(angle) for angle in angles])[:, None, None] for function in (math.cos, math.sin))
    places = np.stack([down * cos - right * sin, down * sin + right * cos]) * (math.sqrt(stencil.sum()) / side)
    rows, columns = np.clip(np.floor(places).astype(int) + len(stencil) // 2, 0, len(stencil) - 1)
    return stencil[rows, columns]


def flat(pictures: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns pictures as rows."""
    return pictures.reshape(len(pictures), -1).astype(np.float32)


def likeness(one: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Returns the largest intersection over union of a picture with any of others, all of them rows."""
    both = (others @ one).astype(float)  # numbers of pixels: a quotient that is the bound is not above it
    return float((both / (others.sum(axis=1) + one.sum() - both)).max())


if __name__ == "__main__":
    main()
