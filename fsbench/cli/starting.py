"""Commands to begin with: the demo."""

from pathlib import Path

import click

__all__ = ["demo"]


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything that the demo makes.",
)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes.  [default: number of cores]")
def demo(out: Path, workers: int | None) -> None:
    """Go the whole way on the embedded set: render it, build splits, evaluate, compare.

    Every method that has what it needs runs on the first of five support draws. Takes a few minutes; a demo that was
    stopped goes on where it was.
    """
    from fsbench.demo import run_demo

    click.echo(run_demo(out, workers=workers, progress=True))
