"""The command line: a command parses, calls one function, and prints what it returns.

`options` holds what several commands take; every other module holds a group of commands. None of them imports more
than click before its command runs, so `fsbench --help` answers at once.
"""

import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import click

import fsbench
from fsbench.cli.boards import compare
from fsbench.cli.boards import leaderboard
from fsbench.cli.boards import power
from fsbench.cli.boards import submit
from fsbench.cli.building import build_splits
from fsbench.cli.building import verify
from fsbench.cli.exporting import export
from fsbench.cli.listing import describe
from fsbench.cli.listing import list_
from fsbench.cli.looking import show
from fsbench.cli.preparing import prepare
from fsbench.cli.running import evaluate
from fsbench.cli.running import gather
from fsbench.cli.running import predict
from fsbench.cli.scoring import score
from fsbench.cli.scoring import validate
from fsbench.cli.starting import demo
from fsbench.cli.starting import new
from fsbench.cli.stopping import stoppable
from fsbench.cli.stopping import Stopped
from fsbench.cli.streams import described
from fsbench.cli.streams import settle_output
from fsbench.cli.streams import settle_streams
from fsbench.cli.training import convert
from fsbench.cli.training import train
from fsbench.errors import FsbenchError

__all__ = ["main", "run"]

logger = logging.getLogger(__name__)

UNUSABLE_FILE = 3
_THREADS_SECONDS = 1.0
"""For threads to end by themselves, as that of a pool does, which has semaphores to clear away."""


class _Group(click.Group):
    """Turns errors and signals into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:  # Any: as click declares it
        try:
            with stoppable():
                value = super().invoke(ctx)
                settle_output()  # here, where a full disk is still an error like others
                return value
        except FsbenchError as error:
            _say(f"Error: {error}")
            ctx.exit(error.exit_code)
        except click.ClickException as error:
            with suppress(OSError):
                error.show()
            ctx.exit(error.exit_code)
        except OSError as error:
            _say_refused(error)
            ctx.exit(UNUSABLE_FILE)
        except Stopped as stop:
            how = " with --resume" if ctx.invoked_subcommand == "train" else ""
            _say(f"Stopped. Run the same command again{how} to go on.")
            ctx.exit(128 + stop.signal)

    def main(self, *args: Any, **kwargs: Any) -> Any:  # Any: as click declares it
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # of this group's own --help
            _say_refused(error)
            sys.exit(UNUSABLE_FILE)
        finally:
            settle_streams()


def _say_refused(error: OSError) -> None:
    logger.info("Where it arose:", exc_info=True)  # with --verbose
    _say(f"Error: {described(error)}")


def _say(message: str) -> None:
    with suppress(OSError):  # stderr may be the file that cannot be written
        click.echo(message, err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(fsbench.__version__, prog_name="fsbench")
@click.option("-v", "--verbose", is_flag=True, help="Also log what is being done.")
def main(verbose: bool) -> None:
    """Build, run and score few-shot referring video object segmentation benchmarks.

    \b
    Try it on the embedded set:   fsbench demo
    Run a method on real data:    fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root DIR

    Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 internal error, 2 wrong usage,
    3 wrong data or manifest, or a file that cannot be read or written, 4 wrong submission, 5 finished with failed
    episodes.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if verbose else logging.WARNING, format="%(message)s", force=True
    )


for command in (
    build_splits,
    compare,
    convert,
    demo,
    describe,
    evaluate,
    export,
    gather,
    leaderboard,
    list_,
    new,
    power,
    predict,
    prepare,
    score,
    show,
    submit,
    train,
    validate,
    verify,
):
    main.add_command(command)


def _from_method(error: Exception) -> TracebackType | None:
    """Returns an error's traceback; of one that arose in a method, from the method's own code on."""
    if not any(note.startswith("in method ") for note in getattr(error, "__notes__", ())):
        return error.__traceback__
    calls_methods = f"{Path(fsbench.__file__).parent}{os.sep}running{os.sep}"
    begins = at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename.startswith(calls_methods):
            begins = at.tb_next
        at = at.tb_next
    return begins or error.__traceback__


def run() -> None:
    """Runs the command line as a program; a thread that a method has left behind does not keep it from ending."""
    try:
        main(prog_name="fsbench")
    except Exception as error:
        if not logger.isEnabledFor(logging.INFO):  # with --verbose all of it
            error.__traceback__ = _from_method(error)
        raise
    except SystemExit as ended:
        others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
        for thread in others:
            thread.join(_THREADS_SECONDS / len(others))
        if not any(thread.is_alive() for thread in others):
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
