"""Doing one unit: load, adapt, segment, encode, score. Nothing here writes a file."""

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsbench.datasets.reading import read_frames
from fsbench.datasets.reading import read_pictures
from fsbench.datasets.records import Dataset
from fsbench.errors import FsbenchError
from fsbench.masks.layers import union_of
from fsbench.masks.predictions import prediction_table
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import HasParameters
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench.methods.guard import guarded
from fsbench.methods.outcome import as_masks
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import Protocol
from fsbench.running.cost import describe_hardware
from fsbench.running.plan import DrawTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.scores.measuring import Measure
from fsbench.scores.rows import score_table
from fsbench.scores.rows import truth_masks

__all__ = ["UnitResult", "Worker", "WorkerSetup"]

Masks = npt.NDArray[np.bool_]

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kibibytes on Linux


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
    """

    dataset: Dataset
    fold: Fold
    method: MethodFactory
    options: Mapping[str, Any]  # Any: see MethodFactory.resolve
    protocol: Protocol
    keep_going: bool = False
    memo_limit: int = 512 << 20
    is_scored: bool = True


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


class Worker:
    """Does units, one after the other; units of one class in a row share what their support sets came to."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._dataset = setup.dataset
        self._measure = Measure(setup.protocol)
        with guarded(setup.method.who):
            self._method = setup.method.create(setup.options)
            self._method.prepare(setup.fold)
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
        if unit.class_name != self._class_name:
            self._adapted.clear()
            self._class_name = unit.class_name
        parts, failures = self._all_draws(unit)
        predictions = pa.concat_tables([part[0] for part in parts]) if parts else prediction_table((), (), ())
        scores = pa.concat_tables([p[1] for p in parts]) if parts else score_table((), (), (), (), self._measure)
        frames = len(unit.frames) * len(unit.sentences) * len(parts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        parameters = self._method.num_parameters if isinstance(self._method, HasParameters) else None
        return UnitResult(
            unit.number,
            self._pixels(unit) if parts else {},
            predictions,
            scores,
            failures,
            self._seconds,
            frames,
            peak,
            self._hardware,
            parameters,
        )

    def _all_draws(self, unit: Unit) -> tuple[list[tuple[pa.Table, pa.Table]], dict[str, str]]:
        try:
            clip, truths = self._load_query(unit)
        except FsbenchError as error:
            if not self._setup.keep_going:
                raise
            return [], {episode_id: str(error) for draw in unit.draws for episode_id in draw.episode_ids}
        parts, failures = [], {}
        for draw in unit.draws:
            try:  # the last one may do to the frames what it likes
                masks = self._segment(unit, draw, clip if draw is unit.draws[-1] else clip.copy())
            except Exception as error:
                if not self._setup.keep_going:
                    raise
                message = str(error) if isinstance(error, FsbenchError) else f"{type(error).__name__}: {error}"
                failures.update(dict.fromkeys(draw.episode_ids, message))
                continue
            predictions = prediction_table(draw.episode_ids, unit.frames, masks)
            scored = draw.episode_ids if self._setup.is_scored else ()
            scores = score_table(scored, unit.frames, masks[: len(scored)], truths, self._measure)
            parts.append((predictions, scores))
        return parts, failures

    def _segment(self, unit: Unit, draw: DrawTask, clip: Clip) -> Masks:
        """Returns the method's masks for all sentences, bool [N, T, H, W], checked."""
        info = self._setup.method.info
        support_id = draw.support.support_id
        support = None if support_id in self._adapted else self._load_support(draw.support)
        started = time.perf_counter()
        try:
            with guarded(f"Method {info.name!r}"):
                if support is not None:
                    self._adapted[support_id] = self._method.adapt(support)
                masks = self._method.segment(self._adapted[support_id], clip, unit.sentences)
        except FsbenchError:
            raise
        except Exception as error:
            error.add_note(f"in method {info.name!r}, support set {support_id!r}, video {unit.video_id!r}")
            raise
        finally:
            self._seconds += time.perf_counter() - started
        shape = (len(unit.sentences), len(unit.frames), *clip.output_size)
        return as_masks(masks, shape, f"Method {info.name!r}, video {unit.video_id!r}:")

    def _load_query(self, unit: Unit) -> tuple[Clip, list[Masks]]:
        """Returns the clip, and for each sentence the truth at the output size; no truth where nothing is scored."""
        if not self._setup.is_scored:
            return self._clip(read_pictures(self._dataset, unit.video_id, unit.frames)), []
        frames, label_maps = read_frames(self._dataset, unit.video_id, unit.annotated, unit.frames)
        clip = self._clip(frames)
        return clip, [truth_masks(label_maps, object_ids, clip.output_size) for object_ids in unit.object_ids]

    def _clip(self, frames: npt.NDArray[np.uint8]) -> Clip:
        return Clip(frames, self._setup.protocol.output_size(*frames.shape[1:3]), self._setup.memo_limit)

    def _pixels(self, unit: Unit) -> dict[str, str]:
        return unit.pixels(self._dataset) if self._setup.is_scored else unit.pictures(self._dataset)

    def _load_support(self, task: SupportTask) -> Support:
        shots = []
        for shot in task.shots:
            frames, label_maps = read_frames(self._dataset, shot.video_id, shot.annotated, shot.frames)
            shots.append(Shot(frames, union_of(label_maps, shot.object_ids), shot.sentence))
        return Support(tuple(shots))
