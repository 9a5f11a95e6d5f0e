"""Where units are done: in this process, in a pool of local processes, or on a Ray cluster.

An engine yields results in any order; what they come to does not depend on it.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache

from fsbench.errors import RunError
from fsbench.evaluation.plan import Unit
from fsbench.evaluation.worker import UnitResult
from fsbench.evaluation.worker import Worker
from fsbench.evaluation.worker import WorkerSetup

__all__ = ["ENGINES", "run_units"]

ENGINES = ("local", "ray")
_THREADS = "OMP_NUM_THREADS"


def run_units(setup: WorkerSetup, units: Sequence[Unit], *, engine: str, workers: int) -> Iterator[UnitResult]:
    """Does all units.

    Args:
        setup: How a worker is made.
        units: What to do.
        engine: One of `ENGINES`.
        workers: Number of processes; 1 with the local engine works in this one.
    """
    if engine == "ray":
        yield from _ray(setup, units, workers)
    elif workers == 1:
        worker = Worker(setup)
        for unit in units:
            yield worker.run(unit)
    else:
        yield from _processes(setup, units, workers)


_make_worker: Callable[[], Worker]  # set in each process of the pool


def _start(setup: WorkerSetup) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    global _make_worker
    # Made with the first unit: what the initializer of a pool raises never reaches the parent.
    _make_worker = cache(lambda: Worker(setup))


def _die_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()  # a killed parent cannot tell its pool to stop
    os._exit(1)


def _run(unit: Unit) -> UnitResult:
    return _make_worker().run(unit)


def _processes(setup: WorkerSetup, units: Sequence[Unit], workers: int) -> Iterator[UnitResult]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(units) or 1), context, _start, (setup,))
    try:
        with _shared_cores(workers):  # the first submission starts all processes
            futures = [pool.submit(_run, unit) for unit in units]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise RunError(
            "A worker process died, most likely for lack of memory. Run the same command again to go on, with fewer "
            "--workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _shared_cores(processes: int) -> Iterator[None]:
    """Gives processes that start in it their share of the cores: threads that wait for each other's core take longest.

    A number of threads that the user has set stays.
    """
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = str(max(1, (os.cpu_count() or 1) // processes))
    try:
        yield
    finally:
        del os.environ[_THREADS]


def _ray(setup: WorkerSetup, units: Sequence[Unit], workers: int) -> Iterator[UnitResult]:
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise RunError("--engine ray needs Ray: pip install 'fsbench[ray]'.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False, include_dashboard=False)
    remote = ray.remote(Worker)
    pool = ActorPool([remote.remote(setup) for _ in range(min(workers, len(units) or 1))])
    try:
        yield from pool.map_unordered(lambda actor, unit: actor.run.remote(unit), list(units))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
