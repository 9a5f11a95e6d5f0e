"""Running a method's code so that it cannot end, redirect or move the program that called it."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import redirect_stdout
from pathlib import Path

from fsbench.errors import PluginError

__all__ = ["guarded"]

_leave = os._exit


@contextmanager
def guarded(who: str) -> Iterator[None]:
    """Runs a method's code.

    What it prints goes to stderr, since stdout has the result. A working folder that it changes is changed back. To
    exit, at once or by `SystemExit`, is an error; a process that it forks may.

    Args:
        who: The method, in messages.

    Raises:
        PluginError: It wants to exit.
    """
    caller, home = (os.getpid(), threading.get_ident()), Path.cwd()

    def refuse(status: int) -> None:
        if (os.getpid(), threading.get_ident()) != caller:  # a fork, or what watches over a worker
            _leave(status)
        raise PluginError(_exits(who, status))

    os._exit = refuse  # type: ignore[assignment]
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise PluginError(_exits(who, error.code)) from error
    finally:
        os._exit = _leave
        os.chdir(home)


def _exits(who: str, status: object) -> str:
    return f"{who} tried to end the program (exit status {status}). Let it raise an error instead."
