"""Commands that make datasets out of releases of others."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING
from typing import TypeVar

import click

from fsbench.cli.options import json_option

if TYPE_CHECKING:
    from fsbench.splits.benchmark import Benchmark

__all__ = ["prepare"]


@click.group()
def prepare() -> None:
    """Make a dataset, with its manifest, out of the release of another."""


_FOLDER = partial(click.Path, file_okay=False, path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])  # Any: options


def _made(name: str) -> Callable[[_Command], _Command]:
    """Adds the options that say where the dataset of this name and its manifest go."""

    def add(command: _Command) -> _Command:
        options = [
            click.option(
                "--out", type=_FOLDER(), default=Path(f"data/{name}"), show_default=True, help="Folder to make."
            ),
            click.option(
                "--splits",
                type=_FOLDER(),
                default=Path("splits"),
                show_default=True,
                help=f"Folder of all splits; the manifest goes to SPLITS/{name}/v1/.",
            ),
            click.option(
                "--link/--copy",
                default=False,
                show_default=True,
                help="Link the release's pictures and label maps, or copy them.",
            ),
            json_option,
        ]
        for option in reversed(options):
            command = option(command)
        return command

    return add


@prepare.command()
@click.option(
    "--davis",
    type=_FOLDER(exists=True),
    required=True,
    help="The DAVIS 2017 release at 480p: JPEGImages/480p, Annotations_unsupervised/480p or Annotations/480p, and "
    "ImageSets/2017; or the folder that holds its DAVIS/.",
)
@click.option(
    "--text",
    type=_FOLDER(exists=True),
    required=True,
    help="The sentences: a folder of Davis17_annot1.txt, Davis17_annot1_full_video.txt, Davis17_annot2.txt and "
    "Davis17_annot2_full_video.txt, or of meta_expressions.json, or of new_train.json and new_valid.json.",
)
@_made("ref-davis17")
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

    _show(prepare_ref_davis17(davis, text, out, splits, link=link, progress=True), as_json=as_json)


@prepare.command("mini-vspw")
@click.option(
    "--vspw",
    type=_FOLDER(exists=True),
    required=True,
    help="VSPW at 480p: VSPW_480p with data/<video>/origin and mask, or the folder that holds it.",
)
@click.option(
    "--lists",
    type=_FOLDER(exists=True),
    required=True,
    help="MiniVSPW's lists: the folder nminivspw_pascal of class_test_<k>.json and test_<k>.txt, or one that holds it.",
)
@_made("few-shot-mini-vspw")
def mini_vspw(vspw: Path, lists: Path, out: Path, splits: Path, link: bool, as_json: bool) -> None:
    """Make the dataset few-shot-mini-vspw: few-shot VOS without sentences on the test videos of MiniVSPW.

    An object is a class, as the masks have it. Only the listed frames are taken, of the four folds' test videos. The
    folder is made whole or not at all, and stays where it is the same already.

    \b
    Example:
      fsbench prepare mini-vspw --vspw ~/VSPW_480p --lists ~/tti_fsvos/lists --link
    """
    from fsbench.preparing import prepare_few_shot_mini_vspw

    _show(prepare_few_shot_mini_vspw(vspw, lists, out, splits, link=link, progress=True), as_json=as_json)


def _show(made: "Benchmark", *, as_json: bool) -> None:
    from fsbench.splits.report import summary_text

    info = made.manifest.info
    click.echo(json.dumps(info.model_dump(), indent=1) if as_json else summary_text(made.manifest))
