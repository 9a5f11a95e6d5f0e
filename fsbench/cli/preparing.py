"""Commands that make datasets out of releases of others."""

import json
from pathlib import Path

import click

from fsbench.cli.options import json_option

__all__ = ["prepare"]


@click.group()
def prepare() -> None:
    """Make a dataset, with its manifest, out of the release of another."""


@prepare.command()
@click.option(
    "--davis",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="The DAVIS 2017 release at 480p: JPEGImages/480p, Annotations_unsupervised/480p or Annotations/480p, and "
    "ImageSets/2017; or the folder that holds its DAVIS/.",
)
@click.option(
    "--text",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="The sentences: a folder of Davis17_annot1.txt, Davis17_annot1_full_video.txt, Davis17_annot2.txt and "
    "Davis17_annot2_full_video.txt, or of meta_expressions.json, or of new_train.json and new_valid.json.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/ref-davis17"),
    show_default=True,
    help="Folder to make.",
)
@click.option(
    "--splits",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("splits"),
    show_default=True,
    help="Folder of all splits; the manifest goes to SPLITS/ref-davis17/v1/.",
)
@click.option(
    "--link/--copy", default=False, show_default=True, help="Link the release's pictures and label maps, or copy them."
)
@json_option
def davis(davis: Path, text: Path, out: Path, splits: Path, link: bool, as_json: bool) -> None:
    """Make the dataset ref-davis17: DAVIS 2017 in the layout of Ref-YouTube-VOS, with the sentences of Ref-DAVIS17.

    All listed videos are taken, train and val; the manifest is the cross-domain few-shot set of every class that has at
    least two videos of this class alone. The folder is made whole or not at all, and stays where it is the same
    already. Frames are copied, so that it stands alone, or linked. Label maps are those of Annotations_unsupervised, as
    the field takes them, or of Annotations where the others are not there.

    \b
    Example:
      fsbench prepare davis --davis ~/DAVIS --text ~/davis_text_annotations
    """
    from fsbench.preparing import prepare_ref_davis17
    from fsbench.splits.report import summary_text

    manifest = prepare_ref_davis17(davis, text, out, splits, link=link, progress=True).manifest
    click.echo(json.dumps(manifest.info.model_dump(), indent=1) if as_json else summary_text(manifest))
