"""Opening query videos and reading ahead of the method: whole videos before their turn, or the frames that come next.

What is read ahead never fails: where it cannot be read it is read once more in its turn, as if nobody had tried.
"""

import time
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait
from dataclasses import dataclass
from threading import Lock
from typing import Any
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fsbench.datasets.reading import FrameReader
from fsbench.datasets.reading import LabelReader
from fsbench.datasets.reading import read_frames
from fsbench.datasets.records import Dataset
from fsbench.errors import RunError
from fsbench.lanes import Lane
from fsbench.masks.layers import union_of
from fsbench.memo import Memo
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench.methods.contract import SupportVideo
from fsbench.methods.frames import Frames
from fsbench.protocol import Protocol
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.plan import VideoTask

__all__ = ["FramesAhead", "OpenQuery", "QueryOpener"]

T = TypeVar("T")

_KEPT_BYTES = 128 << 20  # of a query's frames, and of its label maps, for later draws; more are read anew
_AHEAD_BYTES = 64 << 20  # of the frames that come next


class FramesAhead:
    """Gives the frames of a query to the method's thread, while those that come next are read in a lane.

    Attributes:
        seconds: That the method's thread spent in reading, or in waiting for it.
    """

    def __init__(self, read: FrameReader, names: Sequence[str], lane: Lane) -> None:
        """Reads the first frame.

        Args:
            read: Gives a frame by its name.
            names: Of all frames, at least one.
            lane: Reads ahead if it is beside the method's thread.

        Raises:
            DataError: It cannot be read.
        """
        self._read = read
        self._names = names
        self._lane = lane
        first = read(names[0])
        self.shape: tuple[int, int, int, int] = (len(names), first.shape[0], first.shape[1], 3)
        self._count = _AHEAD_BYTES // first.nbytes if lane.is_beside else 0
        self._begun: dict[int, Future[npt.NDArray[np.uint8]]] = {}
        self._changing = Lock()  # a method may have threads of its own
        self.seconds = 0.0
        self._begin(0)

    def __call__(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns a frame, uint8 [H, W, 3]. Raises DataError if it cannot be read."""
        started = time.perf_counter()
        with self._changing:
            begun = self._begun.pop(t, None)
        try:
            frame = None if begun is None else _if_it_came(begun)
            return self._read(self._names[t]) if frame is None else frame
        finally:
            self._begin(t + 1)
            self.seconds += time.perf_counter() - started

    def _begin(self, start: int) -> None:
        """Begins with the frames from one on; gives up what was begun of others."""
        wanted = range(start, min(start + self._count, len(self._names)))
        with self._changing:
            for t in [t for t in self._begun if t not in wanted]:
                self._begun.pop(t).cancel()
            for t in wanted:
                if t not in self._begun:
                    self._begun[t] = self._lane.do(self._read, self._names[t])


@dataclass(frozen=True, eq=False)
class OpenQuery:
    """A query that is open.

    Attributes:
        clip: What the method sees of it.
        read: Reads its frames.
        labels: Reads its label maps; None where nothing is scored.
        ahead: Gives the method its frames; None where it has all.
        supports: Support sets that were read ahead, by id.
    """

    clip: Clip
    read: FrameReader
    labels: LabelReader | None
    ahead: FramesAhead | None
    supports: dict[str, Support]

    @property
    def seconds(self) -> float:
        """How long the method's thread was reading frames in the method."""
        return 0.0 if self.ahead is None else self.ahead.seconds


class QueryOpener:
    """Opens queries, in their turn or ahead of it."""

    def __init__(
        self, dataset: Dataset, protocol: Protocol, lane: Lane, *, in_parts: bool, is_scored: bool, memo_limit: int
    ) -> None:
        """Opens nothing yet.

        Args:
            dataset: Has the videos.
            protocol: Says at which size masks are wanted.
            lane: Reads ahead if it is beside the method's thread.
            in_parts: Whether the method indexes frames, instead of having a video whole.
            is_scored: Whether label maps are read.
            memo_limit: Bytes that a clip's memo keeps.
        """
        self._dataset = dataset
        self._protocol = protocol
        self._lane = lane
        self._in_parts = in_parts
        self._is_scored = is_scored
        self._memo_limit = memo_limit
        self._class_name = ""
        self._supports: set[str] = set()  # that units of this class read ahead before

    def begin(self, unit: Unit) -> "Future[OpenQuery] | None":
        """Begins to read a unit's video and the support sets that are new in its class, if that can be done beside."""
        if not self._lane.is_beside:
            return None
        if unit.class_name != self._class_name:
            self._class_name, self._supports = unit.class_name, set()
        supports = [task.support for task in unit.draws if not task.support.draw]  # whole videos are read where asked
        new = [task for task in supports if task.support_id not in self._supports]
        self._supports.update(task.support_id for task in new)
        return self._lane.do(self._open, unit, new)

    def take(self, unit: Unit, begun: "Future[OpenQuery] | None") -> OpenQuery:
        """Returns a unit's query in its turn, given what `begin` returned. Raises DataError if it cannot be read."""
        query = None if begun is None else _if_it_came(begun)
        return self._open(unit) if query is None else query

    def support(self, query: OpenQuery, task: SupportTask) -> Support:
        """Returns a support set, whose masks are of the objects named. Raises DataError if it cannot be read."""
        return query.supports.pop(task.support_id, None) or self._load_support(task)

    def _open(self, unit: Unit, supports: Sequence[SupportTask] = ()) -> OpenQuery:
        """Reads a query's first frame, or all of them for a method that does not work in parts."""
        names = unit.frames
        read = FrameReader(self._dataset, unit.video_id, Memo(_KEPT_BYTES if self._in_parts else 0))
        ahead = FramesAhead(read, names, self._lane) if self._in_parts else None
        frames: Any = Frames(ahead, ahead.shape) if ahead else None  # Any: as in Clip
        if ahead is None:
            frames = np.stack([read(name) for name in self._unless_over(names)])
        loaded = {task.support_id: self._load_support(task) for task in self._unless_over(supports)}
        clip = Clip(frames, self._protocol.output_size(*frames.shape[1:3]), self._memo_limit)
        labels = None
        if self._is_scored:
            kept = Memo(_KEPT_BYTES if len(unit.draws) > 1 else 0)
            labels = LabelReader(self._dataset, unit.video_id, unit.annotated, read, kept)
        return OpenQuery(clip, read, labels, ahead, loaded)

    def _unless_over(self, items: Sequence[T]) -> Iterator[T]:
        """Yields items, and gives up where the run has ended meanwhile."""
        for item in items:
            if self._lane.is_ending:
                raise RunError("The run has ended.")
            yield item

    def _load_support(self, task: SupportTask) -> Support:
        if task.draw:
            return Support((), tuple(tuple(self._whole(video) for video in videos) for videos in task.draw))
        shots = []
        for shot in task.shots:
            frames, label_maps = read_frames(self._dataset, shot.video_id, shot.annotated, shot.frames)
            shots.append(Shot(frames, union_of(label_maps, shot.object_ids), shot.sentence))
        return Support(tuple(shots))

    def _whole(self, task: VideoTask) -> SupportVideo:
        memo = Memo(_KEPT_BYTES)

        def shot(sentence: int, places: Sequence[int]) -> Shot:
            text, object_ids = task.sentences[sentence]
            names = [task.frames[place] for place in places]
            frames, label_maps = read_frames(self._dataset, task.video_id, task.annotated, names, memo)
            return Shot(frames, union_of(label_maps, object_ids), text)

        return SupportVideo(len(task.frames), tuple(text for text, _ in task.sentences), shot)


def _if_it_came(begun: "Future[T]") -> T | None:
    """Returns what was read; None if that has not begun, and never will, or went wrong."""
    if begun.cancel():
        return None
    wait([begun])
    return begun.result() if begun.exception() is None else None
