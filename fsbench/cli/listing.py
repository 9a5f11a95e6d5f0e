"""What can be named, and what a manifest holds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

import click

from fsbench.cli.options import Command
from fsbench.cli.options import complete_methods
from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import folds_option
from fsbench.cli.options import json_option
from fsbench.cli.options import splits_option
from fsbench.cli.options import terminal_width

if TYPE_CHECKING:
    from fsbench.listing import Kind

__all__ = ["describe", "list_"]


@click.group("list")
def list_() -> None:
    """List what can be named.

    Methods, trackers, datasets, protocols, metrics, attributes of sentences; and the classes and episodes of a dataset.
    """


@list_.command()
@json_option
def methods(as_json: bool) -> None:
    """List the methods, what each needs, and whether it can run now; see also 'fsbench describe METHOD'."""
    _print_named("methods", as_json)


@list_.command()
@json_option
def trackers(as_json: bool) -> None:
    """List the trackers that 'fsbench evaluate --refine' takes, and what each needs."""
    _print_named("trackers", as_json)


@list_.command()
@json_option
def datasets(as_json: bool) -> None:
    """List the datasets."""
    _print_named("datasets", as_json)


@list_.command()
@json_option
def protocols(as_json: bool) -> None:
    """List the protocols with their signatures."""
    _print_named("protocols", as_json)


@list_.command()
@json_option
def metrics(as_json: bool) -> None:
    """List the metrics: what each is, and what it gives where masks are empty."""
    _print_named("metrics", as_json)


@list_.command()
@json_option
def attributes(as_json: bool) -> None:
    """List the attributes of sentences and their targets by which scores are sliced (--by), with their slices.

    What was not measured, such as sizes where a manifest was built without pixels, is in a slice "not known".
    """
    _print_named("attributes", as_json)


def _print_named(what: "Kind", as_json: bool) -> None:
    from fsbench.listing import listing
    from fsbench.listing import records

    click.echo(json.dumps(records(what), indent=1) if as_json else listing(what, terminal_width()))


@click.command()
@click.argument("method", shell_complete=complete_methods)
@json_option
def describe(method: str, as_json: bool) -> None:
    """Describe a method: who made it, what it needs, whether it can run here, and its options.

    METHOD is a registered name, module:attr or FILE.py:Class.

    \b
    Example:
      fsbench describe colour-prototype
    """
    from fsbench.datasets.catalogue import fallback_spec
    from fsbench.methods.description import describe as describe_method
    from fsbench.methods.description import description_text
    from fsbench.methods.registry import find_method

    described = describe_method(find_method(method), fallback_spec().name)
    click.echo(json.dumps(described, indent=1) if as_json else description_text(described, terminal_width()))


def _of_manifest(command: Command) -> Command:
    for option in reversed((dataset_option(), data_root_option, splits_option(), folds_option)):
        command = option(command)
    return command


@list_.command()
@_of_manifest
@json_option
def classes(folds: tuple[int, ...], as_json: bool, **manifest: Any) -> None:
    """List the classes of a dataset, each with its fold and how many videos and episodes it has.

    \b
    Example:
      fsbench list classes --dataset mini-ref-youtube-vos --fold 2
    """
    from fsbench.splits.contents import class_records

    shown = ("fold", "class", "videos", "queried", "episodes")
    _print_records(class_records(_manifest(**manifest), folds), shown, as_json)


@list_.command()
@_of_manifest
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Class; may be repeated.  [default: all]")
@json_option
def episodes(folds: tuple[int, ...], classes: tuple[str, ...], as_json: bool, **manifest: Any) -> None:
    """List the episodes of a dataset, as 'fsbench show' takes them.

    \b
    Example:
      fsbench list episodes --dataset mini-ref-davis --class bird
    """
    from fsbench.splits.contents import episode_records

    _print_records(episode_records(_manifest(**manifest), folds, classes), ("episode", "frames"), as_json)


def _manifest(dataset: str | None, data_root: Path, splits: Path | None) -> Any:  # Any: Manifest, imported here
    from fsbench.datasets.catalogue import choose_spec
    from fsbench.splits.manifest import find_manifest
    from fsbench.splits.manifest import read_manifest

    if splits is not None and (splits / "manifest.json").is_file():
        return read_manifest(splits)
    spec = choose_spec(dataset, data_root)
    return read_manifest(find_manifest(spec.name, splits, spec.manifest_version))


def _print_records(records: Sequence[dict[str, Any]], shown: Sequence[str], as_json: bool) -> None:  # Any: JSON
    from fsbench.text import columns

    if as_json:
        click.echo(json.dumps(records, indent=1))
    else:
        click.echo(columns([shown, *([str(record[key]) for key in shown] for record in records)]))
