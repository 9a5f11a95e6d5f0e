"""How fast `fsbench score` is, against other evaluators on the same folders.

    python benchmarks/scoring.py --davis-evaluation DIR --vos-benchmark

Generates palette PNG masks (videos x frames x 2 objects at 480p and 720p, predictions moved and frayed), runs each
program in a process of its own with one worker, start-up included, alternating, and prints CPU seconds (best of the
rounds) and ratios; `inflate` only inflates the files of both sides. `--davis-evaluation` is a checkout of
davisvideochallenge/davis2017-evaluation, `--vos-benchmark` needs `pip install vos-benchmark`, `--other` is the Python
of an environment with another build of fsbench; all are optional. The scores of the programs are compared, too.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZES = {"480p": (480, 854), "720p": (720, 1280)}
PALETTE = list(range(256)) * 3  # full, as in DAVIS: a short one makes Pillow write fewer bits
DECODE = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
for folder in sys.argv[1:]:
    for path in Path(folder).rglob("*.png"):
        np.array(Image.open(path))
"""
INFLATE = """
import sys
from pathlib import Path
import deflate
from fsbench.masks.labels import _image_data
from fsbench.masks.labels import _read_header
for folder in sys.argv[1:]:
    for path in Path(folder).rglob("*.png"):
        data = path.read_bytes()
        deflate.zlib_decompress(_image_data(memoryview(data), ""), _read_header(data, "").raw_bytes)
"""
VOS = """
import sys
from vos_benchmark.benchmark import benchmark
jf, j, f, _ = benchmark([sys.argv[1]], [sys.argv[2]], num_processes=1, verbose=False)
print(j[0], f[0])
"""


def draw_frame(size: tuple[int, int], video: int, t: int, *, predicted: bool) -> np.ndarray:
    """Draws a label map, uint8 [H, W]: a blob and a star, in a prediction moved a little and frayed."""
    height, width = size
    rng = np.random.default_rng([video, t, predicted])
    labels = np.zeros(size, np.uint8)
    for label in (1, 2):
        angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        radius = height * (0.12 + 0.03 * np.sin(angle * (3 + video % 4) + label))
        if predicted:
            radius += rng.normal(0, height * 0.004, angle.size)
        x = width * (0.3 * label + 0.004 * t) + radius * np.cos(angle) + 3 * predicted
        y = height * (0.45 + 0.1 * np.sin(0.2 * t + video)) + radius * np.sin(angle)
        cv2.fillPoly(labels, [np.stack([x, y], 1).astype(np.int32)], label)
    return labels


def write_set(root: Path, size: tuple[int, int], videos: int, frames: int) -> None:
    """Writes truth in the layout of DAVIS, and predictions."""
    names = [f"video{v:03d}" for v in range(videos)]
    for v, name in enumerate(names):
        folders = [
            root / "davis/Annotations/480p" / name,
            root / "results" / name,
            root / "davis/JPEGImages/480p" / name,
        ]
        for folder in folders:
            folder.mkdir(parents=True)
        for t in range(frames):
            for folder, predicted in zip(folders[:2], (False, True), strict=True):
                image = Image.fromarray(draw_frame(size, v, t, predicted=predicted))
                image.putpalette(PALETTE)
                image.save(folder / f"{t:05d}.png")
            (folders[2] / f"{t:05d}.jpg").touch()
    (root / "davis/ImageSets/2017").mkdir(parents=True)
    (root / "davis/ImageSets/2017/val.txt").write_text("\n".join(names) + "\n")


def environment() -> dict[str, str]:
    """Returns the variables that programs are run with: one thread of what numpy computes with."""
    variables = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start compiles the programs anew
    return variables


def cpu_seconds(command: list[str]) -> tuple[float, str]:
    """Runs a command; returns the CPU time of its process and children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Elsewhere than in a checkout, whose fsbench every Python would take for its own.
    done = subprocess.run(command, env=environment(), cwd=tempfile.gettempdir(), capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed:\n{done.stdout}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def programs(root: Path, davis: Path | None, vos: bool, other: str | None) -> dict[str, list[str]]:
    """Returns the command of each program."""
    truth, results = str(root / "davis/Annotations/480p"), str(root / "results")
    ours = ["-m", "fsbench", "score", results, "--truth", truth, "--workers", "1", "--json", "--protocol", "davis-2017"]
    commands = {
        "fsbench": [sys.executable, *ours],
        "inflate": [sys.executable, "-c", INFLATE, truth, results],
        "pillow decode": [sys.executable, "-c", DECODE, truth, results],
    }
    if other is not None:
        commands["fsbench, other build"] = [other, *ours]
    if davis is not None:
        script = str(davis / "evaluation_method.py")
        arguments = ["--task", "semi-supervised", "--davis_path", str(root / "davis"), "--results_path", results]
        commands["davis2017-evaluation"] = [sys.executable, script, *arguments]
    if vos:
        commands["vos-benchmark"] = [sys.executable, "-c", VOS, truth, results]
    return commands


def read_means(name: str, printed: str, results: Path) -> tuple[float, float] | None:
    """Returns mean J and F as a program reported them, in [0, 1]."""
    if name.startswith("fsbench"):
        mean = json.loads(printed)["mean"]
        return mean["J_mean"], mean["F_mean"]
    if name == "vos-benchmark":
        j, f = map(float, printed.split()[-2:])
        return j / 100, f / 100
    if name == "davis2017-evaluation":
        with (results / "global_results-val.csv").open() as stream:
            row = next(csv.DictReader(stream))
        return float(row["J-Mean"]), float(row["F-Mean"])
    return None


def measure(size: str, arguments: argparse.Namespace, report: Callable[[str], None]) -> None:
    """Measures one size."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_set(root, SIZES[size], arguments.videos, arguments.frames)
        commands = programs(root, arguments.davis_evaluation, arguments.vos_benchmark, arguments.other)
        best: dict[str, float] = {}
        means: dict[str, tuple[float, float] | None] = {}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                seconds, printed = cpu_seconds(command)
                best[name] = min(seconds, best.get(name, seconds))
                means[name] = read_means(name, printed, root / "results")
                for left in (root / "results").glob("*.csv"):  # they reuse old results, and we refuse stray files
                    left.unlink()
    for name, seconds in best.items():
        scores = "" if means[name] is None else "  J {:.6f} F {:.6f}".format(*means[name])
        report(f"{size}  {name:22s} {seconds:8.2f} s CPU  {seconds / best['fsbench']:6.1f} x{scores}")


def main() -> None:
    """Measures all sizes and prints a line for each program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--davis-evaluation", type=lambda path: Path(path).absolute())
    parser.add_argument("--vos-benchmark", action="store_true")
    parser.add_argument("--other", type=os.path.abspath, help="the Python that runs another build of fsbench")
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--frames", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    arguments = parser.parse_args()
    for size in arguments.sizes:
        measure(size, arguments, print)


if __name__ == "__main__":
    main()
