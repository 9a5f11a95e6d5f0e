"""The command line: a command parses, calls one function, and prints what it returns.

Nothing heavier than click is imported before a command runs, so `fsbench --help` answers at once.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import Literal
from typing import TypeVar

import click

import fsbench
from fsbench.errors import FsbenchError
from fsbench.errors import RunError

__all__ = ["main"]

FINISHED_WITH_FAILURES = 5
INTERRUPTED = 130

F = TypeVar("F", bound=Callable[..., Any])  # Any: a click command's parameters


class _Group(click.Group):
    """Turns errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:  # Any: as click declares it
        try:
            return super().invoke(ctx)
        except FsbenchError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Stopped. Run the same command again to go on.", err=True)
            ctx.exit(INTERRUPTED)


def _data_root(command: F) -> F:
    return click.option(
        "--data-root",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("data"),
        show_default=True,
        help="The dataset's own folder, or a folder that holds it.",
    )(command)


def _entries(command: F) -> F:
    return click.option(
        "--entries",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("leaderboard/entries"),
        show_default=True,
        help="Folder of the leaderboard's entries.",
    )(command)


def _json(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(fsbench.__version__, prog_name="fsbench")
@click.option("-v", "--verbose", is_flag=True, help="Also log what is being done.")
def main(verbose: bool) -> None:
    """Build, run and score few-shot referring video object segmentation benchmarks.

    \b
    Try it on the embedded set:   fsbench demo
    Run a method on real data:    fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root DIR

    Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 internal error, 2 wrong usage,
    3 wrong data or manifest, 4 wrong submission, 5 finished with failed episodes.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if verbose else logging.WARNING, format="%(message)s", force=True
    )


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything that the demo makes.",
)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes.  [default: number of cores]")
def demo(out: Path, workers: int | None) -> None:
    """Go the whole way on the embedded set: render it, build splits, evaluate, compare.

    Every method that has what it needs runs on the first of five support draws. Takes a few minutes; a demo that was
    stopped goes on where it was.
    """
    from fsbench.demo import run_demo

    click.echo(run_demo(out, workers=workers, progress=True))


@main.command("build-splits")
@click.argument("dataset", required=False)
@_data_root
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
@click.option("--shots", type=click.IntRange(min=1), default=1, show_default=True, help="Support videos per set.")
@click.option("--frames", type=click.IntRange(min=1), default=5, show_default=True, help="Frames per support video.")
@click.option("--draws", type=click.IntRange(min=1), default=5, show_default=True, help="Support sets per class.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every draw.")
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
    type=click.File(),
    help="A list of video ids, one a line: every one of them is used, instead of the rule.",
)
@click.option(
    "--author-groups/--no-author-groups",
    default=True,
    show_default=True,
    help="Take videos and folds from the release's splits/group*_test.json where it has them.",
)
@click.option("--with-text", is_flag=True, help="Write the sentences themselves, not only their digests.")
@click.option("--supersedes", metavar="NAME", help="Mark this older version as superseded by the new one.")
@click.option("--overwrite", is_flag=True, help="Replace a version that holds other episodes.")
@_json
def build_splits(
    dataset: str | None,
    data_root: Path,
    out: Path,
    version_name: str | None,
    videos: Any,  # Any: an open text file
    supersedes: str | None,
    overwrite: bool,
    as_json: bool,
    author_groups: bool,
    **rule: Any,  # Any: the options that BuildOptions has under the same names
) -> None:
    """Build a manifest: classes, folds, support draws and episodes.

    Only metadata is read, never frames. The same data and options give the same episodes on every machine.

    \b
    Examples:
      fsbench build-splits mini-ref-youtube-vos --data-root ~/data
      fsbench build-splits mini-ref-youtube-vos --data-root ~/data --shots 5 --frames 1 --version danet-v1
    """
    from fsbench.datasets.catalogue import resolve_dataset
    from fsbench.splits.build import build_manifest
    from fsbench.splits.build import BuildOptions
    from fsbench.splits.manifest import mark_superseded
    from fsbench.splits.manifest import write_manifest
    from fsbench.splits.report import summary_text

    listed = None if videos is None else tuple(dict.fromkeys(videos.read().split()))
    options = BuildOptions(version=version_name, videos=listed, use_author_groups=author_groups, **rule)
    info, rows = build_manifest(resolve_dataset(dataset, data_root, progress=True), options)
    written = write_manifest(out, info, rows, overwrite=overwrite)
    folder = out / info.dataset / info.version
    if supersedes:
        mark_superseded(out / info.dataset / supersedes, info.version)
    if as_json:
        click.echo(json.dumps(info.model_dump(), indent=1))
    else:
        click.echo(summary_text(info, rows))
        click.echo(f"{folder}: {'written' if written else 'unchanged'}")


@main.command()
@click.argument("splits", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--data-root",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Also check local data: every video, frame, object and sentence that the manifest refers to.",
)
@click.option("--pixels/--no-pixels", default=True, show_default=True, help="Look for the objects in the label maps.")
@_json
def verify(splits: Path, data_root: Path | None, pixels: bool, as_json: bool) -> None:
    """Check a manifest, and local data against it; list all problems.

    \b
    Example:
      fsbench verify splits/mini-ref-davis/pack-v1 --data-root ~/data
    """
    from fsbench.datasets.catalogue import open_dataset
    from fsbench.errors import ManifestError
    from fsbench.splits.manifest import read_info
    from fsbench.splits.verify import frames_on_disk
    from fsbench.splits.verify import verify_manifest

    dataset = open_dataset(read_info(splits).dataset, data_root) if data_root else None
    if dataset is not None and not frames_on_disk(dataset):
        click.echo(f"{dataset.root}: no frames here, so only metadata is checked.", err=True)
    problems = verify_manifest(splits, dataset, pixels=pixels, progress=True)
    if as_json:
        click.echo(json.dumps([problem._asdict() for problem in problems], indent=1))
    else:
        click.echo("\n".join(f"{problem.where}: {problem.what}" for problem in problems) or f"{splits}: no problems")
    if problems:
        raise ManifestError(f"{splits}: {len(problems)} problems. Build the split again, or fetch the data again.")


@main.command()
@click.option("--method", "method_name", required=True, metavar="NAME", help="A registered method, or module:attr.")
@click.option("--fold", "folds", type=int, multiple=True, help="Fold to evaluate; may be repeated.  [default: all]")
@click.option("--dataset", metavar="NAME", help="[default: the dataset under the data root, else the embedded one]")
@_data_root
@click.option(
    "--splits",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A manifest, or a folder of splits.  [default: splits/ here, then the manifests that fsbench ships]",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Weights of the method; {fold} in the path stands for the fold.  [default: those that the method ships]",
)
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the method; may be repeated."
)
@click.option("--variant", default="", help="A name for this way of running the method, to tell its runs apart.")
@click.option("--draws", metavar="LIST", help="Support draws, e.g. 0-4 or 0,2.  [default: all]")
@click.option("--protocol", default="standard", show_default=True, help="See 'fsbench list protocols'.")
@click.option("--device", default="auto", show_default=True, help="For methods that use one: auto, cpu, cuda, mps.")
@click.option("--backbone", help="The same as --option backbone=NAME.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="The same as --option dtype=NAME.")
@click.option(
    "--max-frames",
    type=click.IntRange(min=1),
    help="Frames that a method may hold at once, where memory is short; the same as --option max_frames=N.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; each fold goes to OUT/fold-K.  [default: runs/DATASET/METHOD[.VARIANT]]",
)
@click.option(
    "--memo-mib",
    type=click.IntRange(min=0),
    default=512,
    show_default=True,
    help="MiB that a method may keep of a video for later sentences and draws; more is faster, for each worker.",
)
@click.option("--keep-going", is_flag=True, help="Record episodes that fail, go on, and exit with 5.")
@click.option("--restart", is_flag=True, help="Discard what an earlier call left in the run's folder.")
@_json
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
    out: Path | None,
    as_json: bool,
    **run: Any,  # Any: the options that RunOptions has under the same names
) -> None:
    """Run a method over the episodes of one or more folds, and score it.

    A run that was stopped goes on where it was when the same command is given again.

    \b
    Examples:
      fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root ~/data --workers 4
      fsbench evaluate --method my_package.my_module:MyMethod --fold 2 --option temperature=0.1
      fsbench evaluate --method cma --checkpoint 'trainings/mini-ref-shapes/cma/seed-0/fold-{fold}/model'
    """
    from fsbench.running.cost import read_timing
    from fsbench.running.evaluate import evaluate_method
    from fsbench.running.evaluate import Request
    from fsbench.running.fold import RunOptions
    from fsbench.running.report import results_json
    from fsbench.running.report import results_text

    request = Request(
        method=method_name,
        dataset=dataset,
        data_root=data_root,
        splits=splits,
        folds=folds,
        draws=None if draws is None else _integers(draws),
        options=_options(options, backbone=backbone, dtype=dtype, max_frames=max_frames),
        checkpoint=checkpoint,
        device=device,
        protocol=protocol,
        variant=variant,
        out=out,
    )
    results = evaluate_method(request, RunOptions(progress=True, **run))
    timing = {folder: read_timing(folder) for folder in results}
    click.echo(results_json(results, timing) if as_json else results_text(results, timing))
    failed = sum(len(result.failures) for result in results.values())
    if failed:
        first = next(iter(next(r.failures for r in results.values() if r.failures).values()))
        click.echo(f"{failed} episodes failed and are not in these scores; the first: {first}", err=True)
        click.get_current_context().exit(FINISHED_WITH_FAILURES)


@main.command()
@click.option("--method", required=True, metavar="NAME", help="A registered method, or module:attr.")
@click.option("--fold", type=int, required=True, help="The fold whose base classes to train on.")
@click.option("--dataset", metavar="NAME", help="[default: as in evaluate]")
@_data_root
@click.option(
    "--splits",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A manifest, or a folder of splits.  [default: as in evaluate]",
)
@click.option("--recipe", metavar="NAME|FILE", help="A name (see the README), or a YAML file.  [default: by dataset]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A value of the recipe; may be repeated.")
@click.option(
    "--init", type=click.Path(path_type=Path), help="Weights to start from; {fold} in the path stands for the fold."
)
@click.option("--backbone", help="The same as --option backbone=NAME.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the method; may be repeated."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, episodes, augmentation and dropout.")
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, help="Processes that read frames.")
@click.option("--precision", type=click.Choice(["no", "bf16", "fp16"]), default="no", show_default=True, help="Mixed.")
@click.option("--compile", is_flag=True, help="Let torch compile the model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--resume", is_flag=True, help="Go on where an earlier call was stopped.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the training.  [default: trainings/DATASET/METHOD/seed-S/fold-K]",
)
def train(options: tuple[str, ...], overrides: tuple[str, ...], backbone: str | None, **request: Any) -> None:
    """Train a method on the base classes of a fold; prints the checkpoint that evaluate takes.

    OUT holds the checkpoint (model/), the loss of every step (metrics.jsonl), a picture of it (curve.png), what it was
    made from (training.json) and the state to go on from (state.pt). A training that was stopped, however it was, goes
    on with --resume and ends in the same weights. Needs: pip install 'fsbench[train]'.

    \b
    Examples:
      fsbench train --method cma --fold 2
      fsbench train --method cma --fold 1 --dataset mini-ref-youtube-vos --data-root ~/data \\
          --init ytvos_r50.pth --recipe corrected --workers 4 --precision bf16
      torchrun --nproc_per_node 4 -m fsbench train --method cma --fold 1 --data-root ~/data --init ytvos_r50.pth
    """
    from fsbench.training.request import train_method
    from fsbench.training.request import TrainingRequest

    asked = TrainingRequest(
        options=_options(options, backbone=backbone), overrides=dict(map(_pair, overrides)), progress=True, **request
    )
    checkpoint = train_method(asked)
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        click.echo(checkpoint)


def _target(command: F) -> F:
    """The options that say what predictions are held against, and how."""
    options = [
        click.argument("predictions", type=click.Path(exists=True, path_type=Path)),
        click.option(
            "--truth",
            type=click.Path(exists=True, path_type=Path),
            help="A folder or zip of true masks.  [default: the episodes of the dataset's manifest]",
        ),
        click.option("--dataset", metavar="NAME", help="Dataset of the manifest.  [default: as in evaluate]"),
        _data_root,
        click.option(
            "--splits",
            type=click.Path(file_okay=False, exists=True, path_type=Path),
            help="A manifest, or a folder of splits.  [default: as in evaluate]",
        ),
        click.option("--fold", "folds", type=int, multiple=True, help="Fold; may be repeated.  [default: all]"),
        click.option("--draws", metavar="LIST", help="Support draws, e.g. 0-4 or 0,2.  [default: all]"),
        click.option("--protocol", default="standard", show_default=True, help="See 'fsbench list protocols'."),
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
            "--workers", type=click.IntRange(min=1), default=None, help="Threads.  [default: number of cores]"
        ),
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
    protocol: str,
    missing: str,
    extra: str,
    workers: int | None,
) -> tuple[Any, Any, Any]:  # Any: Target, Protocol, PassOptions, which are imported here
    from fsbench.protocol import named_protocol
    from fsbench.submissions.passing import PassOptions
    from fsbench.submissions.reference import Target

    target = Target(truth, dataset, data_root, splits, folds, () if draws is None else _integers(draws))
    options = PassOptions(
        missing_is_empty=missing == "empty",
        ignore_extra=extra == "ignore",
        workers=workers or os.cpu_count() or 1,
        progress=True,
    )
    return target, named_protocol(protocol), options


@main.command()
@_target
@click.option("--uint8-decay", is_flag=True, help="Wrap frame ids in decay at 8 bits, as davis2017-evaluation does.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the scores of every object or sentence to a .csv, .parquet or .json file.",
)
@_json
def score(predictions: Path, uint8_decay: bool, out: Path | None, as_json: bool, **asked: Any) -> None:
    """Score masks that were made anywhere: J and F of every object or sentence, and their means.

    PREDICTIONS is a run, a folder or zip of PNG masks (<video>/<frame>.png or <video>/<expression>/<frame>.png, if you
    like below Annotations/, and below draw-<d>/ for several support draws), or COCO run-length codes as .json or
    .parquet. It is refused, with all its problems, if 'fsbench validate' finds any.

    \b
    Examples:
      fsbench score results/ --truth DAVIS/Annotations/480p --protocol davis-2017
      fsbench score predictions.zip --dataset mini-ref-youtube-vos --data-root ~/data --fold 2 --json
      fsbench score runs/mini-ref-davis/cma --dataset mini-ref-davis --data-root ~/data --protocol standard
    """
    from fsbench.submissions.report import scores_json
    from fsbench.submissions.report import scores_text
    from fsbench.submissions.report import write_scores
    from fsbench.submissions.score import score as score_predictions

    target, protocol, options = _asked(**asked)
    scores = score_predictions(predictions, target, protocol, options, uint8_decay=uint8_decay)
    if out is not None:
        write_scores(out, scores)
    click.echo(scores_json(scores) if as_json else scores_text(scores))


@main.command()
@_target
@_json
def validate(predictions: Path, as_json: bool, **asked: Any) -> None:
    """Check masks without scoring them: every problem at once, grouped, with what to do. Exits with 4 if there are any.

    \b
    Example:
      fsbench validate predictions.zip --dataset mini-ref-youtube-vos --data-root ~/data --fold 2
    """
    from fsbench.errors import SubmissionError
    from fsbench.submissions.problems import as_json as problems_json
    from fsbench.submissions.problems import report
    from fsbench.submissions.score import validate as validate_predictions

    problems = validate_predictions(predictions, *_asked(**asked))
    if as_json:
        click.echo(json.dumps(problems_json(problems), indent=1))
    else:
        click.echo(report(problems) if problems else f"{predictions}: no problems")
    if problems:
        raise SubmissionError(f"{predictions}: {len(problems)} problems.")


@main.command()
@click.argument("run", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--draw", metavar="D", type=int, help="Write this support draw alone, without a draw-<d> level.")
def export(run: Path, out: Path, draw: int | None) -> None:
    """Write a run's masks as PNG, in the form of the field's folders, or as a zip of them.

    \b
    Example:
      fsbench export runs/mini-ref-davis/colour-prototype masks.zip
    """
    from fsbench.submissions.export import export_run

    export_run(run, out, draw=draw)
    click.echo(out)


@main.command()
@click.argument("run", type=click.Path(file_okay=False, exists=True, path_type=Path))
@_entries
@click.option("--link", "links", multiple=True, metavar="URL", help="Of code, weights or a paper; may be repeated.")
@click.option(
    "--trained-on",
    "trained_classes",
    multiple=True,
    metavar="CLASS",
    help="A class that the weights have seen; may be repeated. Novel ones are flagged on the leaderboard.",
)
def submit(run: Path, entries: Path, links: tuple[str, ...], trained_classes: tuple[str, ...]) -> None:
    """Turn the finished runs in a folder into leaderboard entries.

    RUN is a run's folder, or one that holds several (all folds of a method, or all of runs/). Beside an entry's JSON
    goes the score of every episode, and of the episodes that the leaderboard shows, every frame's.

    \b
    Examples:
      fsbench submit runs/mini-ref-davis/colour-prototype
      fsbench submit runs/mini-ref-youtube-vos/mine --link https://example.org/code --trained-on person
    """
    from fsbench.leaderboard import entries_from_runs
    from fsbench.leaderboard import write_entries

    found = entries_from_runs(run, trained_classes=trained_classes, links=links)
    if not found:
        raise RunError(f"{run}: holds no finished run (no result.json). Run 'fsbench evaluate' first.")
    for path in write_entries(entries, found):
        click.echo(path)


@main.command()
@click.argument("one", type=click.Path(exists=True, path_type=Path))
@click.argument("other", type=click.Path(exists=True, path_type=Path))
@_json
def compare(one: Path, other: Path, as_json: bool) -> None:
    """Say whether two methods differ: over all episodes, in each fold, in each class.

    ONE and OTHER are folders of finished runs of a method, or the JSON files of entries. Both must be of the same
    episodes and protocol.

    \b
    Examples:
      fsbench compare runs/mini-ref-shapes/cma runs/mini-ref-shapes/cma-add
      fsbench compare leaderboard/entries/mini-ref-davis/colour-prototype.json runs/mini-ref-davis/mine
    """
    from fsbench.leaderboard.compare import compare as compare_entries
    from fsbench.leaderboard.compare import comparison_json
    from fsbench.leaderboard.compare import comparison_text
    from fsbench.leaderboard.compare import read_side

    sides = read_side(one), read_side(other)
    found = compare_entries(*sides)
    click.echo((comparison_json if as_json else comparison_text)(*sides, found))


@main.command()
@_entries
@click.option(
    "--runs", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Show finished runs instead."
)
@click.option(
    "--format", "style", type=click.Choice(["md", "csv", "latex", "json", "html"]), default="md", show_default=True
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the site; for html.")
@click.option(
    "--data-root",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="For html: also show pixels and sentences of datasets that are there. Such a site is for yourself alone.",
)
@click.option("--write", is_flag=True, help="Write README.md beside the entries.")
@click.option("--check", is_flag=True, help="Fail if README.md beside the entries does not follow from them.")
def leaderboard(
    entries: Path,
    runs: Path | None,
    style: Literal["md", "csv", "latex", "json", "html"],
    out: Path | None,
    data_root: Path | None,
    write: bool,
    check: bool,
) -> None:
    """Print tables of entries or runs, one for each dataset, manifest and protocol; or write a site of them.

    The site (html) is a folder of pages that open from disk: tables with intervals, scores by class and support draw, a
    page for each method, any two methods compared, and a gallery of episodes.

    \b
    Examples:
      fsbench leaderboard --format latex > table.tex
      fsbench leaderboard --runs runs
      fsbench leaderboard --format html --out site
    """
    from fsbench.files import write_whole
    from fsbench.leaderboard import entries_from_runs
    from fsbench.leaderboard import read_entries
    from fsbench.leaderboard import readme
    from fsbench.leaderboard import render

    if style != "html" and (out is not None or data_root is not None):
        raise click.UsageError("--out and --data-root are for --format html.")
    found = read_entries(entries) if runs is None else entries_from_runs(runs)
    if not found:
        where = entries if runs is None else runs
        raise RunError(f"{where}: no entries. Make some with 'fsbench evaluate' and 'fsbench submit'.")
    if style == "html":
        if out is None:
            raise click.UsageError("A site is a folder: say with --out where it goes.")
        from fsbench.leaderboard.site import make_boards
        from fsbench.leaderboard.site import write_site

        click.echo(write_site(out, make_boards(found, data_root=data_root)))
        return
    path = entries.parent / "README.md"
    if (write or check) and runs is not None:
        raise click.UsageError("--write and --check are for entries; submit the runs first.")
    if write:
        write_whole(path, readme(found))
        click.echo(path)
    elif check:
        if not path.is_file() or path.read_text(encoding="utf-8") != readme(found):
            raise RunError(f"{path} does not follow from the entries. Run 'fsbench leaderboard --write'.")
        click.echo(f"{path}: follows from the {len(found)} entries")
    else:
        click.echo(render(found, style), nl=False)


@main.command()
@click.argument("episode", required=False)
@click.option("--class", "class_name", metavar="NAME", help="Show the support sets of this class instead.")
@click.option(
    "--run",
    "runs",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    multiple=True,
    help="A finished run whose masks to show; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A contact sheet (.png), a video (.mp4) or a page (.html).",
)
@click.option("--dataset", metavar="NAME", help="[default: as in evaluate]")
@_data_root
@click.option(
    "--splits",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A manifest, or a folder of splits.  [default: as in evaluate]",
)
def show(
    episode: str | None,
    class_name: str | None,
    runs: tuple[Path, ...],
    out: Path,
    dataset: str | None,
    data_root: Path,
    splits: Path | None,
) -> None:
    """Draw an episode: its support, its query, the truth (white) and what runs made of it.

    \b
    Examples:
      fsbench show f1/dax/d0/dax-00/0 --out episode.png
      fsbench show f0/bird/d0/blackswan/0 --dataset mini-ref-davis --data-root DIR \\
          --run runs/mini-ref-davis/colour-prototype --run runs/mini-ref-davis/support-copy --out episode.mp4
      fsbench show --class dax --out dax.png
    """
    from fsbench.show import show_class
    from fsbench.show import show_episode
    from fsbench.show import Source

    if (episode is None) == (class_name is None):
        raise click.UsageError("Name an episode, or a class with --class.")
    source = Source(dataset, data_root, splits)
    if class_name is not None:
        show_class(class_name, source, out)
    elif episode is not None:
        show_episode(episode, runs, source, out)
    click.echo(out)


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--method", "method_name", default="cma", show_default=True, help="The method that the weights are for.")
@click.option("--backbone", help="The same as --option backbone=NAME.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the method; may be repeated."
)
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
    given = {**_options(options, backbone=backbone), "checkpoint": str(checkpoint)}
    method.convert(method.resolve(given), out, half=half)
    click.echo(out)


@main.command("list")
@click.argument("what", type=click.Choice(["methods", "datasets", "protocols"]))
def list_(what: str) -> None:
    """List the methods, datasets or protocols that can be named."""
    from fsbench.listing import listing

    click.echo(listing(what))


def _options(pairs: tuple[str, ...], **named: str | int | None) -> dict[str, str]:
    given = {key: str(value) for key, value in named.items() if value is not None}
    return {**dict(_pair(text) for text in pairs), **given}


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE.", param_hint="--option")
    return key, value


def _integers(text: str) -> tuple[int, ...]:
    """Reads "0-2,4" as (0, 1, 2, 4)."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not (first.isdigit() and (last or first).isdigit()):
            raise click.BadParameter(f"{text!r} is not a list like 0-4 or 0,2.", param_hint="--draws")
        numbers.update(range(int(first), int(last or first) + 1))
    if not numbers:
        raise click.BadParameter(f"{text!r} names no draw.", param_hint="--draws")
    return tuple(sorted(numbers))
