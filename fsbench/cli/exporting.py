"""The command that writes what leaves fsbench."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fsbench.cli.options import data_root_option
from fsbench.cli.options import described_option
from fsbench.exports.formats import ExportOptions
from fsbench.exports.formats import FORMATS

__all__ = ["export"]


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="folders",
    show_default=True,
    help=" ".join(f"{name}: of {each.takes}, {each.makes}." for name, each in FORMATS.items()),
)
@click.option("--draw", metavar="D", type=int, help="Of masks: this support draw alone, without a draw-<d> level.")
@data_root_option
@click.option(
    "--part",
    type=click.Choice(["valid", "test", "all"]),
    help="For ref-youtube-vos: the list of valid names the videos of test, too; the list of test tells them apart.  "
    "[default: valid; all where there is no list of test]",
)
@described_option("what it lets be shown of it may be in what is made of its manifest.")
@click.pass_context
def export(context: click.Context, /, source: Path, out: Path, form: str, **given: Any) -> None:  # Any: ExportOptions'
    """Write a run's masks, a manifest or a leaderboard entry in the form of others, to a folder or a zip.

    Sentences of a manifest are left out unless everybody may see the dataset (`shows: pixels`).

    \b
    Examples:
      fsbench export runs/mini-ref-davis/colour-prototype masks.zip
      fsbench export predictions.parquet valid.zip --format ref-youtube-vos --data-root ~/data
      fsbench export splits/mini-ref-davis/pack-v1 mini-ref-davis --format hub
      fsbench export leaderboard/entries/mini-ref-davis/prototype.json records --format every-eval-ever
    """
    for option in context.command.params:
        name = option.name or ""
        is_given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if is_given and name in given and name not in FORMATS[form].options:
            raise click.UsageError(f"{option.opts[0]} says nothing to --format {form}.")
    click.echo(FORMATS[form].write(source, out, ExportOptions(**given)))
