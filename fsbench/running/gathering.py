"""The rows of a support draw, made while its masks come: each frame is encoded and scored, and then let go."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsbench.masks.predictions import prediction_table
from fsbench.masks.rle import encode_masks
from fsbench.running.plan import Unit
from fsbench.scores.measuring import Measure
from fsbench.scores.measuring import Seen
from fsbench.scores.rows import score_table
from fsbench.scores.rows import truth_mask

__all__ = ["Gathered"]

_Masks = npt.NDArray[np.bool_]


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
        codes: dict[int, bytes] = {}
        for t in range(masks.shape[1]):
            # A mask that stands for several, as `numpy.broadcast_to` makes it, lies in one place.
            frame = [(mask.__array_interface__["data"][0], mask) for mask in masks[:, t]]
            for (place, mask), known in zip(frame, self._codes, strict=True):
                if place not in codes:
                    (codes[place],) = encode_masks(mask[np.newaxis])
                known.append(codes[place])
            if self._labels is not None:
                self._see(frame, self._labels(self._unit.frames[self._next]))
            self._next += 1

    def _see(self, frame: Sequence[tuple[int, _Masks]], labels: npt.NDArray[np.integer]) -> None:
        """Measures the masks of the next frame, given with the places where they lie."""
        if self._next not in self._counted:
            return
        truths = {ids: truth_mask(labels, ids, self._size) for ids in dict.fromkeys(self._unit.object_ids)}
        foreground = [self._measure.foreground(truths.values())]
        found: dict[tuple[int, tuple[int, ...]], list[Seen]] = {}
        for (place, mask), sentence, known in zip(frame, self._sentences, self._seen, strict=True):
            ids = self._unit.object_ids[sentence]
            if (place, ids) not in found:
                found[place, ids] = self._measure.see_clip(mask[np.newaxis], truths[ids][np.newaxis], foreground)
            known += found[place, ids]

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
