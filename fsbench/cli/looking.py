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
    help="A finished run whose masks to show; may be repeated, for methods one below the other.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A sheet (.png, or .pdf and .svg for papers), a video (.mp4) or a page (.html).",
)
@click.option(
    "--frames",
    "most_frames",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Frames of each video on a sheet, at most; which are left out stands there.",
)
@dataset_option()
@data_root_option
@splits_option()
def show(
    episode: str | None,
    class_name: str | None,
    runs: tuple[Path, ...],
    out: Path,
    most_frames: int,
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
) -> None:
    """Draw an episode: its support, its query, the truth (white) and what runs made of it.

    A sheet has a row for the support, one for the truth and one for each run. For papers, .pdf and .svg keep the text
    as text and all pixels; they need: pip install 'fsbench[figures]'.

    \b
    Examples:
      fsbench show f1/bekix/d0/bekix-00/0 --out episode.png
      fsbench show f0/bird/d0/blackswan/0 --dataset mini-ref-davis --data-root DIR \\
          --run runs/mini-ref-davis/colour-prototype --run runs/mini-ref-davis/support-copy --out episode.mp4
      fsbench show f1/bekix/d0/bekix-00/0 --run runs/mini-ref-shapes/cma --run runs/mini-ref-shapes/cma-add \\
          --run runs/mini-ref-shapes/referformer --frames 4 --out figure.pdf
      fsbench show --class bekix --out bekix.png
    """
    from fsbench.show import open_views
    from fsbench.show import show_class
    from fsbench.show import show_episode

    if (episode is None) == (class_name is None):
        raise click.UsageError("Name an episode, or a class with --class.")
    views = open_views(dataset, data_root, splits)
    if class_name is not None:
        show_class(class_name, views, out, most_frames)
    elif episode is not None:
        show_episode(episode, runs, views, out, most_frames)
    click.echo(out)
