"""What `fsbench evaluate` itself takes: a method that costs nothing, beside another build of fsbench.

    python benchmarks/evaluating.py --other PYTHON        # of an environment with the other build

Draws a few videos of 720p and evaluates, in five draws with four sentences each, a method that returns masks which lie
ready: a blob for each sentence and frame, wherever the object is. Runs alternate; prints CPU seconds and peak memory
(the least of the rounds), and CPU milliseconds for each pair of an episode and a frame, without what a run over a
single frame takes. Masks and scores of the two builds must be the same, row by row.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.long_videos import rows
from benchmarks.long_videos import write_set
from benchmarks.rvos_scoring import Cost
from benchmarks.rvos_scoring import run
from benchmarks.scoring import SIZES

METHOD = '''
import cv2
import numpy as np

from fsbench.methods.contract import MethodInfo


class Blobs:
    """Masks that lie ready."""

    info = MethodInfo("blobs", "1", "Masks that lie ready.")

    def prepare(self, fold):
        self._masks = {}

    def adapt(self, support):
        return None

    def segment(self, adapted, clip, expressions):
        shape = (len(expressions), len(clip.frames), *clip.output_size)
        if shape not in self._masks:
            masks = np.zeros(shape, np.uint8)
            angle = np.linspace(0, 2 * np.pi, 200)
            for n, of_sentence in enumerate(masks):
                for t, mask in enumerate(of_sentence):
                    radius = shape[2] * (0.15 + 0.02 * np.sin((5 + n) * angle + t / 9))
                    x, y = radius * np.cos(angle), radius * np.sin(angle)
                    place = np.stack([shape[3] * (0.2 * n + 0.2) + x, shape[2] * 0.5 + y], 1)
                    cv2.fillPoly(mask, [place.astype(np.int32)], 1)
            self._masks[shape] = masks.view(bool)
        return self._masks[shape]
'''


def prepare(folder: Path, python: str, arguments: argparse.Namespace, frames: int) -> int:
    """Writes data, manifest and method; returns how many pairs of an episode and a frame there are."""
    (folder / "blobs.py").write_text(METHOD)
    videos = [f"v{v}" for v in range(arguments.videos)]
    write_set(folder / "mini-ref-davis", SIZES[arguments.size], frames, arguments.sentences, videos)
    split = ["build-splits", "mini-ref-davis", "--data-root", ".", "--draws", str(arguments.draws), "--out", "splits"]
    run([python, "-m", "fsbench", *split], folder)
    # A video that is a draw's support is not asked for in it.
    return (arguments.videos - 1) * arguments.sentences * arguments.draws * frames


def measure(folder: Path, pythons: dict[str, str], rounds: int) -> dict[str, Cost]:
    """Returns what each build takes; raises SystemExit if their masks and scores differ."""
    costs: dict[str, list[Cost]] = {name: [] for name in pythons}
    for _ in range(rounds):
        for name, python in pythons.items():
            ours = ["--method", "blobs.py:Blobs", "--dataset", "mini-ref-davis", "--data-root", ".", "--restart"]
            evaluate = ["evaluate", *ours, "--splits", "splits", "--workers", "1", "--out", f"run-{name}"]
            costs[name].append(run([python, "-m", "fsbench", *evaluate], folder)[0])
    if any(rows(folder / f"run-{name}") != rows(folder / "run-this") for name in pythons):
        raise SystemExit("THE ROWS DIFFER")
    return {name: Cost(*map(min, zip(*found, strict=True))) for name, found in costs.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=os.path.abspath, help="the Python that runs the other build")
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--sentences", type=int, default=4)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--size", choices=list(SIZES), default="720p")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    pythons = {"this": sys.executable, **({"other": arguments.other} if arguments.other else {})}
    builder = pythons.get("other", sys.executable)  # what an older build cannot read nobody compares
    found = {}
    for frames in (1, arguments.frames):
        with tempfile.TemporaryDirectory() as folder:
            pairs = prepare(Path(folder), builder, arguments, frames)
            found[frames] = pairs, measure(Path(folder), pythons, arguments.rounds)
    each = {}
    for name in pythons:
        (few, start), (many, whole) = found[1], found[arguments.frames]
        cost = whole[name]
        each[name] = 1000 * (cost.cpu - start[name].cpu) / (many - few)
        print(
            f"{name:5s} {many} pairs: {cost.cpu:6.2f} s CPU {cost.peak:5.0f} MB, {each[name]:6.2f} ms a pair",
            flush=True,
        )
    if "other" in each:
        print(f"{each['other'] / each['this']:.2f} x")


if __name__ == "__main__":
    main()
