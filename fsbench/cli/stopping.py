"""Ctrl-C and the SIGTERM of a scheduler: the first leaves orderly, the second at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

__all__ = ["Stopped", "stoppable"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_SECONDS = 0.05
"""After which a signal is sent again whose exception was swallowed."""
_Handler = Callable[[int, FrameType | None], Any] | int | None  # Any: as the standard library has it
_Hook = Callable[["sys.UnraisableHookArgs"], Any]


class Stopped(KeyboardInterrupt):
    """Somebody wants the program to end.

    Attributes:
        signal: The signal's number.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        """Takes the signal's number."""
        super().__init__(number)
        self.signal = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raises Stopped where the block is when a signal asks the program to end; the next signal ends it without ado.

    Workers die with this process and what it was writing is cleared away by the next run, so nothing is lost by that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _SIGNALS if _is_default(number)}
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_ask_again, hook, tuple(before))
    try:
        yield
    except Stopped:
        raise  # the next signal stays the last, while the interpreter ends
    except KeyboardInterrupt as error:  # a library's own
        _restore(before, hook)
        raise Stopped from error
    except BaseException:
        _restore(before, hook)
        raise
    else:
        _restore(before, hook)


def _ask_again(hook: _Hook, signals: Sequence[signal.Signals], unraisable: "sys.UnraisableHookArgs") -> None:
    """Sends a signal again that came while an object was deleted, where Python drops whatever is raised.

    What else fails there while the program leaves is no news.
    """
    if isinstance(unraisable.exc_value, Stopped):
        for number in signals:
            signal.signal(number, _stop)
        again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), unraisable.exc_value.signal))
        again.daemon = True
        again.start()
    elif not signals or any(signal.getsignal(number) is _stop for number in signals):
        hook(unraisable)


def _is_default(number: int) -> bool:
    # A program that a shell starts with "&", or under nohup, leaves signals alone.
    return signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def _restore(handlers: Mapping[signal.Signals, _Handler], hook: _Hook) -> None:
    sys.unraisablehook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
