"""Commands that rank methods."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal
from typing import TYPE_CHECKING

import click

from fsbench.cli.options import by_option
from fsbench.cli.options import data_root_option
from fsbench.cli.options import described_option
from fsbench.cli.options import entries_option
from fsbench.cli.options import json_option
from fsbench.cli.options import splits_option
from fsbench.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsbench.leaderboard import Entry
    from fsbench.leaderboard.reported import Reported
    from fsbench.scores.power import Lever

__all__ = ["compare", "leaderboard", "power", "submit"]


@click.command()
@click.argument("run", type=click.Path(file_okay=False, exists=True, path_type=Path))
@entries_option
@click.option("--link", "links", multiple=True, metavar="URL", help="Of code, weights or a paper; may be repeated.")
@click.option(
    "--trained-on",
    "trained_classes",
    multiple=True,
    metavar="CLASS",
    help="A class that the weights have seen; may be repeated. Novel ones are flagged on the leaderboard.",
)
@click.option(
    "--date",
    "evaluated",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day of the evaluation, of runs from before fsbench 0.3: later ones say so themselves.",
)
@described_option("what it lets be shown of it goes into the entries.")
@click.option("--overwrite", is_flag=True, help="Also replace entries of more folds or draws, or of a newer version.")
def submit(
    run: Path,
    entries: Path,
    links: tuple[str, ...],
    trained_classes: tuple[str, ...],
    evaluated: datetime | None,
    files: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Turn the finished runs in a folder into leaderboard entries.

    RUN is a run's folder, or one that holds several (all folds of a method, or all of runs/). Beside an entry's JSON
    goes the score of every episode, and of the episodes that the leaderboard shows, every frame's. An entry takes the
    place of the method's earlier one, but not where that has more: folds, draws, episodes, or a newer version.

    \b
    Examples:
      fsbench submit runs/mini-ref-davis/colour-prototype
      fsbench submit runs/mini-ref-youtube-vos/mine --link https://example.org/code --trained-on person
      fsbench submit runs/my-set/mine --dataset my-set.yaml
    """
    from fsbench.datasets.catalogue import dataset_spec
    from fsbench.leaderboard import entries_from_runs
    from fsbench.leaderboard import write_entries

    found = entries_from_runs(
        run,
        trained_classes=trained_classes,
        links=links,
        described=[dataset_spec(file) for file in files],
        evaluated=None if evaluated is None else evaluated.date(),
    )
    if not found:
        raise RunError(f"{run}: holds no finished run of a whole fold (no result.json). Run 'fsbench evaluate' first.")
    for path in write_entries(entries, found, overwrite=overwrite):
        click.echo(path)


@click.command()
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@by_option("A row for each slice of an attribute, in place of folds and classes")
@click.option(
    "--contrast",
    metavar="ATTRIBUTE=A,B",
    help="By how much more ONE leads in slice A of an attribute than in slice B, with its interval and p.",
)
@data_root_option
@splits_option("./splits, then those that fsbench ships")
@json_option
def compare(
    one: Path,
    other: Path,
    by: str | None,
    contrast: str | None,
    data_root: Path,
    splits: Path | None,
    as_json: bool,
) -> None:
    """Say whether two methods differ: over all episodes, in each fold, in each class; or by an attribute.

    ONE and OTHER are folders of finished runs of a method, or the JSON files of entries. Both must be of the same
    episodes and protocol. Runs and entries of variants seed-1, seed-2 ... of one configuration are its trainings: a
    folder of runs of several, and the path of an entry without .json, stand for all of them together.

    Classes, with their videos and support draws, and trainings are seen as samples. Of a single training for each fold,
    or several that went on from the same weights, differences between trainings are in p as far as folds show them; of
    a single one for all folds they are not in p.

    Slices (--by) ask for the manifest with the digest of both. Of one from before manifests said what their sentences
    are like, the sentences are read below --data-root.

    \b
    Examples:
      fsbench compare runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add
      fsbench compare leaderboard/entries/mini-ref-davis/colour-prototype.json runs/mini-ref-davis/mine
      fsbench compare leaderboard/entries/mini-ref-shapes/cma leaderboard/entries/mini-ref-shapes/cma-add
      fsbench compare runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add --by has_motion
      fsbench compare runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add --contrast has_motion=yes,no
    """
    from fsbench import api

    found = api.compare(one, other, by=by, contrast=contrast, data_root=data_root, splits=splits)
    click.echo(found.to_json() if as_json else found)


@click.command()
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option(
    "--points",
    type=click.FloatRange(min=0, min_open=True, max=100),
    required=True,
    help="The lead that is to be found, in points (hundredths).",
)
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="How probable it shall be.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="What p must be below; of n pairs that are tested together, 0.05 / n at first.",
)
@click.option(
    "--contrast", metavar="ATTRIBUTE=A,B", help="The lead is by how much more ONE leads in slice A than in slice B."
)
@click.option("--classes", type=click.IntRange(min=1), help="Look at so many classes, over all folds.")
@click.option("--videos", type=click.IntRange(min=1), help="Look at so many videos of each class.")
@click.option("--draws", type=click.IntRange(min=1), help="Look at so many support draws.")
@click.option("--trainings", type=click.IntRange(min=1), help="Look at so many trainings of each method.")
@data_root_option
@splits_option("./splits, then those that fsbench ships")
@json_option
def power(
    one: Path,
    other: Path,
    points: float,
    wanted: float,
    level: float,
    contrast: str | None,
    classes: int | None,
    videos: int | None,
    draws: int | None,
    trainings: int | None,
    data_root: Path,
    splits: Path | None,
    as_json: bool,
) -> None:
    """Say how many classes, videos, draws and trainings would separate two methods.

    ONE and OTHER are what 'fsbench compare' takes: what their difference varies by is told from their scores. Printed
    are the evaluation as it was, as it is asked for, and with more of one thing alone until it finds the lead; and the
    smallest lead that it finds as it was.

    \b
    Examples:
      fsbench power leaderboard/entries/mini-ref-shapes/cma leaderboard/entries/mini-ref-shapes/cma-add --points 1.7
      fsbench power runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add --points 2 --trainings 3 --classes 64
      fsbench power runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add --points 5 --contrast has_motion=yes,no
    """
    from fsbench.leaderboard.compare import as_entry
    from fsbench.leaderboard.power import plan

    asked: dict[Lever, int | None] = {"classes": classes, "videos": videos, "draws": draws, "trainings": trainings}
    sides = as_entry(one, splits), as_entry(other, splits)
    found = plan(*sides, points / 100, wanted, level, contrast, data_root, splits, asked)
    click.echo(found.to_json() if as_json else found)


@click.command()
@entries_option
@click.option(
    "--runs", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Show finished runs instead."
)
@click.option(
    "--format", "style", type=click.Choice(["md", "csv", "latex", "json", "html"]), default="md", show_default=True
)
@by_option("A column for each slice of an attribute, in place of folds, and no ranks; the site has them all")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="TITLE",
    help="Of what is printed, a method as it is called there; may be repeated. Groups, best values and notes are then "
    "among these methods.  [default: all]",
)
@click.option(
    "--columns",
    metavar="LIST",
    help="For md and latex: columns, such as 'mean J&F', 'fold 1', 'J', and what stands beside values: group, sd, "
    "interval; divided by commas, in this order.  [default: all]",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the site; for html.")
@click.option(
    "--data-root",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="For html: also show pixels and sentences of datasets that are there, and masks of --runs. Such a site is for "
    "yourself alone. "
    "Also for --by: where sentences are, of manifests that do not say what these are like.  [default of --by: data]",
)
@click.option(
    "--masks",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="RUNS",
    help="For html with --data-root: folder of the runs that entries were made from, to show their masks where entries "
    "hold none, as their dataset may not be shown.",
)
@splits_option("./splits, then those that fsbench ships")
@described_option("for html: its pictures are shown as those of a registered one.")
@click.option("--write", is_flag=True, help="Write README.md and SHA256SUMS beside the entries, if --check lets them.")
@click.option(
    "--check",
    is_flag=True,
    help="Fail if an entry does not follow from its episodes, or these two from those that SHA256SUMS names.",
)
def leaderboard(
    entries: Path,
    runs: Path | None,
    style: Literal["md", "csv", "latex", "json", "html"],
    by: str | None,
    methods: tuple[str, ...],
    columns: str | None,
    out: Path | None,
    data_root: Path | None,
    masks: Path | None,
    splits: Path | None,
    files: tuple[str, ...],
    write: bool,
    check: bool,
) -> None:
    """Print tables of entries or runs, one for each dataset, manifest and protocol; or write a site of them.

    Trainings of one configuration from several seeds (variants seed-1, seed-2 ...) are one row. Methods that a test of
    all pairs does not separate have a letter in common; oracles, which are given the truth, have none.

    The site (html) is a folder of pages that open from disk: tables with intervals, scores by class, support draw and
    attribute of the sentences, a page for each method, any two methods compared, and a gallery of episodes. What papers
    print (JSON in reported/ beside the entries) stands apart in Markdown and on the site, without a rank.

    \b
    Examples:
      fsbench leaderboard --format latex --method cma --method cma-add --columns 'mean,interval' > table.tex
      fsbench leaderboard --runs runs
      fsbench leaderboard --by words --data-root DIR
      fsbench leaderboard --format html --out site
      fsbench leaderboard --format html --out own-site --data-root data --masks runs
    """
    from fsbench.datasets.catalogue import dataset_spec
    from fsbench.leaderboard import breakdowns
    from fsbench.leaderboard import entries_from_runs
    from fsbench.leaderboard import manifest_folds
    from fsbench.leaderboard import read_entries
    from fsbench.leaderboard import read_reported
    from fsbench.leaderboard import render
    from fsbench.leaderboard import render_breakdowns
    from fsbench.leaderboard.families import of_methods

    if style != "html" and (out is not None or files or (data_root is not None and by is None)):
        raise click.UsageError("--out, --data-root and --dataset are for --format html, --data-root also for --by.")
    if by is not None and (style == "html" or write or check):
        raise click.UsageError("--by is for tables that are printed, in md, csv, latex and json.")
    if columns is not None and (style not in ("md", "latex") or by is not None or write or check):
        raise click.UsageError("--columns is for tables that are printed in md and latex, without --by.")
    if methods and (style == "html" or write or check):
        raise click.UsageError("--method is for tables that are printed.")
    if masks is not None and (style != "html" or data_root is None or runs is not None):
        raise click.UsageError("--masks is for --format html with --data-root; of --runs masks are shown without it.")
    described = [dataset_spec(file) for file in files]
    if runs is None:
        found = read_entries(entries)
    else:
        # Where pixels are asked for, the site is nobody else's.
        is_own = style == "html" and data_root is not None
        found = entries_from_runs(runs, partial(manifest_folds, splits=splits), described=described, shows_all=is_own)
    if not found:
        where = entries if runs is None else runs
        raise RunError(f"{where}: no entries. Make some with 'fsbench evaluate' and 'fsbench submit'.")
    if methods:
        found = of_methods(found, methods)
    if by is not None and style != "html":
        tables = breakdowns(found, by, data_root or Path("data"), splits)
        click.echo(render_breakdowns(tables, style), nl=False)
        return
    reported = read_reported(entries.parent / "reported") if runs is None else ()
    if style == "html":
        if out is None:
            raise click.UsageError("A site is a folder: say with --out where it goes.")
        from fsbench.leaderboard.runs import with_masks
        from fsbench.leaderboard.site import make_boards
        from fsbench.leaderboard.site import write_site

        found = found if masks is None else with_masks(found, masks, splits)
        click.echo(write_site(out, make_boards(found, splits, data_root, described), reported))
        return
    if (write or check) and runs is not None:
        raise click.UsageError("--write and --check are for entries; submit the runs first.")
    if write or check:
        _commit(entries, found, reported, write=write)
    else:
        wanted = [name.strip() for name in columns.split(",")] if columns is not None else []
        # What papers print is of other methods and columns than those that are chosen.
        click.echo(render(found, style, () if methods or wanted else reported, wanted), nl=False)


def _commit(folder: Path, entries: "Sequence[Entry]", reported: "Sequence[Reported]", *, write: bool) -> None:
    """Checks entries, then writes what lies beside them in a repository, or compares it with what it should be.

    What lies there may be of fewer entries than there are: so one that is added changes no file that another one does.
    """
    from fsbench.files import write_whole
    from fsbench.leaderboard import readme
    from fsbench.leaderboard.checking import require_checked
    from fsbench.leaderboard.checking import sealed
    from fsbench.leaderboard.checking import seals
    from fsbench.leaderboard.shelf import entry_path

    for line in require_checked(folder, entries):
        click.echo(line, err=True)
    page, sums = folder.parent / "README.md", folder.parent / "SHA256SUMS"
    if write:
        for path, content in ((page, readme(entries, reported)), (sums, seals(folder, entries))):
            write_whole(path, content)
            click.echo(path)
        return
    known = sealed(folder, entries, sums.read_text(encoding="utf-8") if sums.is_file() else "")
    for path, content in ((page, readme(known, reported)), (sums, seals(folder, known))):
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            raise RunError(f"{path} does not follow from the entries. Run 'fsbench leaderboard --write'.")
    for entry in entries:
        if entry not in known:
            click.echo(f"{entry_path(folder, entry)}: not in README.md until 'fsbench leaderboard --write'.", err=True)
    those = "them" if len(known) == len(entries) else f"{len(known)} of them"
    click.echo(f"{folder}: {len(entries)} entries follow from their episodes, README.md and SHA256SUMS from {those}")
