"""The command line: a command parses, calls one function, and prints what it returns.

`options` holds what several commands take; every other module holds a group of commands. None of them imports more
than click before its command runs, so `fsbench --help` answers at once.
"""

import logging
import sys
from typing import Any

import click

import fsbench
from fsbench.cli.boards import compare
from fsbench.cli.boards import leaderboard
from fsbench.cli.boards import submit
from fsbench.cli.building import build_splits
from fsbench.cli.building import verify
from fsbench.cli.listing import describe
from fsbench.cli.listing import list_
from fsbench.cli.looking import show
from fsbench.cli.running import evaluate
from fsbench.cli.scoring import export
from fsbench.cli.scoring import score
from fsbench.cli.scoring import validate
from fsbench.cli.starting import demo
from fsbench.cli.starting import new
from fsbench.cli.training import convert
from fsbench.cli.training import train
from fsbench.errors import FsbenchError

__all__ = ["main"]

INTERRUPTED = 130


class _Group(click.Group):
    """Turns errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:  # Any: as click declares it
        try:
            return super().invoke(ctx)
        except FsbenchError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            how = " with --resume" if ctx.invoked_subcommand == "train" else ""
            click.echo(f"Stopped. Run the same command again{how} to go on.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(fsbench.__version__, prog_name="fsbench")
@click.option("-v", "--verbose", is_flag=True, help="Also log what is being done.")
def main(verbose: bool) -> None:
    """Build, run and score few-shot referring video object segmentation benchmarks.

    \b
    Try it on the embedded set:   fsbench demo
    Run a method on real data:    fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root DIR

    Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 internal error, 2 wrong usage,
    3 wrong data or manifest, 4 wrong submission, 5 finished with failed episodes.
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
    leaderboard,
    list_,
    new,
    score,
    show,
    submit,
    train,
    validate,
    verify,
):
    main.add_command(command)
