"""Which candidate a sentence means: its words for place, size, colour and motion against what was measured.

Sentences that differ in one word ("on the left", "on the right") are neighbours to a sentence encoder. So each word is
held against attribute words, one by one, and counts for the attribute whose word it is nearest to.
"""

import re
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Candidate", "SentenceReader", "measure"]

LEAST_COSINE = 0.75  # of a word and an attribute word
NAMED = {
    "red": (200, 40, 40), "orange": (230, 140, 30), "yellow": (225, 215, 50), "green": (60, 160, 60),
    "blue": (50, 80, 200), "purple": (130, 60, 170), "pink": (230, 130, 180), "brown": (120, 80, 45),
    "white": (240, 240, 240), "grey": (128, 128, 128), "black": (20, 20, 20),
}  # fmt: skip
# Attribute words, the quantity of a candidate that they speak of, and its sign. Colours are quantities of their own.
ATTRIBUTES = {
    "left": ("x", -1), "right": ("x", 1), "top": ("y", -1), "bottom": ("y", 1),
    "small": ("size", -1), "tiny": ("size", -1), "big": ("size", 1), "large": ("size", 1),
    "moving": ("speed", 1), "running": ("speed", 1), "still": ("speed", -1), "standing": ("speed", -1),
} | {name: (name, 1) for name in NAMED}  # fmt: skip
COLOUR_RANGE = 40.0  # Lab units over which a colour stops being near its name


@dataclass(frozen=True, eq=False)
class Candidate:
    """One thing in the video that may be meant.

    Attributes:
        mask: bool [T, h, w].
        strength: Sum of the evidence for it.
        measured: Each quantity of `ATTRIBUTES`.
    """

    mask: npt.NDArray[np.bool_]
    strength: float
    measured: dict[str, float]


def measure(mask: npt.NDArray[np.bool_], frames: npt.NDArray[np.uint8], strength: float) -> Candidate:
    """Returns a candidate with its place, size, motion (in shares of the frame) and nearness to each named colour.

    Args:
        mask: bool [T, h, w], not empty.
        frames: uint8 [T, h, w, 3].
        strength: Sum of the evidence for it.
    """
    height, width = mask.shape[1:]
    seen = np.flatnonzero(mask.any(axis=(1, 2)))
    centres = np.stack([np.argwhere(mask[t]).mean(axis=0) / (height, width) for t in seen])
    # Speed is that between the frames in which it was seen.
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(seen)
    colours = np.array([*NAMED.values()], dtype=np.uint8)
    lab = cv2.cvtColor(np.concatenate([frames[mask], colours])[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    pixels, names = np.median(lab[: -len(colours)], axis=0), lab[-len(colours) :]
    nearness = np.exp(-np.linalg.norm(names - pixels, axis=1) / COLOUR_RANGE)
    measured = {name: float(near) for name, near in zip(NAMED, nearness, strict=True)}
    measured |= {"y": float(centres[:, 0].mean()), "x": float(centres[:, 1].mean())}
    measured |= {"size": float(mask[seen].mean()), "speed": float(steps.mean()) if len(steps) else 0.0}
    return Candidate(mask, strength, measured)


class SentenceReader:
    """Chooses among candidates by the words of a sentence.

    Args:
        encode: Words to unit vectors, float32 [N, D].
    """

    def __init__(self, encode: Callable[[Sequence[str]], npt.NDArray[np.float32]]) -> None:
        self.encode = encode
        self.vectors = encode([*ATTRIBUTES])
        self.known: dict[str, str | None] = {word: word for word in ATTRIBUTES}

    def attributes(self, sentence: str) -> list[str]:
        """Returns the attribute words that a sentence's words are nearest to, each once, in the sentence's order."""
        words = re.findall(r"[^\W\d_]+", sentence.lower())
        unknown = sorted({word for word in words if word not in self.known})
        for word in unknown:  # one by one: a vector must not depend on the words beside it
            cosines = self.vectors @ self.encode([word])[0]
            best = int(cosines.argmax())
            self.known[word] = [*ATTRIBUTES][best] if cosines[best] >= LEAST_COSINE else None
        return list(dict.fromkeys(found for word in words if (found := self.known[word])))

    def choose(self, sentence: str, candidates: Sequence[Candidate]) -> Candidate | None:
        """Returns the candidate that a sentence means; None if its words do not tell the candidates apart.

        Each attribute counts from 0 to 1 between the least and the most of it among the candidates.
        """
        if len(candidates) < 2:
            return None
        points = np.zeros(len(candidates))
        for attribute in self.attributes(sentence):
            quantity, sign = ATTRIBUTES[attribute]
            values = sign * np.array([candidate.measured[quantity] for candidate in candidates])
            if np.ptp(values) > 0:
                points += (values - values.min()) / np.ptp(values)
        return candidates[int(points.argmax())] if np.ptp(points) > 0 else None
