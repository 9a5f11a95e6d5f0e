"""Doing units on a Ray cluster: with what each worker asks for, on data that each node has, also where nodes are lost.

Ray says nothing of an actor for which there is no place, and of one whose place is lost with its node: it may come with
a node that joins. So no call is waited for without a bound unless a unit is worked at.
"""

import logging
import os
import platform
import time
from collections import deque
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import NamedTuple

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.files import content_digest
from fsbench.files import named_path
from fsbench.running.desk import Desk
from fsbench.running.desk import RunUnits
from fsbench.running.desk import sendable_errors
from fsbench.running.outcomes import Keep
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import Unit
from fsbench.running.worker import WorkerSetup

__all__ = ["ClusterOptions", "open_cluster"]

logger = logging.getLogger(__name__)

_TIMES_LOST = 2
"""How often a unit is given to another worker after one was lost with it, and on average a worker is begun anew."""
_WEIGHTS = "checkpoint"
_LOOK_SECONDS = 1.0
"""Between two looks at whether somebody works."""
_TELL_SECONDS = 10.0
"""Without a place for any worker, until it is told."""


@dataclass(frozen=True)
class ClusterOptions:
    """What of a Ray cluster is asked for.

    Attributes:
        address: Of a cluster that is there, as Ray takes it; empty for that in RAY_ADDRESS, or else one of this machine
            alone, made for the run.
        gpus: For each worker, maybe a part of one; None for one where the method computes on CUDA (with device "auto":
            and the cluster has any), and else none.
        cpus: For each worker.
        patience: Seconds to wait for the first place, or another one, while nobody works.
    """

    address: str = ""
    gpus: float | None = None
    cpus: float = 1
    patience: float = 600


@contextmanager
def open_cluster(workers: int, options: ClusterOptions) -> Iterator[RunUnits]:
    """Opens a Ray cluster; its workers end with the block, and the connection, too, unless the caller had it.

    Args:
        workers: How many are asked for. Those that have a place do the work; others may join them.
        options: What each asks for.

    Yields:
        What does all units of a setup.

    Raises:
        RunError: Ray is not installed, or the cluster is not there.
    """
    try:
        import ray
    except ImportError as error:
        raise RunError("--engine ray needs Ray: pip install 'fsbench[ray]'.") from error
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, options.address or os.environ.get("RAY_ADDRESS", ""))
    crew = _Crew(ray, workers, options)
    try:
        yield crew.run
    finally:
        crew.end()
        if is_ours:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:  # Any: the module
    where: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**where, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunError(
            f"There is no Ray cluster at {address or 'this machine'} ({' '.join(str(error).split())[:300]}). Check "
            "--ray-address, or RAY_ADDRESS; 'ray status' shows a cluster."
        ) from error


class _Crew:
    """The workers of a run: actors with what each asks for."""

    def __init__(self, ray: Any, workers: int, options: ClusterOptions) -> None:  # Any: the module
        self.ray = ray
        self.workers = workers
        self.options = options
        self.desks: list[Any] = []  # Any: actors
        self._needs: dict[str, float] = {}

    def run(self, setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
        """Does units; see `RunUnits`."""
        if units:
            needs, setup = self._fitted(setup)
            if needs != self._needs:
                self.end()
                self._needs = needs
                self.desks = [self._new() for _ in range(self.workers)]
            yield from _Shift(self, setup, units).run(keep)

    def _fitted(self, setup: WorkerSetup) -> tuple[dict[str, float], WorkerSetup]:
        """Returns what an actor asks for, and the setup as it is to have it."""
        kind = setup.options.get("device") if "device" in setup.method.options else "cpu"
        gpus = self.options.gpus
        if gpus is None:
            has_gpus = self.ray.cluster_resources().get("GPU", 0) > 0
            gpus = float(kind == "cuda" or (kind == "auto" and has_gpus))
        if not gpus and kind == "cuda":
            raise RunError("Workers that ask for no GPU have none. Pass --gpus-per-worker 1, or --device cpu.")
        # Workers may be at work in another folder.
        there = {key: type(setup.options[key])(path.absolute()) for key, path in _paths(setup).items()}
        options = {**setup.options, **there}
        if not gpus and kind == "auto":
            options["device"] = "cpu"  # Ray hides no GPU from those who ask for none
        return {"num_cpus": self.options.cpus, "num_gpus": gpus}, replace(setup, options=options)

    def _new(self) -> Any:  # Any: an actor
        return self.ray.remote(_NodeDesk).options(scheduling_strategy="SPREAD", **self._needs).remote()

    def renewed(self, desk: Any) -> Any:  # Any: actors
        """Returns an actor in the place of one that is lost."""
        self.ray.kill(desk)  # it may only have been out of reach
        self.desks[self.desks.index(desk)] = fresh = self._new()
        return fresh

    def end(self) -> None:
        """Ends all actors."""
        for desk in self.desks:
            self.ray.kill(desk)
        self.desks = []

    def asked(self) -> str:
        """Returns what workers ask for, beside what the cluster has."""
        needs = {"CPU": self._needs["num_cpus"], "GPU": self._needs["num_gpus"]}
        there, free = self.ray.cluster_resources(), self.ray.available_resources()
        each = ", ".join(f"{value:g} {name}" for name, value in needs.items() if value)
        has = ", ".join(f"{there.get(name, 0):g} {name} ({free.get(name, 0):g} free)" for name in needs)
        return f"each of {self.workers} asks for {each or 'nothing'}, and the cluster has {has}"


@dataclass(eq=False)
class _Post:
    """An actor at work.

    Attributes:
        desk: The actor.
        unit: What it is at; None while it takes the setup.
        lost: How often that unit was lost before.
    """

    desk: Any  # Any: an actor
    unit: Unit | None = None
    lost: int = 0


class _Shift:
    """The units of a setup, each given to whoever is free."""

    def __init__(self, crew: _Crew, setup: WorkerSetup, units: Sequence[Unit]) -> None:
        self._crew = crew
        self._ray = crew.ray
        self._setup = crew.ray.put(setup)
        self._first = crew.ray.put(_first_read(setup, units))
        self._waiting = deque((unit, 0) for unit in units)
        self._free: deque[_Post] = deque()
        self._pending: dict[Any, _Post] = {}  # Any: Ray's references
        self._starts_failed = 0
        self._is_told = False
        for desk in crew.desks:
            self._begin(desk)

    def run(self, keep: Keep) -> Generator[None]:
        """Does the units."""
        begun = idle = time.monotonic()
        while self._waiting or self._are_working():
            self._give_out()
            done, _ = self._ray.wait(list(self._pending), timeout=_LOOK_SECONDS)
            now = time.monotonic()
            if done or self._are_working():
                idle = now
            for reference in done:
                post = self._pending.pop(reference)
                result = self._result(reference, post)
                if result is not None:
                    keep(result)
                    yield
            if now - begun > _TELL_SECONDS:
                self._tell()
            if now - idle > self._crew.options.patience:
                raise RunError(
                    f"No worker had a place on the Ray cluster for {self._crew.options.patience:g} s: "
                    f"{self._crew.asked()}. Ask for less (--cpus-per-worker, --gpus-per-worker), wait for longer "
                    "(--ray-wait), or add nodes."
                )

    def _begin(self, desk: Any) -> None:  # Any: an actor
        self._pending[desk.take_checked.remote(self._setup, self._first)] = _Post(desk)

    def _are_working(self) -> bool:
        return any(post.unit is not None for post in self._pending.values())

    def _give_out(self) -> None:
        while self._free and self._waiting:
            post = self._free.popleft()
            post.unit, post.lost = self._waiting.popleft()
            self._pending[post.desk.run.remote(post.unit)] = post

    def _result(self, reference: Any, post: _Post) -> UnitResult | None:  # Any: Ray's
        """Returns what a unit came to; None if it is lost, or a worker has begun."""
        try:
            found: UnitResult | None = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _of_a_node(error.cause) from None
        except self._ray.exceptions.RayError as error:  # the actor or its node is gone
            self._replace(post, error)
            return None
        self._starts_failed = 0
        post.unit = None
        self._free.append(post)
        return found

    def _replace(self, post: _Post, error: Exception) -> None:
        """Puts another actor in the place of one that is lost."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[-300:]}"
        if post.unit is None:
            self._starts_failed += 1
            if self._starts_failed > _TIMES_LOST * self._crew.workers:
                raise RunError(
                    f"Workers on the Ray cluster are lost before they begin ({reason}). Are all packages installed on "
                    "every node, and is there memory enough?"
                ) from error
        elif post.lost == _TIMES_LOST:
            raise RunError(
                f"Video {post.unit.video_id!r} was lost with its Ray actor {_TIMES_LOST + 1} times ({reason}). Are all "
                "packages installed on every node, and is there memory enough? Run the same command again to go on."
            ) from error
        else:
            logger.warning("Video %r is done again: its worker was lost (%s).", post.unit.video_id, reason)
            self._waiting.append((post.unit, post.lost + 1))
        self._begin(self._crew.renewed(post.desk))
        while self._free:  # who lived on the same node is gone as well: let each answer first
            other = self._free.popleft()
            self._pending[other.desk.answer.remote()] = other

    def _tell(self) -> None:
        """Tells, once, that some workers have no place."""
        outside = sum(post.unit is None for post in self._pending.values())
        if outside and not self._is_told:
            self._is_told = True
            logger.warning("%d workers wait for a place on the Ray cluster: %s.", outside, self._crew.asked())


class _NodeDesk(Desk):
    """A desk on a node of the cluster."""

    def take_checked(self, setup: WorkerSetup, first: "_FirstRead") -> None:
        """Takes a setup, if this node has the data and files that it names."""
        with sendable_errors():
            first.require(setup)
        self.take(setup)

    def answer(self) -> None:
        """Tells that the node is there."""


class _FirstRead(NamedTuple):
    """What a run reads first.

    Attributes:
        unit: Its first unit that can be read; None if none can.
        digests: Of that unit's pixels, and of the files that options name.
    """

    unit: Unit | None
    digests: Mapping[str, str]

    def require(self, setup: WorkerSetup) -> None:
        """Raises RunError if it is not the same here."""
        advice = "Put data and weights on a path that all nodes share, or copy them to the same path on each."
        try:
            there = _digests(setup, self.unit)
        except (DataError, OSError) as error:
            raise RunError(f"Node {platform.node()} of the Ray cluster lacks data: {error} {advice}") from None
        if changed := [name for name, digest in self.digests.items() if there.get(name) != digest]:
            raise RunError(
                f"Node {platform.node()} of the Ray cluster has no or another {changed[0]} than this machine; its data "
                f"root is {setup.dataset.root}. {advice}"
            )


def _first_read(setup: WorkerSetup, units: Sequence[Unit]) -> _FirstRead:
    for unit in units:
        with suppress(DataError):  # which is told in its turn
            return _FirstRead(unit, _digests(setup, unit))
    return _FirstRead(None, _digests(setup, None))


def _digests(setup: WorkerSetup, unit: Unit | None) -> dict[str, str]:
    """Returns digests of a unit's pixels and of the files that options name, by what they are called in messages."""
    # A folder of anything but weights may be one that the method writes to.
    read = {key: path for key, path in _paths(setup).items() if key == _WEIGHTS or path.is_file()}
    found = {f"{key} {path}": content_digest(path) for key, path in read.items()}
    if unit is not None:
        pixels = unit.pixels(setup.dataset) if setup.is_scored else unit.pictures(setup.dataset)
        found |= {f"video or support set {name!r}": digest for name, digest in pixels.items()}
    return found


def _paths(setup: WorkerSetup) -> dict[str, Path]:
    """Returns the files and folders that options name. A text that happens to be the name of one names none."""
    given = {key: value for key, value in setup.options.items() if key == _WEIGHTS or isinstance(value, Path)}
    return {key: path for key, value in given.items() if (path := named_path(value))}


def _of_a_node(error: Exception) -> Exception:
    """Returns what to raise for an error on a node: itself, or one that says what the node lacks."""
    lacking = error.name if isinstance(error, ModuleNotFoundError) else None
    if lacking or "failed to import on the worker" in str(error):
        return RunError(
            f"A node of the Ray cluster has no module {lacking or 'fsbench'!r}. Install there what is installed here, "
            "the method's own package too."
        )
    return error
