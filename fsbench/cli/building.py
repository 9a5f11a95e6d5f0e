"""Commands that make and check manifests."""

import json
from pathlib import Path
from typing import Any

import click

from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import json_option
from fsbench.cli.options import SEED

__all__ = ["build_splits", "verify"]


@click.command("build-splits")
@click.argument("dataset", metavar="[NAME|FILE]", required=False)
@data_root_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("splits"),
    show_default=True,
    help="Folder of all splits; the manifest goes to OUT/DATASET/VERSION/.",
)
@click.option(
    "--version", "version_name", metavar="NAME", help="Name of the version.  [default: the dataset's, e.g. v1]"
)
@click.option("--shots", type=click.IntRange(min=1), help="Support videos per set.  [default: the dataset's, else 1]")
@click.option(
    "--frames", type=click.IntRange(min=1), help="Frames per support video.  [default: the dataset's, else 5]"
)
@click.option("--draws", type=click.IntRange(min=1), help="Support sets per class.  [default: the dataset's, else 5]")
@click.option(
    "--draws-from",
    type=click.Choice(["different videos", "all videos"]),
    help="Whether draws of a class take different support videos as long as there are any, or each draws from all.  "
    "[default: as the dataset's own version does; different videos in any other]",
)
@click.option(
    "--leave-out",
    type=click.Choice(["unanswerable", "misleading", "nothing"]),
    multiple=True,
    help="unanswerable: neither ask nor draw for supports what is said of several objects of a video word for word. "
    "misleading: draw no sentence for supports that names another class and not its own.  [default: the dataset's]",
)
@click.option("--seed", type=SEED, help="Seed of every draw.  [default: the dataset's, else 0]")
@click.option("--minimum", type=click.IntRange(min=1), help="Videos that a class needs.  [default: the dataset's rule]")
@click.option(
    "--cap", type=click.IntRange(min=0), help="Videos that a class keeps, 0 for all.  [default: the dataset's]"
)
@click.option(
    "--queries",
    type=click.IntRange(min=0),
    help="Videos of a class that are queried, 0 for all.  [default: the dataset's]",
)
@click.option(
    "--videos",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A list of video ids, one a line: every one of them is used, instead of the rule.",
)
@click.option(
    "--author-groups/--no-author-groups",
    default=True,
    show_default=True,
    help="Take videos and folds from the release's group*_test.json where it has them.",
)
@click.option("--with-text", is_flag=True, help="Write the sentences themselves, not only their digests.")
@click.option("--supersedes", metavar="NAME", help="Mark this older version as superseded by the new one.")
@click.option("--overwrite", is_flag=True, help="Replace a version that holds other episodes.")
@click.option(
    "--pixels",
    is_flag=True,
    help="Also decode every frame and label map; write what they are to pixels.json, and size and occlusion of every "
    "target to attributes.parquet.",
)
@json_option
def build_splits(
    dataset: str | None,
    data_root: Path,
    out: Path,
    version_name: str | None,
    videos: Path | None,
    supersedes: str | None,
    overwrite: bool,
    pixels: bool,
    as_json: bool,
    author_groups: bool,
    leave_out: tuple[str, ...],
    **rule: Any,  # Any: the options that BuildOptions has under the same names
) -> None:
    """Build a manifest: classes, folds, support draws and episodes.

    Only metadata is read, and no frames without --pixels. The same data and options give the same episodes on every
    machine. The dataset is a registered one (see 'fsbench list datasets') or described by a YAML file (see
    docs/guides/my-data.md).

    \b
    Examples:
      fsbench build-splits mini-ref-youtube-vos --data-root ~/data
      fsbench build-splits mini-ref-youtube-vos --data-root ~/data --shots 5 --frames 1 --version danet-v1
      fsbench build-splits my-set.yaml
    """
    from fsbench import api
    from fsbench.lists import read_ids
    from fsbench.splits.build import BuildOptions
    from fsbench.splits.report import summary_text

    listed = None if videos is None else read_ids(videos)
    if leave_out:
        rule["leave_out"] = tuple(each for each in leave_out if each != "nothing")
    options = BuildOptions(version=version_name, videos=listed, use_author_groups=author_groups, **rule)
    benchmark = api.build_splits(
        dataset,
        data_root,
        out=out,
        options=options,
        supersedes=supersedes,
        overwrite=overwrite,
        pixels=pixels,
        progress=True,
    )
    manifest = benchmark.manifest
    click.echo(json.dumps(manifest.info.model_dump(), indent=1) if as_json else summary_text(manifest))


@click.command()
@click.argument("splits", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--data-root",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Also check local data: every video, frame, object and sentence that the manifest refers to.",
)
@click.option("--pixels/--no-pixels", default=True, show_default=True, help="Decode frames and label maps, too.")
@click.option("--rebuild", is_flag=True, help="Also build it again from the local data by the rule that it records.")
@dataset_option("Local data that is described by a YAML file.", "the dataset that the manifest names")
@json_option
def verify(
    splits: Path, data_root: Path | None, pixels: bool, rebuild: bool, dataset: str | None, as_json: bool
) -> None:
    """Check a manifest, and local data against it; list all problems.

    With frames, every one is decoded, and its label map looked through for the objects that the manifest lists. The
    first time that all is sound, what they decode to is written to pixels.json beside the manifest; later calls find
    what has changed since.

    \b
    Examples:
      fsbench verify splits/mini-ref-davis/pack-v1 --data-root ~/data --rebuild
      fsbench verify splits/my-set/v1 --dataset my-set.yaml
    """
    from fsbench.datasets.catalogue import open_dataset
    from fsbench.errors import ManifestError
    from fsbench.splits.manifest import read_info
    from fsbench.splits.manifest import read_manifest
    from fsbench.splits.rebuild import rebuild_flaws
    from fsbench.splits.verify import verify_manifest

    local = None
    if data_root is not None or dataset is not None:
        local = open_dataset(dataset or read_info(splits).dataset, data_root or Path("data"))
    if local is not None and not local.has_frames():
        click.echo(f"{local.root}: no frames here, so only metadata is checked.", err=True)
    if rebuild and local is None:
        raise click.UsageError("--rebuild needs local data: give --data-root, or --dataset.")
    problems = verify_manifest(splits, local, pixels=pixels, progress=True)
    if rebuild and local is not None and not problems:
        problems = rebuild_flaws(read_manifest(splits), local)
    if as_json:
        click.echo(json.dumps([problem._asdict() for problem in problems], indent=1))
    else:
        click.echo("\n".join(f"{problem.where}: {problem.what}" for problem in problems) or f"{splits}: no problems")
    if problems:
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        raise ManifestError(f"{splits}: {count}. Build the split again, or fetch the data again.")
