"""What the affinity to the support is worth: every variant, trained and tested on version 2 of the embedded set.

    python benchmarks/shapes.py --out shapes --jobs 2

For each fold a ReferFormer is trained on the base classes (recipe `shapes`). From its weights each variant is trained
on for the same number of steps (recipe `shapes-meta`, or `shapes-meta-released`, which leaves the projections of the
affinity at their random values, as the released code does), stored in half precision, and tested on the novel classes
with all support draws; the ReferFormer among them also with steps on each support set. The ReferFormer that they start
from is tested on base classes alone, in videos that were rendered from another seed and that nothing was trained on:
set and recipe were chosen by that number.

Every training and every run goes on where it was stopped, so this can be called again and again until all is done; it
then prints the table of the base classes, and how to make leaderboard entries of the runs. `--base-only` stops before
any novel class is looked at. One process has one thread: more jobs are better than more threads.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

from fsbench.datasets.catalogue import dataset_spec
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import V2
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.running.runs import read_result
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from fsbench.text import columns

FOLDS = range(1, NUM_FOLDS + 1)
HELD_OUT = replace(V2, seed=1, videos_per_category=6)


@dataclass(frozen=True)
class Variant:
    """A row of the comparison.

    Attributes:
        method: Name of the method.
        label: The variant's name on the leaderboard; empty for the method's usual form.
        recipe: Of the second training.
        seed: Of the second training.
    """

    method: str
    label: str = ""
    recipe: str = "shapes-meta"
    seed: int = 0

    @property
    def name(self) -> str:
        """The name of its folders."""
        return f"{self.method}.{self.label}" if self.label else self.method


EMBEDDED = "mini-ref-shapes@v2"
FOLDER = dataset_spec(EMBEDDED).folders[0]
ON_EMBEDDED = ("--dataset", EMBEDDED, "--device", "cpu")  # without a GPU everybody gets the same
VARIANTS = (
    Variant("cma"),
    Variant("cma-add"),
    Variant("referformer"),
    Variant("cma-self"),
    Variant("cma", "untouched", recipe="shapes-meta-released"),
    Variant("cma", "seed-1", seed=1),
    Variant("cma-add", "seed-1", seed=1),
)


def main() -> None:
    """Parses the command line, does what is left to do, and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder for all of it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once, of one thread each")
    parser.add_argument("--base-only", action="store_true", help="train and test on base classes only")
    parser.add_argument("--folds", type=int, nargs="+", default=list(FOLDS), help="folds to work on")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    resolve_dataset(EMBEDDED, out / "data", progress=True)
    render_held_out(out / "held-out")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda fold: _pretrain(out, fold), arguments.folds))
        print(_base_table(out, arguments.folds), flush=True)
        if not arguments.base_only:
            work = [(variant, fold) for variant in VARIANTS for fold in arguments.folds]
            list(pool.map(lambda each: _train_and_test(out, *each), work))
            list(pool.map(lambda fold: _fine_tune_and_test(out, fold), arguments.folds))
            print(f"Entries of the runs on novel classes: fsbench submit {out / 'runs'}")


def render_held_out(root: Path) -> None:
    """Renders videos of another seed, with a manifest of one support draw."""
    generate_shapes(root / FOLDER, HELD_OUT, progress=True)
    info, rows = build_manifest(
        open_dataset(EMBEDDED, root), BuildOptions(draws=1, version="held-out", draws_from=ALL_VIDEOS)
    )
    write_manifest(root / "splits", info, rows)


def _pretrain(out: Path, fold: int) -> None:
    place = out / "trainings" / "pretrained" / f"fold-{fold}"
    _train(out, Variant("referformer", recipe="shapes"), fold, place)
    base = [part for other in FOLDS if other != fold for part in ("--fold", str(other))]
    held_out, runs = out / "held-out", out / "base-runs" / f"model-{fold}"
    where = (
        "--data-root",
        str(held_out),
        "--splits",
        str(held_out / "splits" / "mini-ref-shapes" / "held-out"),
        "--out",
        str(runs),
    )
    run_fsbench(
        "evaluate", "--method", "referformer", "--checkpoint", str(place / "model"), *where, *base, *ON_EMBEDDED
    )


def _train_and_test(out: Path, variant: Variant, fold: int) -> None:
    place = out / "trainings" / variant.name / f"fold-{fold}"
    _train(out, variant, fold, place, "--init", str(out / "trainings" / "pretrained" / f"fold-{fold}" / "model"))
    half = _half(out, variant.name, fold)
    run_fsbench("convert", str(place / "model"), str(half), "--method", variant.method, "--half")
    _test(out, variant, fold, half)


def _fine_tune_and_test(out: Path, fold: int) -> None:
    _test(out, Variant("referformer-finetune"), fold, _half(out, "referformer", fold))


def _half(out: Path, name: str, fold: int) -> Path:
    return out / "trainings" / name / f"fold-{fold}" / "half"


def _test(out: Path, variant: Variant, fold: int, half: Path) -> None:
    run = ("evaluate", "--method", variant.method, "--variant", variant.label, "--checkpoint", str(half))
    where = ("--data-root", str(out / "data"), "--out", str(out / "runs" / variant.name), "--fold", str(fold))
    run_fsbench(*run, *where, *ON_EMBEDDED)


def _train(out: Path, variant: Variant, fold: int, place: Path, *more: str) -> None:
    what = ("train", "--method", variant.method, "--recipe", variant.recipe, "--seed", str(variant.seed))
    where = ("--fold", str(fold), "--data-root", str(out / "data"), "--out", str(place))
    run_fsbench(*what, *where, *ON_EMBEDDED, "--resume", *more)


def run_fsbench(*arguments: str) -> None:
    """Runs a command with one thread. Raises SystemExit if it fails, after its errors were printed."""
    line = [sys.executable, "-m", "fsbench", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    print(f"fsbench {' '.join(arguments)}: {'done' if done.returncode == 0 else done.stderr}", flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)


def _base_table(out: Path, folds: Sequence[int]) -> str:
    """Returns J&F on base classes of each fold's first model, a mean over the folds that are not the model's."""
    means = []
    for fold in folds:
        runs = (out / "base-runs" / f"model-{fold}" / f"fold-{k}" for k in FOLDS if k != fold)
        scores = [read_result(run).score.mean["J&F"] for run in runs]
        means.append(100 * sum(scores) / len(scores))
    head = ("trained on base classes, tested on them", *(f"fold {fold}" for fold in folds), "mean")
    return columns([head, ("referformer", *(f"{mean:.1f}" for mean in means), f"{sum(means) / len(means):.1f}")])


if __name__ == "__main__":
    main()
