"""Doing units: reading them, ahead of their turn if so asked, running the method, and what comes of it behind that.

Only the method is in the thread that calls; see `opening` for what reads, and `outcomes` for what scores and keeps.
Nothing here writes a file.
"""

import time
from collections import deque
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fsbench.datasets.records import Dataset
from fsbench.errors import FsbenchError
from fsbench.errors import RunError
from fsbench.lanes import Lane
from fsbench.methods.contract import Asked
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import HasParameters
from fsbench.methods.contract import Method
from fsbench.methods.devices import Devices
from fsbench.methods.devices import is_out_of_memory
from fsbench.methods.devices import on_device
from fsbench.methods.devices import peak_device_bytes
from fsbench.methods.devices import release
from fsbench.methods.guard import guarded
from fsbench.methods.outcome import as_masks
from fsbench.methods.outcome import as_parts
from fsbench.methods.outcome import is_given_away
from fsbench.methods.outcome import on_host
from fsbench.methods.registry import MethodFactory
from fsbench.processes import worker_number
from fsbench.protocol import Protocol
from fsbench.running.cost import describe_hardware
from fsbench.running.opening import OpenQuery
from fsbench.running.opening import QueryOpener
from fsbench.running.outcomes import DrawOutcome
from fsbench.running.outcomes import Keep
from fsbench.running.outcomes import Scorer
from fsbench.running.outcomes import UnitOutcome
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import DrawTask
from fsbench.running.plan import Unit
from fsbench.scores.measuring import Measure

__all__ = ["Worker", "WorkerSetup"]

_END = object()


@dataclass(frozen=True)
class WorkerSetup:
    """All that a process needs to make a worker.

    Attributes:
        dataset: Frames and label maps.
        fold: What the method is prepared for.
        method: How the method is made.
        options: Options of the method; `device` is a kind of device, or "auto".
        protocol: Says at which size masks are compared, and how.
        keep_going: Record an error in the unit's result instead of raising it.
        memo_limit: Bytes that a clip's memo keeps.
        is_scored: Whether masks are held against the truth; else it is not read, and there are no score rows.
        mask_limit: Bytes of masks, one a pixel, beyond which a method that does not work in parts gets sentences in
            groups.
        ahead: Videos to read ahead of the method, with masks of one more scored behind it; 0 for all in its turn.
        devices: Numbers of the devices of its kind that workers are dealt out over; empty for all.
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
    ahead: int = 0
    devices: tuple[int, ...] = ()


class _OutOfMemoryError(RunError):
    """The method has no memory for what it is at."""


class Worker:
    """Does units, one after the other; units of one class in a row share what their support sets came to."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._measure = Measure(setup.protocol)
        self._options = dict(setup.options)
        self._device: str | None = None
        if "device" in setup.method.options and isinstance(kind := setup.options.get("device"), str):
            self._device = self._options["device"] = Devices(kind, setup.devices).of_worker(worker_number())
        self._method = self._made()
        with on_device(self._device):
            self._hardware = describe_hardware()
        self._adapted: dict[str, Any] = {}  # Any: what the method's `adapt` returns
        self._class_name = ""
        self._seconds = 0.0

    def _made(self) -> Method:
        """Returns the method, prepared."""
        method, fold = self._setup.method, self._setup.fold
        with guarded(method.who), on_device(self._device):
            made = method.create(self._options)
            try:
                made.prepare(fold)
            except FsbenchError:
                raise
            except Exception as error:
                if is_out_of_memory(error):
                    raise self._out_of_memory(error, f"prepare of fold {fold.index}") from error
                error.add_note(f"in method {method.info.name!r}, prepare of fold {fold.index}")
                raise
        return made

    def _out_of_memory(self, error: Exception, where: str) -> _OutOfMemoryError:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return _OutOfMemoryError(
            f"{self._ran_out(where)} ({said[:200]}). Give it less at once (see its options in 'fsbench describe', and "
            "--memo-mib), let fewer --workers share a device, or take one with more memory; the same command goes on."
        )

    def _ran_out(self, where: str) -> str:
        name, device = self._setup.method.info.name, self._device or "the processor"
        return f"Method {name!r} ran out of memory on {device}, {where}"

    def run(self, unit: Unit) -> UnitResult:
        """Does a unit; see `run_all`."""
        found: list[UnitResult] = []
        for _ in self.run_all([unit], found.append):
            pass
        return found[0]

    def run_all(self, units: Iterable[Unit], keep: Keep) -> Generator[None]:
        """Does units in their order, yields after each, and hands on what it came to, maybe in another thread.

        With the setup's `ahead` above 0 that many videos are read ahead while the method works, and the masks of one
        more are scored behind it. Errors are raised in the order of the units, once those before are kept.

        Args:
            units: The units.
            keep: Called with what each came to, in their order; none after an error.

        Raises:
            DataError: A file is missing, damaged or of the wrong size.
            PluginError: The method returns something that is no masks.
            Exception: Whatever the method raises, with a note that says where, or `keep`.
        """
        setup = self._setup
        is_beside = setup.ahead > 0
        with Lane("fsbench-ahead", is_beside=is_beside) as ahead, Lane("fsbench-behind", is_beside=is_beside) as behind:
            self._lanes = (ahead, behind)
            self._opener = QueryOpener(
                setup.dataset,
                setup.protocol,
                ahead,
                in_parts=setup.method.works_in_parts,
                is_scored=setup.is_scored,
                memo_limit=setup.memo_limit,
            )
            self._scorer = Scorer(
                behind, setup.dataset, self._measure, keep, keep_going=setup.keep_going, is_scored=setup.is_scored
            )
            begun = ((unit, self._opener.begin(unit)) for unit in units)
            read = deque(islice(begun, setup.ahead))
            finished: deque[Future[None]] = deque()
            while True:
                read.extend(islice(begun, 1))
                if not read:
                    break
                finished.append(self._scorer.finish(self._unit(*read.popleft())))
                while len(finished) > is_beside:
                    finished.popleft().result()
                    yield
            while finished:
                finished.popleft().result()
                yield

    def _unit(self, unit: Unit, begun: "Future[OpenQuery] | None") -> UnitOutcome:
        """Runs the method over a unit, given what was begun of it; returns what it comes to once all is taken in.

        Where memory does not do, and the method knows of options that take less, it is made anew with these, and does
        this unit from its beginning and all that follow.
        """
        notes: list[str] = []
        while True:
            try:
                outcome = self._whole(unit, begun)
            except _OutOfMemoryError:
                pass
            else:
                outcome.notes = tuple(notes)
                return outcome
            # Out here nothing refers any more to what the method had in memory.
            begun, smaller = None, self._smaller()
            assert smaller is not None, "an error that stays is the outcome's"
            changed = ", ".join(f"{key}={smaller[key]}" for key in smaller if smaller[key] != self._options.get(key))
            where = self._ran_out(f"video {unit.video_id!r}")
            notes.append(f"{where}: it goes on with {changed}, to the same masks but for rounding.")
            self._options = smaller
            self._adapted.clear()
            del self._method  # two models at once might not fit
            release()
            self._method = self._made()

    def _smaller(self) -> dict[str, Any] | None:
        return self._setup.method.smaller_options(self._options)

    def _whole(self, unit: Unit, begun: "Future[OpenQuery] | None") -> UnitOutcome:
        """Runs the method over a unit. Raises _OutOfMemoryError if it is to be done again with less."""
        self._seconds = 0.0
        if unit.class_name != self._class_name and not self._setup.method.learns_from_draws:
            self._adapted.clear()
            self._class_name = unit.class_name
        outcome = UnitOutcome(unit, self._hardware)
        try:
            query = self._opener.take(unit, begun)
        except Exception as error:
            outcome.error = error
            return outcome
        for draw in unit.draws:
            outcome.draws.append(self._draw(unit, draw, query))
            if self._scorer.is_over or (outcome.draws[-1].error is not None and not self._setup.keep_going):
                break
        outcome.seconds = self._seconds
        outcome.parameters = self._method.num_parameters if isinstance(self._method, HasParameters) else None
        outcome.peak_device_bytes = peak_device_bytes(self._device)
        return outcome

    def _draw(self, unit: Unit, draw: DrawTask, query: OpenQuery) -> DrawOutcome:
        """Runs the method over a draw; its masks are taken in by groups of sentences. Raises as `_whole` does."""
        outcome = DrawOutcome(draw)
        try:
            self._adapt(unit, draw, query)
            groups = self._groups(unit, query.clip.output_size)
            for group in groups:
                # The last one may do to the frames what it likes.
                clip = query.clip if draw is unit.draws[-1] and group is groups[-1] else query.clip.copy()
                self._segment(unit, outcome, query, clip, group)
                if self._is_wanted_no_more(outcome):
                    break
            self._scorer.end(outcome, unit, query)
        except Exception as error:
            if isinstance(error, _OutOfMemoryError) and self._smaller() is not None:
                raise
            self._scorer.fail(outcome, error)
        return outcome

    def _is_wanted_no_more(self, outcome: DrawOutcome) -> bool:
        """Tells whether something went wrong behind the method."""
        return outcome.error is not None or self._scorer.is_over

    def _groups(self, unit: Unit, size: tuple[int, int]) -> list[range]:
        """Returns the numbers of the sentences that the method gets at once: all, if their masks are not too many."""
        total = len(unit.sentences)
        each = max(1, len(unit.frames) * size[0] * size[1])
        step = total if self._setup.method.works_in_parts else max(1, self._setup.mask_limit // each)
        return [range(start, min(start + step, total)) for start in range(0, total, step)]

    def _segment(self, unit: Unit, outcome: DrawOutcome, query: OpenQuery, clip: Clip, group: range) -> None:
        """Hands on the method's masks for some sentences, checked, each part as it comes."""
        who = f"Method {self._setup.method.info.name!r}, video {unit.video_id!r}:"
        shape = (len(group), len(unit.frames), *clip.output_size)
        self._scorer.begin(outcome, unit, group, query)
        draw = outcome.draw
        adapted, chosen = self._adapted[self._served_by(draw)], slice(group.start, group.stop)
        sentences = unit.sentences[chosen]
        if self._setup.method.recalls_masks or self._setup.method.reads_truth:
            truth = self._setup.dataset if self._setup.method.reads_truth and self._setup.is_scored else None
            clip.asked = Asked(draw.draw, unit.video_id, unit.frames, unit.expression_ids[chosen], truth)
        with self._in_method(unit, draw, query):
            result = self._method.segment(adapted, clip, sentences)
            may_change = not is_given_away(result)
            result = on_host(result)
        if not isinstance(result, Iterator):
            self._scorer.add(outcome, as_masks(result, shape, who), may_change=may_change)
            return
        with closing(self._yielded(result, unit, draw, query)) as yielded:
            for part in as_parts(yielded, shape, who):
                self._scorer.add(outcome, part)
                del part  # it need not lie beside the next
                if self._is_wanted_no_more(outcome):
                    return

    def _yielded(self, result: Iterator[Any], unit: Unit, draw: DrawTask, query: OpenQuery) -> Generator[Any]:
        """Yields what a method's `segment` yields, and ends it once no more is wanted."""
        try:
            while True:
                with self._in_method(unit, draw, query):
                    part = on_host(next(result, _END))
                if part is _END:
                    return
                yield part
                del part
        finally:
            if isinstance(result, Generator):
                with self._in_method(unit, draw, query):
                    result.close()

    def _adapt(self, unit: Unit, draw: DrawTask, query: OpenQuery) -> None:
        """Lets the method see a draw's support set, if it has not yet."""
        key = self._served_by(draw)
        if key not in self._adapted:
            support = self._opener.support(query, draw.support)
            with self._in_method(unit, draw, query):
                self._adapted[key] = self._method.adapt(support)

    def _served_by(self, draw: DrawTask) -> str:
        """Returns the key of what serves a draw: its support set, or for a method that learns from draws itself."""
        return f"draw {draw.draw}" if self._setup.method.learns_from_draws else draw.support.support_id

    @contextmanager
    def _in_method(self, unit: Unit, draw: DrawTask, query: OpenQuery) -> Iterator[None]:
        """Runs the method's code, and takes the time that it needs beside reading frames."""
        info = self._setup.method.info
        started = time.perf_counter() - query.seconds
        try:
            with guarded(f"Method {info.name!r}", self._alone), on_device(self._device):
                yield
        except FsbenchError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise self._out_of_memory(error, f"video {unit.video_id!r}") from error
            error.add_note(f"in method {info.name!r}, support set {draw.support.support_id!r}, video {unit.video_id!r}")
            raise
        finally:
            self._seconds += time.perf_counter() - started - query.seconds

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps the lanes from all work, once they are through with what they are at."""
        ahead, behind = self._lanes
        started = time.perf_counter()
        with ahead.paused(), behind.paused():
            self._seconds -= time.perf_counter() - started
            yield
