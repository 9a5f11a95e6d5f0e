"""What the affinity to the support is worth: every variant, trained and tested on the embedded set, in one command.

    python benchmarks/shapes.py --out shapes --jobs 2

For each fold a ReferFormer is trained on the base classes (recipe `shapes`). From its weights each variant is trained
on for the same number of steps (recipe `shapes-meta`, or `shapes-meta-released`, which leaves the projections of the
affinity at their random values, as the released code does), and tested on the novel classes with all support draws.
Each model is also tested on base classes, in videos that were rendered from another seed and that nothing was trained
on.

Every training and every run goes on where it was stopped, so this can be called again and again until all is done; it
then prints the table of the base classes, and how to make leaderboard entries of the runs. One process has one thread:
more jobs are better than more threads.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fsbench.datasets.catalogue import EMBEDDED
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import ShapesConfig
from fsbench.evaluation.runner import read_result
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from fsbench.text import columns

FOLDS = range(1, NUM_FOLDS + 1)
HELD_OUT = ShapesConfig(seed=1, videos_per_category=6)


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
    parser.add_argument("--folds", type=int, nargs="+", default=list(FOLDS), help="folds to work on")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    resolve_dataset(EMBEDDED, out / "data", progress=True)
    _render_held_out(out / "held-out")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda fold: _pretrain(out, fold), arguments.folds))
        work = [(variant, fold) for variant in VARIANTS for fold in arguments.folds]
        list(pool.map(lambda each: _train_and_test(out, *each), work))
    print(_base_table(out, arguments.folds))
    print(f"\nEntries of the runs on novel classes: fsbench submit {out / 'runs'}")


def _render_held_out(root: Path) -> None:
    """Renders videos of another seed, with a manifest of one support draw."""
    generate_shapes(root / EMBEDDED, HELD_OUT, progress=True)
    info, rows = build_manifest(open_dataset(EMBEDDED, root), BuildOptions(draws=1, version="held-out"))
    write_manifest(root / "splits", info, rows)


def _pretrain(out: Path, fold: int) -> None:
    place = out / "trainings" / "pretrained" / f"fold-{fold}"
    _train(out, Variant("referformer", recipe="shapes"), fold, place)


def _train_and_test(out: Path, variant: Variant, fold: int) -> None:
    place = out / "trainings" / variant.name / f"fold-{fold}"
    _train(out, variant, fold, place, "--init", str(out / "trainings" / "pretrained" / f"fold-{fold}" / "model"))
    run = ("evaluate", "--method", variant.method, "--variant", variant.label, "--checkpoint", str(place / "model"))
    novel = ("--data-root", str(out / "data"), "--out", str(out / "runs" / variant.name), "--fold", str(fold))
    _fsbench(*run, *novel)
    base = [part for other in FOLDS if other != fold for part in ("--fold", str(other))]
    held_out, runs = out / "held-out", out / "base-runs" / variant.name / f"model-{fold}"
    _fsbench(*run, "--data-root", str(held_out), "--splits", str(held_out / "splits"), "--out", str(runs), *base)


def _train(out: Path, variant: Variant, fold: int, place: Path, *more: str) -> None:
    what = ("train", "--method", variant.method, "--recipe", variant.recipe, "--seed", str(variant.seed))
    _fsbench(*what, "--fold", str(fold), "--data-root", str(out / "data"), "--out", str(place), "--resume", *more)


def _fsbench(command: str, *arguments: str) -> None:
    """Runs a command on the embedded set, with one thread, and without a GPU so that everybody gets the same."""
    line = [sys.executable, "-m", "fsbench", command, "--dataset", EMBEDDED, "--device", "cpu", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    print(f"fsbench {command} {' '.join(arguments)}: {'done' if done.returncode == 0 else done.stderr}", flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)


def _base_table(out: Path, folds: Sequence[int]) -> str:
    """Returns J&F on base classes for each variant and model, a mean over the folds that are not the model's."""
    rows = [("trained on base classes, tested on them", *(f"fold {fold}" for fold in folds), "mean")]
    for variant in VARIANTS:
        means = []
        for fold in folds:
            runs = (out / "base-runs" / variant.name / f"model-{fold}" / f"fold-{k}" for k in FOLDS if k != fold)
            scores = [read_result(run).score.mean.JF for run in runs]
            means.append(100 * sum(scores) / len(scores))
        rows.append((variant.name, *(f"{mean:.1f}" for mean in means), f"{sum(means) / len(means):.1f}"))
    return columns(rows)


if __name__ == "__main__":
    main()
