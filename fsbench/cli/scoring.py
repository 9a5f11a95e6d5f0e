"""Commands that score and check masks."""

import json
import os
from pathlib import Path
from typing import Any

import click

from fsbench.cli.options import Command
from fsbench.cli.options import data_root_option
from fsbench.cli.options import dataset_option
from fsbench.cli.options import draws_option
from fsbench.cli.options import folds_option
from fsbench.cli.options import integers
from fsbench.cli.options import json_option
from fsbench.cli.options import scoring_protocol_option
from fsbench.cli.options import splits_option
from fsbench.cli.options import tolerance_option
from fsbench.cli.options import workers_option

__all__ = ["score", "validate"]

_KEPT_BYTES = 16 << 20
"""Of each thread: several label maps."""


def _target(command: Command) -> Command:
    """The options that say what predictions are held against, and how."""
    options = [
        click.argument("predictions", type=click.Path(exists=True, path_type=Path)),
        click.option(
            "--truth",
            type=click.Path(exists=True, path_type=Path),
            help="A folder or zip of true masks; or, for masks of sentences, a dataset with all of its sentences: a "
            "root in the layout of Ref-YouTube-VOS, MeViS, A2D- or JHMDB-Sentences, or JSON in the form of "
            "YouTube-VIS, SA-Co or, of A2D and JHMDB, COCO.  [default: the episodes of the dataset's manifest]",
        ),
        dataset_option("Dataset of the manifest."),
        data_root_option,
        splits_option(),
        folds_option,
        draws_option,
        scoring_protocol_option,
        click.option(
            "--videos",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Score these videos alone: a list of ids, one a line (the signature then says so).",
        ),
        click.option(
            "--videos-of",
            type=click.Choice(["truth", "predictions"]),
            default="truth",
            show_default=True,
            help="Score the videos of the truth, or those of which there are predictions (the signature then says so).",
        ),
        click.option(
            "--void",
            type=click.Choice(["protocol", "object"]),
            default="protocol",
            show_default=True,
            help="What index 255 of label maps is: what the protocol takes it for, or an object, as in DAVIS-2016.",
        ),
        click.option(
            "--missing",
            type=click.Choice(["refuse", "empty"]),
            default="refuse",
            show_default=True,
            help="What a missing mask is: a problem, or an empty mask (the signature then says so).",
        ),
        click.option(
            "--extra",
            type=click.Choice(["refuse", "ignore"]),
            default="refuse",
            show_default=True,
            help="What a mask is that nobody asks for: a problem, or ignored.",
        ),
        click.option(
            "--min-score",
            metavar="S",
            type=float,
            help="Of masklets with scores, those with a score above it count (the signature then says so).  "
            "[default: all]",
        ),
        workers_option("Threads."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _asked(
    truth: Path | None,
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
    folds: tuple[int, ...],
    draws: str | None,
    protocol: str | None,
    videos: Path | None,
    videos_of: str,
    void: str,
    missing: str,
    extra: str,
    min_score: float | None,
    workers: int | None,
) -> dict[str, Any]:  # Any: what `fsbench.score` takes
    from fsbench import api
    from fsbench.lists import read_ids
    from fsbench.memory import keep_freed_memory

    keep_freed_memory(_KEPT_BYTES)
    if videos is not None and videos_of == "predictions":
        raise click.UsageError("Give either --videos or --videos-of predictions.")
    return {
        "truth": api.open_benchmark(dataset, data_root, splits, progress=True) if truth is None else truth,
        "protocol": protocol,
        "folds": folds,
        "draws": () if draws is None else integers(draws),
        "videos": None if videos is None else read_ids(videos),
        "only_predicted": videos_of == "predictions",
        "void": None if void == "protocol" else void,
        "missing_is_empty": missing == "empty",
        "ignore_extra": extra == "ignore",
        "min_score": min_score,
        "workers": workers or os.cpu_count() or 1,
        "progress": True,
    }


@click.command()
@_target
@tolerance_option
@click.option("--uint8-decay", is_flag=True, help="Wrap frame ids in decay at 8 bits, as davis2017-evaluation does.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the scores of every object or sentence to a .csv, .parquet or .json file.",
)
@json_option
def score(
    predictions: Path, tolerance: float | None, uint8_decay: bool, out: Path | None, as_json: bool, **asked: Any
) -> None:
    """Score masks that were made anywhere: what the protocol measures of every object or sentence, and the means.

    PREDICTIONS is a run, a folder or zip of PNG masks (<video>/<frame>.png or <video>/<expression>/<frame>.png, if you
    like below Annotations/, and below draw-<d>/ for several support draws), or COCO run-length codes as .json or
    .parquet, results on SA-Co, YouTube-VIS, A2D- and JHMDB-Sentences among them. It is refused, with all its problems,
    if 'fsbench validate' finds any. Without --fold and --draws it is scored by the folds and draws that it has masks
    of.

    Of a folder of label maps for each annotator (anno_0/, anno_1/, ...) each is scored, and the mean over them is
    taken: by --dataset ref-davis17 on the videos, and by the protocol, that the field scores there. With --protocol
    davis-2017-unsupervised, masks of all its sentences are merged into such label maps first.

    \b
    Examples:
      fsbench score results/ --truth DAVIS --protocol davis-2017 --videos DAVIS/ImageSets/2017/val.txt
      fsbench score results/ --dataset ref-davis17
      fsbench score predictions.zip --dataset mini-ref-youtube-vos --data-root ~/data --fold 2 --json
      fsbench score runs/mini-ref-davis/cma --dataset mini-ref-davis --data-root ~/data --protocol standard
    """
    from fsbench import api

    scores = api.score(predictions, tolerance=tolerance, uint8_decay=uint8_decay, **_asked(**asked))
    if out is not None:
        scores.write(out)
    click.echo(scores.to_json() if as_json else scores)


@click.command()
@_target
@json_option
def validate(predictions: Path, as_json: bool, **asked: Any) -> None:
    """Check masks without scoring them: every problem at once, grouped, with what to do. Exits with 4 if there are any.

    \b
    Example:
      fsbench validate predictions.zip --dataset mini-ref-youtube-vos --data-root ~/data --fold 2
    """
    from fsbench import api
    from fsbench.errors import SubmissionError
    from fsbench.submissions.problems import as_json as problems_json

    problems = api.validate(predictions, **_asked(**asked))
    if as_json:
        click.echo(json.dumps(problems_json(problems), indent=1))
    else:
        click.echo("\n".join([*([] if problems else [f"{predictions}: no problems"]), *filter(None, [str(problems)])]))
    if problems:
        raise SubmissionError(f"{predictions}: {len(problems)} problem{'s' * (len(problems) > 1)}.")
