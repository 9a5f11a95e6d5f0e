"""Threads beside the main one, each of which does what it is given in order."""

from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import ParamSpec
from typing import TypeVar

__all__ = ["Lane"]

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """Does calls one after the other: in a thread of its own, or each at once, where it is asked for.

    It is a context manager. When it ends, calls that have not begun are given up, and one that has is waited for.

    Attributes:
        is_beside: Whether it has a thread of its own.
        is_ending: Whether it was left; a call that takes long may look at this and give up.
    """

    def __init__(self, name: str, *, is_beside: bool) -> None:
        self.is_beside = is_beside
        self.is_ending = False
        self._pool = ThreadPoolExecutor(1, name)  # which makes its thread at the first call

    def __enter__(self) -> "Lane":
        return self

    def __exit__(self, *error: object) -> None:
        self.is_ending = True
        self._pool.shutdown(cancel_futures=True)

    def do(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> "Future[T]":
        """Returns what tells, in its time, what a call returns or which `Exception` it raises."""
        if self.is_beside:
            return self._pool.submit(call, *args, **options)
        future: Future[T] = Future()
        try:
            future.set_result(call(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Waits until all calls so far are done; while the block lasts, none begins."""
        reached, go_on = Event(), Event()

        def stand() -> None:
            reached.set()
            go_on.wait()

        try:
            if self.is_beside:
                self._pool.submit(stand)
                reached.wait()
            yield
        finally:
            go_on.set()
