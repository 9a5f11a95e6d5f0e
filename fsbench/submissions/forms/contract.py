"""What a submission is, and what is collected while it is opened."""

import re
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import Self

import numpy as np
import numpy.typing as npt

from fsbench.errors import SubmissionError
from fsbench.masks.labels import decode_label_map
from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import Rle
from fsbench.submissions.problems import Kind
from fsbench.submissions.problems import printable
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import report

__all__ = ["FORMS", "MAX_MASKS", "MAX_MASK_BYTES", "NOTHING_KNOWN", "Found", "Known", "MaskKey", "Submission"]

MAX_MASKS = 2_000_000
"""Files, members or rows of a submission."""
MAX_MASK_BYTES = 64 << 20
"""Of one mask, packed or unpacked."""

FORMS = (
    "Hand in a folder or zip of [draw-<d>/][Annotations/]<video>/[<expression>/]<frame>.png, COCO run-length codes in "
    "JSON or Parquet, masklets in JSON, or the folder of a run."
)

TRUTH_FORMS = (
    "Truth is a folder or zip of [Annotations/[480p/]]<video>/[<expression>/]<frame>.png, a root that has it, or COCO "
    "run-length codes in JSON or Parquet."
)


class MaskKey(NamedTuple):
    """What a mask is of.

    Attributes:
        draw: Number of the support draw; None where the submission does not tell draws apart.
        video: The video's id.
        expression: The sentence's id within the video; None for a label map of all objects.
        frame: The frame's name.
    """

    draw: int | None
    video: str
    expression: str | None
    frame: str

    def order(self) -> tuple[int, str, str, str]:
        """Returns what keys are sorted by: draw, video, expression, frame; none before any."""
        # No id is empty, so "" stands for none.
        return (-1 if self.draw is None else self.draw, self.video, self.expression or "", self.frame)


@dataclass(frozen=True)
class Known:
    """What is known of masks before they are opened; it says where in a folder or zip they lie.

    Attributes:
        videos: The ids that are asked for.
        levels: 1 for label maps, 2 for sentences; None if it is not known.
        is_truth: They are the truth, which may lie among other files, as in a dataset's root.
        annotations: Which of its folders `Annotations`, `Annotations_unsupervised` ... is meant.
        named: Videos and sentences of the predictions, asked for only where a truth can be read in two ways.
        frames: Names of the frames of each video, by which masklets are told.
        min_score: Masklets count whose score is above it; None for all.
        ids: Ids of the videos that others call by a path, by that path with "/".
    """

    videos: Collection[str] = ()
    levels: int | None = None
    is_truth: bool = False
    annotations: str = "Annotations"
    named: Callable[[], Collection[str]] = tuple
    frames: Mapping[str, Sequence[str]] = field(default_factory=dict)
    min_score: float | None = None
    ids: Mapping[str, str] = field(default_factory=dict)

    def holds(self, outer: str, inner: Collection[str]) -> bool:
        """Tells whether a folder is one of videos rather than a video, by what the other side has."""
        if not self.is_truth:
            return False
        named = self.named()
        return outer not in named and any(name in named for name in inner)


NOTHING_KNOWN = Known()


class Found:
    """Collects the masks of a submission while it is opened.

    Args:
        known: What is known beforehand.

    Attributes:
        places: Where each mask is, in whatever way its submission says so.
        problems, notes: See Submission.
    """

    def __init__(self, known: Known = NOTHING_KNOWN) -> None:
        self.known = known
        self.places: dict[MaskKey, Any] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def problem(self, kind: Kind, where: str, what: str, remedy: str = "") -> None:
        """Takes a problem; see Problem."""
        self.problems.append(Problem(kind, where, what, remedy))

    def mask(self, key: MaskKey, place: object, where: str) -> None:
        """Takes a mask, unless there is such a one or its key is no plain name."""
        key = key._replace(video=self.known.ids.get(key.video, key.video))
        bad = [part for part in (key.video, key.expression, key.frame) if part is not None and _unsafe(part)]
        if bad:
            self.problem("unsafe", where, f"{bad[0]!r} is no plain name")
        elif key in self.places:
            self.problem("duplicate", where, "is a second mask for " + "/".join(str(p) for p in key if p is not None))
        elif len(self.places) >= MAX_MASKS:
            raise SubmissionError(f"{where}: there are more than {MAX_MASKS} masks. Hand in one fold at a time.")
        else:
            self.places[key] = place


class Submission(ABC):
    """The masks that were handed in. Several threads may read at once; use it as a context manager, or close it.

    Attributes:
        path: The folder or file.
        problems: What was found amiss when opening it; such masks are not among the keys.
        notes: What was understood in another way than written, though nothing is wrong with it.
        has_draws: Whether any mask belongs to a support draw.
        absent_is_empty: Whether the form lists only what was found, so that a mask that is not there is an empty one.
        ranked: All results for each mask with their scores, of which the best is the mask; None if the form has none.
    """

    absent_is_empty = False
    ranked: Mapping[MaskKey, Sequence[tuple[float, Rle]]] | None = None

    def __init__(self, path: Path, found: Found) -> None:
        if not found.places:
            listed = f" It has:\n{report(found.problems)}" if found.problems else ""
            forms = TRUTH_FORMS if found.known.is_truth else FORMS
            raise SubmissionError(f"{path}: there are no masks in it. {forms}{listed}")
        self.path = path
        self.problems: Sequence[Problem] = (*found.problems, *_mixed(found.places))
        self.notes: Sequence[str] = found.notes
        self.has_draws = any(key.draw is not None for key in found.places)
        self._places: dict[MaskKey, Any] = {key: found.places[key] for key in sorted(found.places, key=MaskKey.order)}

    def keys(self) -> Collection[MaskKey]:
        """Returns the key of every mask that is there, in their order."""
        return self._places.keys()

    @abstractmethod
    def read(self, key: MaskKey) -> bytes | Rle | npt.NDArray[np.unsignedinteger]:
        """Returns a mask: the bytes of a file that should be a PNG, a valid run-length code, or an array [H, W].

        Raises:
            KeyError: There is no such mask.
            SubmissionError: It cannot be read; the message names it.
        """

    def labels(self, key: MaskKey) -> npt.NDArray[np.unsignedinteger]:
        """Returns a mask or label map [H, W], 0 for background. Raises FsbenchError, which names it, if it is none."""
        content = self.read(key)
        if isinstance(content, bytes):
            return decode_label_map(content, self.name(key))
        if isinstance(content, Rle):
            content = decode_masks([content.counts], content.height, content.width)[0].view(np.uint8)
        return content

    @abstractmethod
    def name(self, key: MaskKey) -> str:
        """Returns what a mask is called in a report: the path inside the folder or zip, or the row."""

    def close(self) -> None:  # noqa: B027 (most hold nothing open)
        """Ends all reading."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _error(self, key: MaskKey, what: str) -> SubmissionError:
        where = printable(self.name(key))
        return SubmissionError(f"{self.path}: {where}: {printable(what)}. Write this mask again.")


@lru_cache(1024)  # of a few videos and sentences, and the names of their frames
def _unsafe(part: str) -> bool:
    """Tells whether an id could lead elsewhere, or break a line, when it is used as a name."""
    return (
        part in ("", ".", "..")
        or len(part) > 255
        or any(c in part for c in "/\\")
        or re.match(r"[A-Za-z]:", part) is not None
        or not part.isprintable()
    )


def _mixed(keys: Collection[MaskKey]) -> Iterator[Problem]:
    """Finds levels that only some masks have."""
    for index, what in ((0, "draw"), (2, "sentence")):
        without = [key for key in keys if key[index] is None]
        if 0 < len(without) < len(keys):
            example = "/".join(str(part) for part in min(without, key=MaskKey.order) if part is not None)
            yield Problem("nesting", example, f"belongs to no {what}, as {len(without)} of {len(keys)} masks do")
