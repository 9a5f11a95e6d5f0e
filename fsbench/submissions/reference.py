"""The truth that a submission is held against, and a folder of masks as such; see `episodes` for manifests."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from typing import Protocol
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.errors import SubmissionError
from fsbench.masks.labels import decode_label_map
from fsbench.masks.rle import Rle
from fsbench.submissions.forms import Arrays
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission

if TYPE_CHECKING:
    from fsbench.splits.benchmark import Benchmark  # pyarrow, which a folder of truth does without

__all__ = ["EpisodeTruth", "FolderReference", "Labels", "Reference", "SequenceKey", "Truth", "VideoTask"]

Labels = npt.NDArray[np.unsignedinteger]


class SequenceKey(NamedTuple):
    """What one sequence of masks answers: a video; in it a sentence, or None for label maps; with a support draw."""

    draw: int | None
    video: str
    expression: str | None


@dataclass(frozen=True)
class VideoTask:
    """A video and all that is asked about it.

    Attributes:
        video: Its id.
        frames: Names of its frames, in time order.
        sequences: What is asked, sorted.
    """

    video: str
    frames: tuple[str, ...]
    sequences: tuple[SequenceKey, ...]


@dataclass(frozen=True)
class EpisodeTruth:
    """Episodes that predictions are held against.

    Attributes:
        benchmark: The episodes and their masks.
        folds, draws: Which of them; empty for all.
    """

    benchmark: "Benchmark"
    folds: Sequence[int] = ()
    draws: Sequence[int] = ()


Truth = Path | Arrays | EpisodeTruth
"""A folder or zip of masks, masks in memory, or episodes."""


class Reference(Protocol):
    """Truth, video by video. Safe to use from several threads, each at another video."""

    @property
    def tasks(self) -> Sequence[VideoTask]:
        """All videos, sorted."""

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, Labels]]:
        """Yields for each frame, in order, the truth by expression: a label map, or 0 and 1 where there are sentences.

        Raises:
            DataError: A file cannot be read.
        """


class FolderReference:
    """A folder or zip of truth in the field's form, itself read as a submission is."""

    def __init__(self, source: Submission) -> None:
        if source.problems:
            first = source.problems[0]
            raise SubmissionError(
                f"The truth has {len(source.problems)} problems, the first: {first.where}: {first.what}"
            )
        self._source = source
        sequences: dict[str, dict[SequenceKey, list[str]]] = {}
        for key in sorted(source.keys()):
            sequence = SequenceKey(None, key.video, key.expression)
            sequences.setdefault(key.video, {}).setdefault(sequence, []).append(key.frame)
        if not sequences:
            raise SubmissionError("The truth holds no mask <video>/<frame>.png or <video>/<expression>/<frame>.png.")
        self.tasks = tuple(self._task(video, found) for video, found in sequences.items())

    @staticmethod
    def _task(video: str, found: Mapping[SequenceKey, Sequence[str]]) -> VideoTask:
        frames = next(iter(found.values()))
        for key, names in found.items():
            if names != frames:
                raise SubmissionError(f"The truth of video {video!r} has other frames for sentence {key.expression!r}.")
        return VideoTask(video, tuple(frames), tuple(sorted(found)))

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, Labels]]:
        """Yields for each frame the truth by expression."""
        for frame in task.frames:
            yield {
                key.expression: self._read(MaskKey(None, key.video, key.expression, frame)) for key in task.sequences
            }

    def _read(self, key: MaskKey) -> Labels:
        content = self._source.read(key)
        if isinstance(content, Rle):
            raise SubmissionError("Truth as run-length codes is not supported. Give a folder or zip of PNG masks.")
        labels = decode_label_map(content, self._source.name(key)) if isinstance(content, bytes) else content
        return labels if key.expression is None else (labels != 0).view(np.uint8)
