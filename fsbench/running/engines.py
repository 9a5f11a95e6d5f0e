"""Where units are done: in this process, in a pool of local processes, or on a Ray cluster.

An engine hands on results in any order; what they come to does not depend on it.
"""

import logging
import pickle
from collections import deque
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.files import scratch_folder
from fsbench.processes import worker_pool
from fsbench.running.outcomes import Keep
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import Unit
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup

__all__ = ["ENGINES", "RunUnits", "open_engine"]

logger = logging.getLogger(__name__)

ENGINES = ("local", "ray")
_TIMES_LOST = 2
"""How often a unit is given to another Ray actor after one was lost with it."""

RunUnits = Callable[[WorkerSetup, Sequence[Unit], Keep], Generator[None]]
"""Does units, calls what keeps a result with that of each (one at a time, maybe in another thread), and yields then."""


@contextmanager
def open_engine(name: str, workers: int) -> Iterator[RunUnits]:
    """Opens a place that does units; what its processes have imported serves one fold after the other.

    Args:
        name: One of `ENGINES`.
        workers: Number of processes; 1 with the local engine works in this one.

    Yields:
        What does all units of a setup.

    Raises:
        RunError: There is no such engine.
    """
    if name not in ENGINES:
        raise RunError(f"There is no engine {name!r}. {suggestion(name, ENGINES)}")
    if name == "ray":
        yield partial(_telling, _ray(workers))
    elif workers == 1:
        yield partial(_telling, partial(_here, _Desk()))
    else:
        with scratch_folder("run") as scratch, worker_pool(workers) as pool:
            yield partial(_telling, partial(_in_pool, pool, scratch))


def _telling(run: RunUnits, setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
    """Does units, and logs what is noted of one before it is kept."""

    def tell(result: UnitResult) -> None:
        for note in result.notes:
            logger.warning("%s", note)
        keep(result)

    return run(setup, units, tell)


def _here(desk: "_Desk", setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
    desk.take(setup)
    if units:
        yield from desk.worker.run_all(units, keep)


class _Desk:
    """Where a process does units: holds one setup, and makes its worker at the first unit."""

    def __init__(self) -> None:
        self.source: Path | None = None
        self._setup: WorkerSetup | None = None
        self._worker: Worker | None = None

    def take(self, setup: WorkerSetup, source: Path | None = None) -> None:
        self._worker = None  # two models at once might not fit
        self._setup, self.source = setup, source

    @property
    def worker(self) -> Worker:
        assert self._setup is not None, "a desk takes a setup first"
        self._worker = self._worker or Worker(self._setup)
        return self._worker

    def run(self, unit: Unit) -> UnitResult:
        return self.worker.run(unit)

    def run_after(self, taken: None, unit: Unit) -> UnitResult:
        """Does a unit when a setup was taken, given what `take` returned: that it failed is then told here."""
        return self.run(unit)


_desk = _Desk()  # of a process in the pool


def _run(path: Path, unit: Unit) -> UnitResult:
    if path != _desk.source:
        _desk.take(pickle.loads(path.read_bytes()), path)
    return _desk.run(unit)


def _in_pool(pool: Executor, scratch: Path, setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
    # Through a file, which each process reads once: a dataset may be large, and there may be many units.
    path = scratch / f"setup-{len(list(scratch.iterdir()))}.pickle"
    path.write_bytes(_pickled(setup))
    for future in as_completed([pool.submit(_run, path, unit) for unit in units]):
        keep(future.result())
        yield


def _pickled(setup: WorkerSetup) -> bytes:
    try:
        return pickle.dumps(setup)
    except Exception as error:  # pickle lets through whatever an object's own code raises
        raise RunError(
            f"Dataset or method cannot be sent to other processes ({type(error).__name__}: {error}). Define them at "
            "the top level of a module, or use a single worker."
        ) from error


def _ray(workers: int) -> RunUnits:
    try:
        import ray
    except ImportError as error:
        raise RunError("--engine ray needs Ray: pip install 'fsbench[ray]'.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False, include_dashboard=False)
    remote: Any = ray.remote(_Desk)  # Any: ray adds calls to a class that its type does not say
    desks = [_new_desk(remote) for _ in range(workers)]

    def run(setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
        shared = ray.put(setup)
        taken = {desk: desk.take.remote(shared) for desk in desks}
        waiting = deque((unit, 0) for unit in units)
        running: dict[Any, tuple[Any, Unit, int]] = {}  # Any: ray's references and actors
        while waiting or running:
            busy = {desk for desk, _, _ in running.values()}
            for desk in desks:
                if waiting and desk not in busy:
                    unit, lost = waiting.popleft()
                    running[desk.run_after.remote(taken[desk], unit)] = (desk, unit, lost)
            done = ray.wait(list(running))[0][0]
            desk, unit, lost = running.pop(done)
            try:
                result = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise _of_a_node(error.cause) from None
            except ray.exceptions.RayError as error:  # the actor or its node is gone
                if lost == _TIMES_LOST:
                    raise RunError(_lost(unit, error)) from error
                waiting.append((unit, lost + 1))
                desks[desks.index(desk)] = fresh = _new_desk(remote)
                taken[fresh] = fresh.take.remote(shared)
            else:
                keep(result)
                yield

    return run


def _new_desk(remote: Any) -> Any:  # Any: see _ray
    return remote.options(scheduling_strategy="SPREAD").remote()


def _of_a_node(error: Exception) -> Exception:
    """Returns what to raise for an error on a node: itself, or one that says what the node lacks."""
    if isinstance(error, ModuleNotFoundError):
        return RunError(
            f"A node of the Ray cluster has no module {error.name!r}. Install there what is installed here, the "
            "method's own package too."
        )
    return error


def _lost(unit: Unit, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return (
        f"Video {unit.video_id!r} was lost with its Ray actor {_TIMES_LOST + 1} times ({type(error).__name__}: "
        f"{reason[-300:]}). Are all packages installed on every node, and is there memory enough? Run the same command "
        "again to go on."
    )
