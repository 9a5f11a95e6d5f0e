"""Oracles: what can be reached by one kind of knowledge alone, by methods that are shown every object's outline.

They answer from the truth, and are no methods: a leaderboard shows them without a rank. What a method adds to them is
what it has learnt of the other kind.
"""

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fsbench.datasets.naming import words_in
from fsbench.errors import PluginError
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.masks.resize import at_size
from fsbench.methods.contract import Asked
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Support

__all__ = ["ClassObjects", "SentenceReader"]

Masks = npt.NDArray[np.bool_]

# What is said of colours, in RGB as monitors have them: the names of CSS, and those that mean the same.
_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "orange": (255, 165, 0),
    "yellow": (255, 255, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "pink": (255, 192, 203),
    "brown": (165, 42, 42),
}
_SMALL = frozenset({"small", "smaller", "little", "tiny"})
_LARGE = frozenset({"large", "larger", "big", "bigger", "huge"})
_MOVES = frozenset({"moves", "moving", "goes", "going", "walks", "walking", "runs", "running", "swims", "swimming"})
_STAYS = frozenset({"still", "stays", "staying", "standing", "sitting", "lying"})
_PLACES = {
    "left": (0.0, -1.0),
    "right": (0.0, 1.0),
    "top": (-1.0, 0.0),
    "up": (-1.0, 0.0),
    "bottom": (1.0, 0.0),
    "down": (1.0, 0.0),
}
"""The direction, (row, column), that a word names: of a place or of a movement."""

_NEAR = 0.1  # of a share of the frame: closer than that two objects are alike in place, size or movement


class ClassObjects:
    """Takes all objects of the class: what is reached by finding the class and reading no sentence."""

    info = MethodInfo(
        "oracle-class",
        "1",
        "All objects of the class, from the truth: finds the class, reads no sentence.",
        licence="Apache-2.0",
        trained_on=(),
    )
    ignores_support = True
    works_in_parts = True
    reads_truth = True

    def prepare(self, fold: Fold) -> None:
        """Remembers which classes are under test."""
        self._novel = frozenset(fold.novel)

    def adapt(self, support: Support) -> None:
        """Learns nothing."""

    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
        """Yields the same mask for all sentences of a frame, bool [N, 1, H, W]."""
        asked = _asked(clip)
        ids = [o.object_id for o in _objects(asked) if o.category in self._novel]
        for frame in asked.frames:
            mask = at_size(union_of(layers_of(asked.dataset.label_map(asked.video_id, frame)), ids), clip.output_size)
            yield np.broadcast_to(mask.view(np.bool_), (len(expressions), 1, *mask.shape))


class SentenceReader:
    """Reads sentences and knows no class: takes the object that fits what is said of colour, size, place and motion.

    It chooses among all outlines of the video; of a set that is drawn, those of objects without annotation are among
    them. Words are told by the lists above, and measured on pixels and outlines. What they leave open, as the name of
    the class always does, is chosen at random: by digest, another for each draw.
    """

    info = MethodInfo(
        "oracle-sentence",
        "1",
        "One object that fits the sentence's colour, size, place and motion, from the truth: knows no class.",
        licence="Apache-2.0",
        trained_on=(),
    )
    ignores_support = True
    reads_truth = True

    def prepare(self, fold: Fold) -> None:
        """Needs nothing."""

    def adapt(self, support: Support) -> None:
        """Learns nothing."""

    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Masks]:
        """Yields the masks of a frame, bool [N, 1, H, W]."""
        asked = _asked(clip)
        outlines = clip.memo("outlines", lambda: _outlines(asked))
        looks = clip.memo("looks", lambda: _looks(outlines, clip.frames))
        chosen = [
            _chosen(looks, said, f"{asked.draw}/{asked.video_id}/{name}")
            for said, name in zip(expressions, asked.expression_ids, strict=True)
        ]
        for t in range(len(asked.frames)):
            masks = [
                at_size(outlines[one][t] if one else np.zeros(clip.frames.shape[1:3], np.bool_), clip.output_size)
                for one in chosen
            ]
            yield np.stack(masks).view(np.bool_)[:, np.newaxis]


@dataclass(frozen=True)
class _Look:
    """What is seen of an object.

    Attributes:
        colour: Name of the colour that most of its pixels are nearest to.
        side: Square root of its largest area, as a share of that of the frame.
        place: Mean of (row, column) over the frames in which it is seen, each in [0, 1].
        motion: The last place less the first.
    """

    colour: str
    side: float
    place: npt.NDArray[np.float64]
    motion: npt.NDArray[np.float64]


def _asked(clip: Clip) -> Asked:
    if clip.asked is None or clip.asked.dataset is None:
        raise PluginError("An oracle must be given the truth: run it by 'fsbench evaluate'.")
    return clip.asked


def _objects(asked: Asked) -> list[Any]:  # Any: `ObjectTrack`
    return [each for each in asked.dataset.objects() if each.video_id == asked.video_id]


def _outlines(asked: Asked) -> Mapping[int, Masks]:
    """Returns the outlines [T, H, W] of every object that is seen, by number from 1."""
    spec = getattr(asked.dataset, "spec", None)
    if spec is not None and spec.draw is not None:
        drawn = spec.draw(asked.video_id)
        places = [drawn.frame_names.index(name) for name in asked.frames]
        found = {one: drawn.owners[places] == one for one in range(1, int(drawn.owners.max(initial=0)) + 1)}
    else:
        layers = [layers_of(asked.dataset.label_map(asked.video_id, name)) for name in asked.frames]
        ids = [each.object_id for each in _objects(asked)]
        found = {one: np.stack([union_of(each, [one]) for each in layers]) for one in ids}
    return {one: mask for one, mask in found.items() if mask.any()}


def _looks(outlines: Mapping[int, Masks], frames: npt.NDArray[np.uint8]) -> Mapping[int, _Look]:
    return {one: _look(mask, frames) for one, mask in outlines.items()}


def _look(mask: Masks, frames: npt.NDArray[np.uint8]) -> _Look:
    size = np.array(mask.shape[1:], np.float64)
    places = np.stack([np.argwhere(each).mean(axis=0) / size for each in mask if each.any()])
    areas = mask.reshape(len(mask), -1).mean(axis=1)
    fullest = int(areas.argmax())
    names = list(_COLOURS)
    anchors = cv2.cvtColor(np.array([list(_COLOURS.values())], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    pixels = cv2.cvtColor(frames[fullest][mask[fullest]][np.newaxis].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    nearest = np.linalg.norm(pixels[:, np.newaxis] - anchors, axis=2).argmin(axis=1)
    colour = names[int(np.bincount(nearest, minlength=len(names)).argmax())]
    return _Look(colour, float(areas.max() ** 0.5), places.mean(axis=0), places[-1] - places[0])


def _chosen(looks: Mapping[int, _Look], sentence: str, key: str) -> int | None:
    """Returns the number of the object that fits a sentence best; None if there is none at all."""
    words = words_in(sentence)
    points = {one: _points(look, words) for one, look in looks.items()}
    best = sorted(one for one, value in points.items() if value == max(points.values()))
    if not best:
        return None
    sides = {one: looks[one].side for one in best}  # a size is held against what fits otherwise
    if not _SMALL.isdisjoint(words):
        best = [one for one in best if sides[one] < (1 + _NEAR) * min(sides.values())]
    elif not _LARGE.isdisjoint(words):
        best = [one for one in best if (1 + _NEAR) * sides[one] > max(sides.values())]
    digest = hashlib.sha256(key.encode()).digest()
    return best[int.from_bytes(digest[:8], "big") % len(best)]


def _points(look: _Look, words: Sequence[str]) -> int:
    """Returns how much of what is said of colour, place and motion is true of an object."""
    colours = {"grey" if word == "gray" else word for word in words} & _COLOURS.keys()
    told = [look.colour in colours] if colours else []
    if not _STAYS.isdisjoint(words):
        told.append(float(np.abs(look.motion).max()) < _NEAR / 2)
    is_moving = not _MOVES.isdisjoint(words)
    for direction in (np.array(_PLACES[word]) for word in words if word in _PLACES):
        along = float((look.motion if is_moving else look.place - 0.5) @ direction)
        told.append(along > (_NEAR / 2 if is_moving else 0))
    return sum(told)
