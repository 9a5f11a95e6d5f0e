"""Colour prototype: a training-free floor that knows a class by the colours and the place of its support objects.

Three kinds of evidence add up to one score per pixel: the colours of the support object against those at the border of
the query video (histogram back-projection, Swain and Ballard, 1991), the colours inside the query video against those
at its border (what touches the border is rarely the object), and where in the frame the support objects were. The
score's quantiles, at multiples of the support objects' size, seed GrabCut (Rother et al., 2004) in every frame.
Sentences are not read: all of a video get the same mask.

Axis letters: `K` support frames, `T` query frames, `H, W` pixels, `h, w` pixels at the working size, `C` colour cells.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Support
from fsbench_baselines.cutting import enlarge
from fsbench_baselines.cutting import grab_cut
from fsbench_baselines.cutting import shrink
from fsbench_baselines.cutting import strong_parts

__all__ = ["Appearance", "ColourPrototype"]

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

CELLS = 32  # of a colour histogram along each axis; C = CELLS ** 3
CELLS_PER_DEVIATION = 4  # a histogram spans four standard deviations to either side of the video's mean colour
HISTOGRAM_BLUR = 2.0  # standard deviation in cells
UNIFORM_SHARE = 0.1  # of a uniform density in every histogram: bounds the evidence of one pixel
LEAST_DEVIATION = 2.0  # Lab units; keeps the noise of a flat video from filling the histogram
BORDER_WIDTH = 0.1  # shares of a frame's sides over which a pixel's border weight falls to 1 / e
PLACE_GRID = 64  # side of the square grid that stands for any frame
PLACE_BLUR = 0.15  # standard deviation in sides of the grid
PLACE_WEIGHT = 0.5  # of the place in the score, where each colour evidence weighs 1
SCORE_BLUR = 1 / 64  # standard deviation in shorter sides
CORE, PROBABLE, POSSIBLE = 0.5, 2.0, 6.0  # times the support's object-to-background odds: objects of a class vary so


@dataclass(frozen=True, eq=False)
class Appearance:
    """What a support set shows.

    Attributes:
        colours: Density of the objects' colours over the colour cells, float32 [C].
        place: Log odds that a place of the frame is the object's, float32 [PLACE_GRID, PLACE_GRID].
        odds: Object pixels to background pixels.
    """

    colours: Floats
    place: Floats
    odds: float


@dataclass(frozen=True, eq=False)
class _View:
    """A query video at the working size.

    Attributes:
        frames: uint8 [T, h, w, 3].
        cells: Colour cell of each pixel, int32 [T, h, w].
        inside, border: Densities of the colours away from the frames' border and near it, float32 [C] each.
    """

    frames: Bytes
    cells: npt.NDArray[np.int32]
    inside: Floats
    border: Floats


class ColourPrototype:
    """Segments what has the support objects' colours, stands out from the border, and lies where they lay.

    Args:
        working_size: Shorter side of the frames that it looks at, in pixels.
        iterations: Of GrabCut; 0 takes the score's probable pixels as they are.
    """

    info = MethodInfo(
        "colour-prototype",
        "1",
        "Support colours and places against the query's border, then GrabCut.",
        licence="Apache-2.0",
        trained_on=(),
    )
    works_in_parts = True

    def __init__(self, working_size: int = 144, iterations: int = 1) -> None:
        self.working_size = working_size
        self.iterations = iterations

    def prepare(self, fold: Fold) -> None:
        """Needs nothing."""

    def adapt(self, support: Support) -> Appearance | None:
        """Returns the appearance of the support objects; None if no support frame shows one."""
        from scipy.ndimage import gaussian_filter  # takes longer than all else: not before it is needed

        cells, weights, places, areas = [], [], [], []
        for shot in support.shots:
            masks = shrink(shot.masks.astype(np.float32), self.working_size)
            cells.append(_colour_cells(shrink(shot.frames, self.working_size)).ravel())
            weights.append(masks.ravel())
            places += [cv2.resize(mask, (PLACE_GRID, PLACE_GRID), interpolation=cv2.INTER_AREA) for mask in masks]
            areas += [mask.mean() for mask in shot.masks]
        if not any(areas):
            return None
        place = gaussian_filter(np.mean(places, axis=0), PLACE_BLUR * PLACE_GRID, mode="nearest").clip(1e-3, 1 - 1e-3)
        share = min(float(np.mean(areas)), 0.95)
        return Appearance(
            colours=_density(np.concatenate(cells), np.concatenate(weights)),
            place=np.log(place / (1 - place)).astype(np.float32),
            odds=share / (1 - share),
        )

    def segment(
        self, adapted: Appearance | None, clip: Clip, expressions: Sequence[str]
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, t, H, W], the same masks for every sentence; all false if the support shows no object."""
        if adapted is None:
            yield np.broadcast_to(np.False_, (len(expressions), len(clip.frames), *clip.output_size))
            return
        view = clip.memo(("colour-prototype", self.working_size), lambda: _view(clip.frames, self.working_size))
        score = _score(adapted, view)
        odds = adapted.odds * np.array([CORE, PROBABLE, POSSIBLE])
        levels = np.quantile(score, 1 / (1 + odds)).tolist()
        for frame, frame_score in zip(view.frames, score, strict=True):
            small = strong_parts(grab_cut(frame, frame_score, levels, self.iterations), frame_score - levels[0])
            yield np.broadcast_to(enlarge(small, clip.output_size), (len(expressions), 1, *clip.output_size))


def _colour_cells(frames: Bytes) -> npt.NDArray[np.int32]:
    """Returns the colour cell of each pixel, int32 [T, h, w] below CELLS ** 3.

    Colours are taken relative to the mean and the spread of the video's, in Lab: light and camera differ between
    videos more than objects do.

    Args:
        frames: uint8 [T, h, w, 3], one video.
    """
    lab = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2LAB) for frame in frames]).astype(np.float32)
    deviation = np.maximum(lab.std(axis=(0, 1, 2)), LEAST_DEVIATION)
    lab -= lab.mean(axis=(0, 1, 2))  # in place: a long video's pixels are many
    lab /= deviation
    lab *= CELLS_PER_DEVIATION
    lab += CELLS / 2
    cells = lab.clip(0, CELLS - 1, out=lab).astype(np.int32)
    return np.asarray((cells[..., 0] * CELLS + cells[..., 1]) * CELLS + cells[..., 2], dtype=np.int32)


def _density(cells: npt.NDArray[np.int32], weights: npt.NDArray[np.floating]) -> Floats:
    """Returns the smoothed density over the colour cells, float32 [C], positive, of weighted pixels of equal shape."""
    from scipy.ndimage import gaussian_filter  # as above

    histogram = np.bincount(cells.ravel(), weights.ravel(), CELLS**3).reshape(CELLS, CELLS, CELLS)
    smooth = gaussian_filter(histogram.astype(np.float64), HISTOGRAM_BLUR, mode="nearest").ravel()
    return np.asarray((1 - UNIFORM_SHARE) * smooth / smooth.sum() + UNIFORM_SHARE / smooth.size, dtype=np.float32)


def _view(frames: Any, working_size: int) -> _View:  # Any: what a clip has
    """Returns what of a query video, uint8 [T, H, W, 3], depends on no support."""
    small = shrink(frames, working_size)
    cells = _colour_cells(small)
    height, width = cells.shape[1:]
    across, down = (np.minimum(np.arange(n) + 0.5, n - 0.5 - np.arange(n)) / n for n in (width, height))
    near = np.broadcast_to(np.exp(-np.minimum(down[:, None], across) / BORDER_WIDTH), cells.shape)
    return _View(small, cells, inside=_density(cells, 1 - near), border=_density(cells, near))


def _score(support: Appearance, view: _View) -> Floats:
    """Returns how much speaks for the object, float32 [T, h, w], smooth in place."""
    evidence = np.log(support.colours / view.border) + np.log(view.inside / view.border)
    height, width = view.cells.shape[1:]
    place = cv2.resize(support.place, (width, height), interpolation=cv2.INTER_LINEAR)
    raw = evidence[view.cells] + PLACE_WEIGHT * place
    return np.stack([cv2.GaussianBlur(frame, (0, 0), SCORE_BLUR * min(height, width)) for frame in raw])
