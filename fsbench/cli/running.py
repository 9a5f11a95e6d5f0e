"""The commands that run methods."""

import time
from pathlib import Path
from typing import Any

import click

from fsbench.cli.options import carrying_options
from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import draws_option
from fsbench.cli.options import folds_option
from fsbench.cli.options import integers
from fsbench.cli.options import json_option
from fsbench.cli.options import keyed
from fsbench.cli.options import making_options
from fsbench.cli.options import method_option
from fsbench.cli.options import protocol_option
from fsbench.cli.options import shard_option
from fsbench.cli.options import splits_option
from fsbench.cli.options import tolerance_option
from fsbench.splits.controls import CONTROLS

__all__ = ["evaluate", "gather", "predict"]

FINISHED_WITH_FAILURES = 5


@click.command()
@method_option("method_name")
@folds_option
@dataset_option(default="the dataset under the data root, else the embedded one")
@data_root_option
@splits_option(default="splits/ here, then the manifests that fsbench ships")
@making_options("Weights; {fold} in the path stands for the fold.  [default: those that the method ships]")
@click.option("--variant", default="", help="A name for this way of running the method, to tell its runs apart.")
@draws_option
@click.option(
    "--control",
    type=click.Choice(CONTROLS),
    help="Give each class the support sets of the next class of its fold, or its own with empty masks: what is lost by "
    "it is what the method has from the support. Never an entry.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take the first N query videos of each fold, with all their sentences and draws. Never an entry.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME",
    help="Take this class alone; may be repeated. Folds without it are left out. Never an entry.",
)
@shard_option
@protocol_option
@tolerance_option
@carrying_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; each fold goes to OUT/fold-K.  [default: runs/DATASET/METHOD[.VARIANT...]]",
)
@click.option("--keep-going", is_flag=True, help="Record episodes that fail, go on, and exit with 5.")
@click.option("--restart", is_flag=True, help="Discard what an earlier call left in the run's folder.")
@json_option
def evaluate(
    method_name: str,
    folds: tuple[int, ...],
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
    checkpoint: Path | None,
    options: tuple[str, ...],
    variant: str,
    draws: str | None,
    protocol: str,
    device: str,
    backbone: str | None,
    dtype: str | None,
    max_frames: int | None,
    batch_sentences: int | None,
    out: Path | None,
    as_json: bool,
    **run: Any,  # Any: the options that `fsbench.evaluate` has under the same names
) -> None:
    """Run a method over the episodes of one or more folds, and score it.

    A run that was stopped goes on where it was when the same command is given again, and one that is finished is
    extended when more --draws are asked for.

    \b
    Examples:
      fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root ~/data --workers 4
      fsbench evaluate --method my_package.my_module:MyMethod --fold 2 --option temperature=0.1
      fsbench evaluate --method mine --fold 1,2 --draws 0 --limit 3
      fsbench evaluate --method colour-prototype --refine flow --option refine_preset=fast
      fsbench evaluate --method mine --control other-class
      fsbench evaluate --method mine --shard 3/16       # then, when all 16 are done: fsbench gather
      fsbench evaluate --method cma --checkpoint 'trainings/mini-ref-shapes/cma/seed-0/fold-{fold}/model'
    """
    from fsbench import api
    from fsbench.text import duration

    started = time.monotonic()

    result = api.evaluate(
        method_name,
        api.open_benchmark(dataset, data_root, splits, progress=True),
        folds=folds,
        draws=None if draws is None else integers(draws),
        options=keyed(options, backbone=backbone, dtype=dtype, max_frames=max_frames, batch_sentences=batch_sentences),
        checkpoint=checkpoint,
        device=device,
        protocol=protocol,
        variant=variant,
        out=out,
        progress=True,
        **run,
    )
    click.echo(result.to_json() if as_json else result)
    if run["shard"] is not None:
        click.echo("One shard of several: 'fsbench gather' joins them when all are done.", err=True)
    click.echo(f"Done in {duration(time.monotonic() - started)}.", err=True)
    if failures := result.failures:
        first = next(iter(failures.values()))
        click.echo(f"{len(failures)} episodes failed and are not in these scores; the first: {first}", err=True)
        click.get_current_context().exit(FINISHED_WITH_FAILURES)


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.argument("shards", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@splits_option()
@click.option("--restart", is_flag=True, help="Discard what OUT holds of another run.")
@json_option
def gather(out: Path, as_json: bool, **found: Any) -> None:  # Any: the options of `fsbench.gather`
    """Join the shards of a run (evaluate --shard) to the run that one call would have made.

    OUT is the folder of the run; SHARDS are the folders OUT.shard-I-of-N beside it unless others are named. Shards that
    are missing, unfinished, there twice or of different runs are an error; nothing is changed in them.

    \b
    Example:
      for i in 1 2 3 4; do fsbench evaluate --method mine --shard $i/4; done
      fsbench gather runs/mini-ref-youtube-vos/mine
    """
    from fsbench import api

    run = api.gather(out, **found)
    click.echo(run.to_json() if as_json else run)


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@method_option("method_name", "A method that ignores the support: a registered one, module:attr, or FILE.py:Class.")
@dataset_option(default="what lies in --data-root, told by its form")
@data_root_option
@click.option(
    "--part",
    type=click.Choice(["valid", "test", "all"]),
    help="A part whose truth is kept back: of the official lists of Ref-YouTube-VOS, or of the folders of MeViS.  "
    "[default: what has its truth; else as in export]",
)
@making_options("Weights of the method.  [default: those that the method ships]")
@click.option(
    "--videos",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Answer these videos alone: a list of ids, one a line.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Answer the first N videos; the same command without it goes on.",
)
@carrying_options
@click.option("--restart", is_flag=True, help="Discard the masks that an earlier call left in OUT.")
@json_option
def predict(
    out: Path,
    method_name: str,
    options: tuple[str, ...],
    backbone: str | None,
    dtype: str | None,
    max_frames: int | None,
    batch_sentences: int | None,
    videos: Path | None,
    as_json: bool,
    **asked: Any,  # Any: the options that `fsbench.predict` has under the same names
) -> None:
    """Let a method answer every sentence of a dataset, without support sets and without truth.

    OUT is a folder of run-length codes, which score, validate and export take. What was stopped goes on when the same
    command is given again. Data may lie as Ref-YouTube-VOS, MeViS, ReVOS and JHMDB-Sentences do, or be any dataset that
    can be named; its label maps are not looked at.

    \b
    Examples:
      fsbench predict masks --method referformer --checkpoint ytvos_r50.pth --data-root ~/ref-youtube-vos --part valid
      fsbench export masks valid.zip --format ref-youtube-vos --data-root ~/ref-youtube-vos
      fsbench predict masks --method clipseg --dataset ref-davis17 --workers 4
      fsbench score masks --dataset ref-davis17 --protocol davis-2017-unsupervised
    """
    from fsbench import api
    from fsbench.lists import read_ids

    asked["videos"] = None if videos is None else read_ids(videos)
    chosen = keyed(options, backbone=backbone, dtype=dtype, max_frames=max_frames, batch_sentences=batch_sentences)
    found = api.predict(method_name, out, options=chosen, progress=True, **asked)
    click.echo(found.to_json() if as_json else found)
