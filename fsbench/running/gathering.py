"""The rows of a support draw, made while its masks come: each frame is encoded and scored, and then let go."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsbench.masks.predictions import prediction_table
from fsbench.masks.resize import at_size
from fsbench.masks.shown import BinaryMask
from fsbench.metrics import outline_code
from fsbench.metrics import outline_pairs
from fsbench.metrics import Outlines
from fsbench.metrics import radius_px
from fsbench.running.plan import Unit
from fsbench.scores.measuring import Measure
from fsbench.scores.measuring import Seen
from fsbench.scores.rows import score_table

__all__ = ["Gathered"]

_Masks = npt.NDArray[np.bool_]


class _Cut(NamedTuple):
    """A mask, bool [H, W], with what scoring and encoding it need, made once."""

    mask: _Masks
    outlines: Outlines
    code: bytes


class Gathered:
    """What the masks of some of a unit's sentences come to."""

    def __init__(
        self,
        unit: Unit,
        sentences: range,
        size: tuple[int, int],
        labels: Callable[[str], npt.NDArray[np.integer]] | None,
        measure: Measure,
    ) -> None:
        """Has gathered nothing yet.

        Args:
            unit: The video, and what its sentences name.
            sentences: Numbers of the N sentences whose masks come.
            size: (H, W) of the masks.
            labels: Gives a frame's label map by its name, integer [L, height, width]; None where nothing is scored.
            measure: What is measured, and of which frames.
        """
        self._unit = unit
        self._sentences = sentences
        self._size = size
        self._labels = labels
        self._measure = measure
        self._counted = range(len(unit.frames))[measure.protocol.counted(len(unit.frames))]
        self._codes: list[list[bytes]] = [[] for _ in sentences]
        self._seen: list[list[Seen]] = [[] for _ in sentences]
        self._next = 0

    def add(self, masks: _Masks) -> None:
        """Takes in the masks of the next frames, bool [N, t, H, W].

        Raises:
            DataError: A label map cannot be read, or does not show what is promised.
        """
        cut: dict[int, _Cut] = {}
        for t in range(masks.shape[1]):
            # A mask that stands for several, as `numpy.broadcast_to` makes it, lies in one place.
            places = [mask.__array_interface__["data"][0] for mask in masks[:, t]]
            before, cut = cut, {}
            for place, mask, known in zip(places, masks[:, t], self._codes, strict=True):
                if place not in cut:
                    cut[place] = before[place] if place in before else self._cut_out(mask)
                known.append(cut[place].code)
            if self._labels is not None:
                self._see(places, cut, self._labels(self._unit.frames[self._next]))
            self._next += 1

    def _cut_out(self, mask: _Masks) -> _Cut:
        outlines = BinaryMask(mask.view(np.uint8)).outlines(self._size)
        return _Cut(mask, outlines, outline_code(outlines))

    def _see(self, places: Sequence[int], cut: Mapping[int, _Cut], labels: npt.NDArray[np.integer]) -> None:
        """Measures the masks of the next frame, given by the places where they lie."""
        if self._next not in self._counted:
            return
        radius = radius_px(self._measure.protocol.tolerance, *self._size)
        truths = {ids: BinaryMask(labels, ids) for ids in dict.fromkeys(self._unit.object_ids)}
        foreground = self._measure.foreground(truth.labels for truth in truths.values())
        found: dict[tuple[int, tuple[int, ...]], Seen] = {}
        for place, sentence, known in zip(places, self._sentences, self._seen, strict=True):
            key = place, self._unit.object_ids[sentence]
            if key not in found:
                found[key] = self._seen_of(cut[place], truths[key[1]], radius, foreground)
            known.append(found[key])

    def _seen_of(self, pred: _Cut, truth: BinaryMask, radius: int, foreground: int) -> Seen:
        (counts,) = outline_pairs(pred.outlines, truth.outlines(self._size), [(0, 0)], radius)
        masks = (lambda: pred.mask), (lambda: at_size(truth.labels, self._size).view(np.bool_))
        return self._measure.see(counts, self._size, *masks, foreground)

    def tables(self, episode_ids: Sequence[str]) -> tuple[pa.Table, pa.Table]:
        """Returns the rows of predictions and of scores, once all frames were taken in.

        Args:
            episode_ids: Of all sentences of the unit.

        Raises:
            PluginError: See `Measure.require_episodes`.
        """
        own = [episode_ids[sentence] for sentence in self._sentences]
        frames = self._unit.frames
        predictions = prediction_table(own, frames, self._codes, self._size)
        if self._labels is None:
            return predictions, score_table((), frames, (), self._measure)
        return predictions, score_table(own, frames, self._seen, self._measure)
