"""What a unit comes to: masks are taken in, scored and put into rows behind the method, while it works on."""

from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import wait
from dataclasses import dataclass
from dataclasses import field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsbench.datasets.reading import FrameReader
from fsbench.datasets.reading import LabelReader
from fsbench.datasets.records import Dataset
from fsbench.errors import FsbenchError
from fsbench.lanes import Lane
from fsbench.masks.predictions import prediction_table
from fsbench.memory import peak_bytes
from fsbench.running.gathering import Gathered
from fsbench.running.opening import OpenQuery
from fsbench.running.plan import DrawTask
from fsbench.running.plan import Unit
from fsbench.scores.measuring import Measure
from fsbench.scores.rows import score_table

__all__ = ["DrawOutcome", "Keep", "Scorer", "UnitOutcome", "UnitResult"]

_WAITING_BYTES = 64 << 20
"""Of masks that wait to be scored; where they are more, a part is taken once all before it are scored."""


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
        peak_device_bytes: See `UnitTiming`.
        notes: What whoever runs it is to be told, on whatever machine it happened.
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
    peak_device_bytes: int | None
    notes: tuple[str, ...]


Keep = Callable[[UnitResult], None]


class DrawOutcome:
    """What a support draw comes to. Where several things go wrong, the first in the order of the lane is told.

    Attributes:
        draw: The draw.
        gathered: Its masks, by groups of sentences.
        error: What went wrong; None if nothing did so far.
    """

    def __init__(self, draw: DrawTask) -> None:
        self.draw = draw
        self.gathered: list[Gathered] = []
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Notes that something went wrong."""
        self.error = self.error or error

    def go_on(self, work: Callable[[], None]) -> None:
        """Does some work, unless something went wrong before."""
        try:
            if self.error is None:
                work()
        except Exception as error:
            self.fail(error)


@dataclass
class UnitOutcome:
    """What a unit comes to, while it is made.

    Attributes:
        unit: The unit.
        hardware, parameters, peak_device_bytes, notes: As in `UnitResult`.
        draws: Those that were begun.
        error: Why none could be; None if they could.
        seconds: Spent in the method so far.
    """

    unit: Unit
    hardware: str
    parameters: int | None = None
    peak_device_bytes: int | None = None
    notes: tuple[str, ...] = ()
    draws: list[DrawOutcome] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0


class Scorer:
    """Takes in masks in the order in which they come, in a lane, and holds up who brings too many.

    Attributes:
        is_over: Whether a unit's error is to be raised, so that no further unit is kept.
    """

    def __init__(
        self, lane: Lane, dataset: Dataset, measure: Measure, keep: Keep, *, keep_going: bool, is_scored: bool
    ) -> None:
        """Has taken in nothing yet.

        Args:
            lane: Where it is done.
            dataset: Has the pixels that rows depend on.
            measure: What is measured.
            keep: Called in the lane with what each unit came to, until an error is raised.
            keep_going: Record an error in the unit's result instead of raising it.
            is_scored: Whether masks are held against the truth.
        """
        self._lane = lane
        self._dataset = dataset
        self._measure = measure
        self._keep = keep
        self._keep_going = keep_going
        self._is_scored = is_scored
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._waiting_bytes = 0
        self.is_over = False

    def begin(self, outcome: DrawOutcome, unit: Unit, group: range, query: OpenQuery) -> Gathered:
        """Returns what gathers a draw's masks of some sentences."""
        outcome.gathered.append(Gathered(unit, group, query.clip.output_size, query.labels, self._measure))
        return outcome.gathered[-1]

    def add(self, outcome: DrawOutcome, masks: npt.NDArray[np.bool_], *, may_change: bool = False) -> None:
        """Takes in the masks of the next frames of what was begun last, bool [N, t, H, W].

        Args:
            outcome: Of the draw.
            masks: To be left as they are until they are taken in.
            may_change: Somebody may not leave them so: this waits until they are.
        """
        while self._waiting and (self._waiting[0][0].done() or self._waiting_bytes + masks.nbytes > _WAITING_BYTES):
            first, size = self._waiting.popleft()
            wait([first])
            self._waiting_bytes -= size
        taken = self._lane.do(outcome.go_on, partial(outcome.gathered[-1].add, masks))
        if may_change:
            wait([taken])
        self._waiting.append((taken, masks.nbytes))
        self._waiting_bytes += masks.nbytes

    def end(self, outcome: DrawOutcome, unit: Unit, query: OpenQuery) -> None:
        """Looks, once all masks of a draw are taken in, at what of the video was not looked at."""
        self._lane.do(outcome.go_on, partial(_look_at_the_rest, unit, query.read, query.labels))

    def fail(self, outcome: DrawOutcome, error: Exception) -> None:
        """Notes what went wrong in the method after it gave the masks that were taken in before."""
        self._lane.do(outcome.fail, error)

    def finish(self, outcome: UnitOutcome) -> "Future[None]":
        """Keeps what a unit came to, once all its masks are taken in; the future has the error that is to be raised."""
        return self._lane.do(self._finish, outcome)

    def _finish(self, outcome: UnitOutcome) -> None:
        if self.is_over:
            return
        try:
            self._keep(self._result(outcome))
        except BaseException:
            self.is_over = True
            raise

    def _result(self, outcome: UnitOutcome) -> UnitResult:
        unit, failures, done = outcome.unit, dict[str, str](), 0
        predictions, scores = [prediction_table((), (), (), (0, 0))], [score_table((), (), (), self._measure)]
        if outcome.error is not None:
            if not (self._keep_going and isinstance(outcome.error, FsbenchError)):
                raise outcome.error
            failures = {each: str(outcome.error) for draw in unit.draws for each in draw.episode_ids}
        for draw in outcome.draws:
            if draw.error is not None:
                if not self._keep_going:
                    raise draw.error
                failures.update(dict.fromkeys(draw.draw.episode_ids, _told(draw.error)))
                draw.error = None  # whose frames hold masks
                continue
            done += 1
            for each in draw.gathered:
                masks, rows = each.tables(draw.draw.episode_ids)
                predictions.append(masks)
                scores.append(rows)
        pixels = unit.pixels if self._is_scored else unit.pictures
        return UnitResult(
            number=unit.number,
            pixels=pixels(self._dataset) if done else {},
            predictions=pa.concat_tables(predictions),
            scores=pa.concat_tables(scores),
            failures=failures,
            seconds=outcome.seconds,
            frames=len(unit.frames) * len(unit.sentences) * done,
            peak_bytes=peak_bytes(),
            hardware=outcome.hardware,
            parameters=outcome.parameters,
            peak_device_bytes=outcome.peak_device_bytes,
            notes=outcome.notes,
        )


def _look_at_the_rest(unit: Unit, read: FrameReader, labels: LabelReader | None) -> None:
    if labels is not None:
        labels.finish()
    else:
        for name in unit.frames:
            read.check(name)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, FsbenchError) else f"{type(error).__name__}: {error}"
