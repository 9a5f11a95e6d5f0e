"""Where units are done: in this process, in a pool of local processes, or on a Ray cluster.

An engine hands on results in any order; what they come to does not depend on it.
"""

import logging
import pickle
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.files import scratch_folder
from fsbench.processes import worker_pool
from fsbench.running.cluster import ClusterOptions
from fsbench.running.cluster import open_cluster
from fsbench.running.desk import Desk
from fsbench.running.desk import RunUnits
from fsbench.running.outcomes import Keep
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import Unit
from fsbench.running.worker import WorkerSetup

__all__ = ["ENGINES", "open_engine"]

logger = logging.getLogger(__name__)

ENGINES = ("local", "ray")


@contextmanager
def open_engine(name: str, workers: int, cluster: ClusterOptions | None = None) -> Iterator[RunUnits]:
    """Opens a place that does units; what its processes have imported serves one fold after the other.

    Args:
        name: One of `ENGINES`.
        workers: Number of processes; 1 with the local engine works in this one.
        cluster: What the engine ray asks for; None for what it does by default.

    Yields:
        What does all units of a setup.

    Raises:
        RunError: There is no such engine, or no such cluster.
    """
    if name not in ENGINES:
        raise RunError(f"There is no engine {name!r}. {suggestion(name, ENGINES)}")
    if name == "ray":
        with open_cluster(workers, cluster or ClusterOptions()) as run_units:
            yield partial(_telling, run_units)
    elif workers == 1:
        yield partial(_telling, partial(_here, Desk()))
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


def _here(desk: Desk, setup: WorkerSetup, units: Sequence[Unit], keep: Keep) -> Generator[None]:
    desk.take(setup)
    if units:
        yield from desk.worker.run_all(units, keep)


_desk = Desk()  # of a process in the pool


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
