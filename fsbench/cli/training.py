"""Commands that make weights."""

import os
from pathlib import Path
from typing import Any

import click

from fsbench.cli.options import backbone_option
from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import key_and_value
from fsbench.cli.options import keyed
from fsbench.cli.options import method_option
from fsbench.cli.options import method_options
from fsbench.cli.options import SEED
from fsbench.cli.options import splits_option
from fsbench.cli.options import workers_option

__all__ = ["convert", "train"]


@click.command()
@method_option()
@click.option("--fold", type=int, required=True, help="The fold whose base classes to train on.")
@dataset_option()
@data_root_option
@splits_option()
@click.option(
    "--recipe", metavar="NAME|FILE", help="A name (see docs/train.md), or a YAML file.  [default: by dataset]"
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A value of the recipe; may be repeated.")
@click.option(
    "--init", type=click.Path(path_type=Path), help="Weights to start from; {fold} in the path stands for the fold."
)
@backbone_option
@method_options
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of weights, episodes, augmentation and dropout.")
@workers_option("Processes that read frames.", default=0, least=0)
@click.option("--precision", type=click.Choice(["no", "bf16", "fp16"]), default="no", show_default=True, help="Mixed.")
@click.option("--compile", is_flag=True, help="Let torch compile the model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--track",
    type=click.Choice(["tensorboard", "wandb", "trackio"]),
    help="Also show every step there; the package is yours to install.  [default: nowhere]",
)
@click.option("--resume", is_flag=True, help="Go on where an earlier call was stopped.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the training.  [default: trainings/DATASET/METHOD/seed-S/fold-K]",
)
def train(
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
    options: tuple[str, ...],
    overrides: tuple[str, ...],
    backbone: str | None,
    **request: Any,  # Any: the options that TrainingRequest has under the same names
) -> None:
    """Train a method on the base classes of a fold; prints the checkpoint that evaluate takes.

    OUT holds the checkpoint (model/), the loss of every step (metrics.jsonl), a picture of it (curve.png), what it was
    made from (training.json) and the state to go on from (state.pt). A training that was stopped, however it was, goes
    on with --resume and ends in the same weights; another one in its folder is refused. TensorBoard's files, with
    --track tensorboard, are in OUT/fsbench. Needs: pip install 'fsbench[train]'.

    \b
    Examples:
      fsbench train --method cma --fold 2
      fsbench train --method cma --fold 1 --dataset mini-ref-youtube-vos --data-root ~/data \\
          --init ytvos_r50.pth --recipe corrected --workers 4 --precision bf16
      torchrun --nproc_per_node 4 -m fsbench train --method cma --fold 1 --data-root ~/data --init ytvos_r50.pth
    """
    from fsbench import api
    from fsbench.training.request import train_method
    from fsbench.training.request import TrainingRequest

    asked = TrainingRequest(
        benchmark=api.open_benchmark(dataset, data_root, splits, progress=True),
        options=keyed(options, backbone=backbone),
        overrides=dict(map(key_and_value, overrides)),
        progress=True,
        **request,
    )
    checkpoint = train_method(asked)
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        click.echo(checkpoint)


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@method_option("method_name", "The method that the weights are for.", "cma")
@backbone_option
@method_options
@click.option("--half", is_flag=True, help="Write numbers of 16 bits: half the size, and nearly the same masks.")
def convert(
    checkpoint: Path, out: Path, method_name: str, backbone: str | None, options: tuple[str, ...], half: bool
) -> None:
    """Write weights in this project's form: safetensors and a configuration in the folder OUT.

    Nothing in the file is executed. What evaluate takes as --checkpoint is either.

    \b
    Example:
      fsbench convert checkpoint.pth cma-fold-1 --method cma --backbone resnet50
    """
    from fsbench.methods.registry import find_method

    method = find_method(method_name)
    given = {**keyed(options, backbone=backbone), "checkpoint": str(checkpoint)}
    method.convert(method.resolve(given), out, half=half)
    click.echo(out)
