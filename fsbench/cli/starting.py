"""Commands to begin with: the demo, and packages to start from."""

from pathlib import Path

import click

from fsbench.cli.options import workers_option

__all__ = ["demo", "new"]


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything that the demo makes.",
)
@workers_option()
def demo(out: Path, workers: int | None) -> None:
    """Go the whole way on the embedded set: render it, build splits, evaluate, compare.

    Every method that has what it needs runs on the first support draw. Takes a few minutes; a demo that was
    stopped goes on where it was.
    """
    from fsbench.demo import run_demo

    click.echo(run_demo(out, workers=workers, progress=True))


@click.group()
def new() -> None:
    """Write a small package to start from: it installs, registers what it holds, and has a test that passes."""


@new.command()
@click.argument("name")
def dataset(name: str) -> None:
    """Write the package of a dataset to ./NAME. For one in a layout that has a name, a YAML file will do.

    \b
    Example:
      fsbench new dataset my-set
    """
    from fsbench.templates import write_package

    click.echo(write_package("dataset", name, Path()))


@new.command()
@click.argument("name")
@click.option("--torch", is_flag=True, help="Of a method that computes with PyTorch.")
def method(name: str, torch: bool) -> None:
    """Write the package of a method to ./NAME.

    \b
    Example:
      fsbench new method my-method --torch
    """
    from fsbench.templates import write_package

    click.echo(write_package("torch" if torch else "method", name, Path()))
