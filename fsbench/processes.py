"""Processes that help this one: none outlives it, however it ends, and Ctrl-C is this one's alone to answer.

Every pool of the project is a `worker_pool`; what starts processes by itself (torch's loaders) takes a `WorkerContext`.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Executor
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from multiprocessing.reduction import ForkingPickler
from tempfile import TemporaryFile
from types import FrameType
from typing import Any

from fsbench.errors import RunError

__all__ = ["WorkerContext", "worker_number", "worker_pool"]

_THREADS = "OMP_NUM_THREADS"
_HELD = {signal.SIGINT, signal.SIGTERM}
_LOOK_SECONDS = 1.0
"""Between two looks of a worker at whether its parent is still the same."""
_END_SECONDS = 5.0
"""For workers to leave by themselves, when all is done."""


_number = 0


def worker_number() -> int:
    """Returns the number of this process among those of its pool, from 0; 0 in a process of none."""
    return _number


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor]:
    """Opens a pool of fresh processes, which is gone when the block ends: at once if it raises.

    Args:
        workers: Number of processes; they share the cores.

    Yields:
        The pool.

    Raises:
        RunError: A process of the pool died.
    """
    context = WorkerContext(workers)
    pool = ProcessPoolExecutor(workers, context)
    patience = 0.0
    try:
        yield pool
        patience = _END_SECONDS
    except BrokenProcessPool as error:
        context.end(_END_SECONDS)
        pool.shutdown()  # whose thread takes the exit codes
        raise RunError(context.why_one_died()) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        context.end(patience)


class WorkerContext(SpawnContext):
    """Starts processes that leave Ctrl-C to their parent and die with it."""

    def __init__(self, workers: int = 1) -> None:
        """Takes the number of processes that share the cores."""
        self._workers = workers
        self._started: list[BaseProcess] = []

    # A class in multiprocessing, and a call here: what is started has to be known, and a pool does not say.
    def Process(self, *args: Any, **kwargs: Any) -> "_WorkerProcess":  # type: ignore[override]  # noqa: N802
        """Returns a process that can be started; arguments as for multiprocessing.Process."""
        process = _WorkerProcess(*args, **kwargs)
        process.workers, process.number = self._workers, len(self._started)
        self._started.append(process)
        return process

    def why_one_died(self) -> str:
        """Returns why a process was gone before all were ended, and what to do."""
        codes = [process.exitcode for process in self._started if process.pid is not None and process.exitcode]
        if codes and max(codes) > 0:  # those that the pool ended then have the number of a signal
            return (
                f"A worker process ended by itself, with exit code {max(codes)}; what it said is above. In a script "
                "of your own, what starts workers belongs under 'if __name__ == \"__main__\":', for each of them "
                "reads the script."
            )
        return (
            "A worker process died, most likely for lack of memory. Run the same command again to go on, with fewer "
            "--workers."
        )

    def end(self, patience: float) -> None:
        """Waits that many seconds for all processes to leave, and ends those that do not."""
        started = {process.sentinel: process for process in self._started if process.pid is not None}
        left = _after(patience, list(started))
        with _deaths_untold():
            for sentinel in left:
                started[sentinel].kill()
            for sentinel in left:  # takes what is left of it: its sentinel is gone before its death is told
                started[sentinel].join(_END_SECONDS)


class _WorkerProcess(SpawnProcess):
    workers = 1
    number = 0

    def start(self) -> None:
        resource_tracker.ensure_running()  # would let signals through again, in the middle of the next lines
        with TemporaryFile() as self.spool, _interrupts_held(), _shared_cores(self.workers):
            super().start()

    def run(self) -> None:
        global _number
        _number = self.number
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        super().run()

    def __reduce__(self) -> tuple[Any, ...]:  # Any: see object.__reduce__
        # Through a file: what no pipe holds would be written for ever to a process that has died, with signals held.
        state = {name: value for name, value in vars(self).items() if name != "spool"}
        ForkingPickler(self.spool).dump(state)
        self.spool.flush()
        return _watched_worker, (os.getpid(), DupFd(self.spool.fileno()))


def _watched_worker(parent: int, spool: Any) -> _WorkerProcess:  # Any: what multiprocessing makes of a descriptor
    """Returns a worker with its work, in a process that dies with its parent from here on.

    The work may take minutes to unpickle: it imports torch, say.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    sys.excepthook = partial(_tell_unless_left, parent, sys.excepthook)
    worker = _WorkerProcess.__new__(_WorkerProcess)
    with os.fdopen(spool.detach(), "rb") as file:
        file.seek(0)
        vars(worker).update(pickle.load(file))
    return worker


def _die_with(parent: int) -> None:
    # A killed parent cannot tell its workers to stop, and its pipes stay open if a fork of it lives on; a worker whose
    # parent is gone has another.
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _tell_unless_left(parent: int, tell: Callable[..., object], *error: object) -> None:
    """Tells why a worker never came to its work, unless its parent leaves and has taken away what they share."""
    deadline = time.monotonic() + _END_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS / 10)
    if os.getppid() == parent:
        tell(*error)


def _after(seconds: float, sentinels: list[int]) -> list[int]:
    """Returns the sentinels of the processes that have not ended in so many seconds."""
    deadline = time.monotonic() + seconds
    while sentinels and (left := deadline - time.monotonic()) > 0:
        gone = wait(sentinels, left)
        sentinels = [sentinel for sentinel in sentinels if sentinel not in gone]
    return sentinels


@contextmanager
def _deaths_untold() -> Iterator[None]:
    """Keeps SIGCHLD from a handler that may raise, as that of torch's loaders does for each worker that is killed.

    The handler in its place is Python's as well: at SIG_DFL, Python raises OSError, somewhere, for a signal on its way.
    """
    before = signal.getsignal(signal.SIGCHLD)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGCHLD, _ignore)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Holds signals back here while a process starts, and in that until it says what it does about them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _shared_cores(processes: int) -> Iterator[None]:
    """Gives a process that starts in it its share of the cores: threads that wait for each other's core take longest.

    A number of threads that the user has set stays. (Ray gives each actor one thread by itself.)
    """
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = str(max(1, (os.cpu_count() or 1) // processes))
    try:
        yield
    finally:
        del os.environ[_THREADS]
