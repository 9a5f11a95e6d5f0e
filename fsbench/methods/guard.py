"""Running a method's code so that it cannot end, redirect or move the program that called it."""

import os
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import nullcontext
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from fsbench.errors import PluginError

__all__ = ["guarded"]

_leave, _change, _change_to_open = os._exit, os.chdir, os.fchdir


@contextmanager
def guarded(who: str, while_elsewhere: Callable[[], AbstractContextManager[object]] = nullcontext) -> Iterator[None]:
    """Runs a method's code.

    What it prints goes to stderr, since stdout has the result. A working folder that it changes is changed back. To
    exit, at once or by `SystemExit`, is an error; a process that it forks may.

    Args:
        who: The method, in messages.
        while_elsewhere: Entered before the method changes the working folder, which is that of all threads, and left
            when it is changed back.

    Raises:
        PluginError: It wants to exit.
    """
    caller, home = (os.getpid(), threading.get_ident()), Path.cwd()

    def refuse(status: int) -> None:
        if (os.getpid(), threading.get_ident()) != caller:  # a fork, or what watches over a worker
            _leave(status)
        raise PluginError(_exits(who, status))

    def move(change: Callable[..., None], *args: Any, **options: Any) -> None:  # Any: as the call's own
        if os.getpid() == caller[0] and not away:
            away.append(True)
            elsewhere.enter_context(while_elsewhere())
        change(*args, **options)

    away: list[bool] = []
    with ExitStack() as elsewhere:
        os._exit = refuse  # type: ignore[assignment]
        os.chdir, os.fchdir = partial(move, _change), partial(move, _change_to_open)
        try:
            with redirect_stdout(sys.stderr):
                yield
        except SystemExit as error:
            raise PluginError(_exits(who, error.code)) from error
        finally:
            os._exit, os.chdir, os.fchdir = _leave, _change, _change_to_open
            os.chdir(home)


def _exits(who: str, status: object) -> str:
    return f"{who} tried to end the program (exit status {status}). Let it raise an error instead."
