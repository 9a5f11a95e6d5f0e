"""How far something is, on stderr: a bar on a terminal and in a notebook, and elsewhere (a batch log) a line a minute.

Every wait that is worth showing goes through here.
"""

import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import TypeVar

from fsbench.text import duration

__all__ = ["Advance", "open_progress", "track"]

EVERY_SECONDS = 60.0
"""Between two lines of a log."""

Item = TypeVar("Item")
Advance = Callable[[str], None]
"""Counts one item as done; the text, if any, is shown behind the count."""


def track(
    items: Iterable[Item],
    title: str,
    total: int,
    *,
    unit: str,
    done: int = 0,
    show: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Yields items, and shows how many there were; see `open_progress`."""
    with open_progress(title, total, unit=unit, done=done, show=show, clock=clock) as advance:
        for item in items:
            yield item
            advance("")


@contextmanager
def open_progress(
    title: str,
    total: int,
    *,
    unit: str,
    done: int = 0,
    show: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Advance]:
    """Shows how far something is while the context is open.

    Args:
        title: What is being done.
        total: Number of items, those included that were done before.
        unit: What an item is, in the singular.
        done: Number of items that were done before.
        show: Show anything at all.
        clock: Seconds, from any start.

    Yields:
        What counts an item as done.
    """
    if not show:
        yield lambda note: None
    elif sys.stderr.isatty() or _in_notebook():
        from tqdm.auto import tqdm  # tells a terminal from a notebook

        with tqdm(total=total, initial=done, desc=title, unit=unit) as bar:

            def advance(note: str) -> None:
                bar.set_postfix_str(note, refresh=False)
                bar.update()

            yield advance
    else:
        yield _Log(title, total, unit, done, clock).advance


class _Log:
    """Writes a line when an item is done and none was written for a minute, and one at the end of what took longer."""

    def __init__(self, title: str, total: int, unit: str, done: int, clock: Callable[[], float]) -> None:
        self._title, self._total, self._unit, self._clock = title, total, unit, clock
        self._first = self._done = done
        self._started = self._written = clock()

    def advance(self, note: str) -> None:
        self._done += 1
        now = self._clock()
        ends = self._done == self._total and now - self._started >= EVERY_SECONDS
        if now - self._written >= EVERY_SECONDS or ends:
            self._written = now
            with suppress(OSError):  # a log on a full disk
                sys.stderr.write(f"{self._line(now - self._started, note)}\n")
                sys.stderr.flush()

    def _line(self, seconds: float, note: str) -> str:
        left = (self._total - self._done) * seconds / (self._done - self._first)
        parts = [f"{self._done} of {self._total} {self._unit}s", duration(seconds)]
        if self._done < self._total:
            parts.append(f"about {duration(left)} left")
        return f"{self._title}: {', '.join([*parts, note] if note else parts)}"


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config
