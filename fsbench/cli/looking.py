"""The command that draws episodes."""

from pathlib import Path

import click

from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import splits_option

__all__ = ["show"]


@click.command()
@click.argument("episode", required=False)
@click.option("--class", "class_name", metavar="NAME", help="Show the support sets of this class instead.")
@click.option(
    "--run",
    "runs",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    multiple=True,
    help="A finished run whose masks to show; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A contact sheet (.png), a video (.mp4) or a page (.html).",
)
@dataset_option()
@data_root_option
@splits_option()
def show(
    episode: str | None,
    class_name: str | None,
    runs: tuple[Path, ...],
    out: Path,
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
) -> None:
    """Draw an episode: its support, its query, the truth (white) and what runs made of it.

    \b
    Examples:
      fsbench show f1/dax/d0/dax-00/0 --out episode.png
      fsbench show f0/bird/d0/blackswan/0 --dataset mini-ref-davis --data-root DIR \\
          --run runs/mini-ref-davis/colour-prototype --run runs/mini-ref-davis/support-copy --out episode.mp4
      fsbench show --class dax --out dax.png
    """
    from fsbench.show import open_views
    from fsbench.show import show_class
    from fsbench.show import show_episode

    if (episode is None) == (class_name is None):
        raise click.UsageError("Name an episode, or a class with --class.")
    views = open_views(dataset, data_root, splits)
    if class_name is not None:
        show_class(class_name, views, out)
    elif episode is not None:
        show_episode(episode, runs, views, out)
    click.echo(out)
