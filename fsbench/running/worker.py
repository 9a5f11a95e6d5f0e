"""Doing one unit: load, adapt, segment, encode, score. Nothing here writes a file."""

import time
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fsbench.datasets.reading import FrameReader
from fsbench.datasets.reading import LabelReader
from fsbench.datasets.reading import read_frames
from fsbench.datasets.records import Dataset
from fsbench.errors import FsbenchError
from fsbench.masks.layers import union_of
from fsbench.masks.predictions import prediction_table
from fsbench.memo import Memo
from fsbench.memory import peak_bytes
from fsbench.methods.contract import Asked
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import HasParameters
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench.methods.contract import SupportVideo
from fsbench.methods.frames import Frames
from fsbench.methods.guard import guarded
from fsbench.methods.outcome import as_masks
from fsbench.methods.outcome import as_parts
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import Protocol
from fsbench.running.cost import describe_hardware
from fsbench.running.gathering import Gathered
from fsbench.running.plan import DrawTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.plan import VideoTask
from fsbench.scores.measuring import Measure
from fsbench.scores.rows import score_table

__all__ = ["UnitResult", "Worker", "WorkerSetup"]

_KEPT_BYTES = 128 << 20  # of a query's frames, and of its label maps, for later draws; more are read anew
_END = object()


@dataclass(frozen=True)
class WorkerSetup:
    """All that a process needs to make a worker.

    Attributes:
        dataset: Frames and label maps.
        fold: What the method is prepared for.
        method: How the method is made.
        options: Options of the method.
        protocol: Says at which size masks are compared, and how.
        keep_going: Record an error in the unit's result instead of raising it.
        memo_limit: Bytes that a clip's memo keeps.
        is_scored: Whether masks are held against the truth; else it is not read, and there are no score rows.
        mask_limit: Bytes of masks, one a pixel, beyond which a method that does not work in parts gets sentences in
            groups.
    """

    dataset: Dataset
    fold: Fold
    method: MethodFactory
    options: Mapping[str, Any]  # Any: see MethodFactory.resolve
    protocol: Protocol
    keep_going: bool = False
    memo_limit: int = 512 << 20
    is_scored: bool = True
    mask_limit: int = 4 << 30


@dataclass(frozen=True)
class UnitResult:
    """What a unit came to.

    Attributes:
        number: The unit's number.
        pixels: See `Unit.pixels`, or `Unit.pictures` of what is not scored; of a unit of which nothing could be read,
            empty.
        predictions, scores: Rows of all episodes that did not fail.
        failures: Message by episode id, for those that did.
        seconds: Time spent in the method.
        frames: Frames that the method was asked for, counted once for each sentence and draw.
        peak_bytes: The process's largest resident memory so far.
        hardware: Of the machine.
        parameters: Of the method's model, if it says.
    """

    number: int
    pixels: Mapping[str, str]
    predictions: pa.Table
    scores: pa.Table
    failures: Mapping[str, str]
    seconds: float
    frames: int
    peak_bytes: int
    hardware: str
    parameters: int | None


class _Query(NamedTuple):
    """A query that is open; without label maps where nothing is scored."""

    clip: Clip
    read: FrameReader
    labels: LabelReader | None


class Worker:
    """Does units, one after the other; units of one class in a row share what their support sets came to."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._dataset = setup.dataset
        self._measure = Measure(setup.protocol)
        with guarded(setup.method.who):
            self._method = setup.method.create(setup.options)
            try:
                self._method.prepare(setup.fold)
            except FsbenchError:
                raise
            except Exception as error:
                error.add_note(f"in method {setup.method.info.name!r}, prepare of fold {setup.fold.index}")
                raise
        self._hardware = describe_hardware()
        self._adapted: dict[str, Any] = {}  # Any: what the method's `adapt` returns
        self._class_name = ""
        self._seconds = 0.0

    def run(self, unit: Unit) -> UnitResult:
        """Does a unit.

        Raises:
            DataError: A file is missing, damaged or of the wrong size.
            PluginError: The method returns something that is no masks.
            Exception: Whatever the method raises, with a note that says where.
        """
        self._seconds = 0.0
        if unit.class_name != self._class_name and not self._setup.method.learns_from_draws:
            self._adapted.clear()
            self._class_name = unit.class_name
        done, failures = self._all_draws(unit)
        predictions, scores = [prediction_table((), (), (), (0, 0))], [score_table((), (), (), self._measure)]
        for draw, gathered in done:
            for each in gathered:
                masks, rows = each.tables(draw.episode_ids)
                predictions.append(masks)
                scores.append(rows)
        frames = len(unit.frames) * len(unit.sentences) * len(done)
        parameters = self._method.num_parameters if isinstance(self._method, HasParameters) else None
        return UnitResult(
            unit.number,
            self._pixels(unit) if done else {},
            pa.concat_tables(predictions),
            pa.concat_tables(scores),
            failures,
            self._seconds,
            frames,
            peak_bytes(),
            self._hardware,
            parameters,
        )

    def _all_draws(self, unit: Unit) -> tuple[list[tuple[DrawTask, list[Gathered]]], dict[str, str]]:
        try:
            query = self._open_query(unit)
        except FsbenchError as error:
            if not self._setup.keep_going:
                raise
            return [], {episode_id: str(error) for draw in unit.draws for episode_id in draw.episode_ids}
        done, failures = [], {}
        for draw in unit.draws:
            try:
                done.append((draw, self._one_draw(unit, draw, query)))
            except Exception as error:
                if not self._setup.keep_going:
                    raise
                message = str(error) if isinstance(error, FsbenchError) else f"{type(error).__name__}: {error}"
                failures.update(dict.fromkeys(draw.episode_ids, message))
        return done, failures

    def _open_query(self, unit: Unit) -> _Query:
        """Reads the first frame of a query, or all of them for a method that does not work in parts."""
        in_parts, names = self._setup.method.works_in_parts, unit.frames
        read = FrameReader(self._dataset, unit.video_id, Memo(_KEPT_BYTES if in_parts else 0))
        if in_parts:
            height, width = read(names[0]).shape[:2]
            frames: Any = Frames(lambda t: read(names[t]), (len(names), height, width, 3))  # Any: as in Clip
        else:
            frames = np.stack([read(name) for name in names])
        size = self._setup.protocol.output_size(*frames.shape[1:3])
        clip = Clip(frames, size, self._setup.memo_limit)
        if not self._setup.is_scored:
            return _Query(clip, read, None)
        kept = Memo(_KEPT_BYTES if len(unit.draws) > 1 else 0)
        return _Query(clip, read, LabelReader(self._dataset, unit.video_id, unit.annotated, read, kept))

    def _one_draw(self, unit: Unit, draw: DrawTask, query: _Query) -> list[Gathered]:
        """Returns what the masks of all sentences came to, by groups of sentences."""
        self._adapt(unit, draw, query)
        done, groups = [], self._groups(unit, query.clip.output_size)
        for group in groups:
            # The last one may do to the frames what it likes.
            clip = query.clip if draw is unit.draws[-1] and group is groups[-1] else query.clip.copy()
            done.append(self._segment(unit, draw, query, clip, group))
        if query.labels is not None:
            query.labels.finish()
        else:
            for name in unit.frames:
                query.read.check(name)
        return done

    def _groups(self, unit: Unit, size: tuple[int, int]) -> list[range]:
        """Returns the numbers of the sentences that the method gets at once: all, if their masks are not too many."""
        total = len(unit.sentences)
        each = max(1, len(unit.frames) * size[0] * size[1])
        step = total if self._setup.method.works_in_parts else max(1, self._setup.mask_limit // each)
        return [range(start, min(start + step, total)) for start in range(0, total, step)]

    def _segment(self, unit: Unit, draw: DrawTask, query: _Query, clip: Clip, group: range) -> Gathered:
        """Takes in the method's masks for some sentences, checked, each part as it comes."""
        who = f"Method {self._setup.method.info.name!r}, video {unit.video_id!r}:"
        shape = (len(group), len(unit.frames), *clip.output_size)
        gathered = Gathered(unit, group, clip.output_size, query.labels, self._measure)
        adapted, chosen = self._adapted[self._served_by(draw)], slice(group.start, group.stop)
        sentences = unit.sentences[chosen]
        if self._setup.method.recalls_masks:
            clip.asked = Asked(draw.draw, unit.video_id, unit.frames, unit.expression_ids[chosen])
        with self._in_method(unit, draw, query):
            result = self._method.segment(adapted, clip, sentences)
        if not isinstance(result, Iterator):
            gathered.add(as_masks(result, shape, who))
            return gathered
        with closing(self._yielded(result, unit, draw, query)) as yielded:
            for part in as_parts(yielded, shape, who):
                gathered.add(part)
                del part  # it need not lie beside the next
        return gathered

    def _yielded(self, result: Iterator[Any], unit: Unit, draw: DrawTask, query: _Query) -> Generator[Any]:
        """Yields what a method's `segment` yields, and ends it once no more is wanted."""
        try:
            while True:
                with self._in_method(unit, draw, query):
                    part = next(result, _END)
                if part is _END:
                    return
                yield part
                del part
        finally:
            if isinstance(result, Generator):
                with self._in_method(unit, draw, query):
                    result.close()

    def _adapt(self, unit: Unit, draw: DrawTask, query: _Query) -> None:
        """Lets the method see a draw's support set, if it has not yet."""
        key = self._served_by(draw)
        if key not in self._adapted:
            support = self._load_support(draw.support)
            with self._in_method(unit, draw, query):
                self._adapted[key] = self._method.adapt(support)

    def _served_by(self, draw: DrawTask) -> str:
        """Returns the key of what serves a draw: its support set, or for a method that learns from draws itself."""
        return f"draw {draw.draw}" if self._setup.method.learns_from_draws else draw.support.support_id

    @contextmanager
    def _in_method(self, unit: Unit, draw: DrawTask, query: _Query) -> Iterator[None]:
        """Runs the method's code, and takes the time that it needs beside reading frames."""
        info = self._setup.method.info
        started = time.perf_counter() - query.read.seconds
        try:
            with guarded(f"Method {info.name!r}"):
                yield
        except FsbenchError:
            raise
        except Exception as error:
            error.add_note(f"in method {info.name!r}, support set {draw.support.support_id!r}, video {unit.video_id!r}")
            raise
        finally:
            self._seconds += time.perf_counter() - started - query.read.seconds

    def _pixels(self, unit: Unit) -> dict[str, str]:
        return unit.pixels(self._dataset) if self._setup.is_scored else unit.pictures(self._dataset)

    def _load_support(self, task: SupportTask) -> Support:
        if self._setup.method.learns_from_draws:
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
