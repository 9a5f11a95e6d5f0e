"""Peak memory and CPU time of `fsbench evaluate` on one long video, beside another build of fsbench.

    python benchmarks/long_videos.py                                        # 240 and 1,000 frames of 1080p, 8 sentences
    python benchmarks/long_videos.py --frames 40 --against OLD/bin/python   # ratios, against the fsbench of that Python

Videos are drawn here. A line a method and length: the largest resident memory of the process, and the CPU seconds that
it takes with the start of the program, which a run over two frames shows alone. Against another build, masks and scores
must be the same, row by row. What else is given goes to `fsbench evaluate`, such as --checkpoint FOLDER.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

WORDS = ("left", "right", "near", "far", "red", "blue", "fast", "slow")
DRAWN = 24  # distinct frames of a video; further ones are links to them
CATEGORY = "dog"


class Cost(NamedTuple):
    """What a run took."""

    seconds: float
    peak_bytes: int


def draw(height: int, width: int, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a frame, uint8 [H, W, 3], and its label map with two objects, uint8 [H, W]."""
    rng = np.random.default_rng(t)
    ground = cv2.resize(rng.integers(0, 255, (height // 8, width // 8, 3), np.uint8), (width, height))
    labels = np.zeros((height, width), np.uint8)
    angle = np.linspace(0, 2 * np.pi, 400)
    for label in (1, 2):
        radius = height * (0.12 + 0.02 * np.sin(5 * angle + t / 9))
        x = width * (0.33 * label + 0.004 * t) + radius * np.cos(angle)
        y = height * (0.45 + 0.1 * np.sin(0.2 * t)) + radius * np.sin(angle)
        cv2.fillPoly(labels, [np.stack([x, y], 1).astype(np.int32)], label)
    ground[labels > 0] //= 2
    return ground, labels


def write_set(
    root: Path, size: tuple[int, int], frames: int, sentences: int, videos: Sequence[str] = ("one", "other")
) -> None:
    """Writes such videos of one class in the layout of Ref-DAVIS, of which some are the others' support."""
    names = [f"{t:05d}" for t in range(frames)]
    meta, texts = {}, {}
    for video in videos:
        meta[video] = {"objects": {label: {"category": CATEGORY, "frames": names} for label in ("1", "2")}}
        said = {
            str(n): {"exp": f"the {WORDS[n % 8]} {CATEGORY} {n}", "obj_id": str(1 + n % 2)} for n in range(sentences)
        }
        texts[video] = {"frames": names, "expressions": said}
        pictures, labels = (root / "train" / kind / video for kind in ("JPEGImages", "Annotations"))
        pictures.mkdir(parents=True)
        labels.mkdir(parents=True)
        for t, name in enumerate(names):
            if t < DRAWN:
                picture, label_map = draw(*size, t)
                Image.fromarray(picture).save(pictures / f"{name}.jpg", quality=85)
                image = Image.fromarray(label_map)
                image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
                image.save(labels / f"{name}.png")
            else:
                os.link(pictures / f"{names[t % DRAWN]}.jpg", pictures / f"{name}.jpg")
                os.link(labels / f"{names[t % DRAWN]}.png", labels / f"{name}.png")
    for path, content in (("train/meta.json", meta), ("meta_expressions/train/meta_expressions.json", texts)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps({"videos": content}))


def run(python: str, arguments: list[str], folder: Path) -> Cost:
    """Runs a command of fsbench in a folder; returns what its process took. In a checkout it would run that."""
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    with tempfile.TemporaryFile() as output:
        command = [python, "-m", "fsbench", *arguments]
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            output.seek(0)
            raise SystemExit(f"{arguments} failed:\n{output.read().decode(errors='replace')}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss << 10)


def rows(folder: Path) -> list[object]:
    """Returns all rows of a run's masks and scores."""
    return [pq.read_table(part).to_pylist() for part in sorted(folder.glob("fold-*/*/part-*.parquet"))]


def main() -> None:
    """Parses the command line, measures, and prints a line for each length and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[240, 1000])
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--sentences", type=int, default=8)
    parser.add_argument("--methods", nargs="+", default=["full-frame"])
    parser.add_argument(
        "--against", metavar="PYTHON", help="runs another build; needs about 5.4 MB a frame and sentence"
    )
    arguments, passed = parser.parse_known_args()
    for frames in arguments.frames:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_set(root / "mini-ref-davis", (arguments.height, arguments.width), frames, arguments.sentences)
            where = ["--data-root", folder, "--splits", str(root / "splits")]
            options = ["build-splits", "mini-ref-davis", "--data-root", folder, "--out", str(root / "splits")]
            python = arguments.against and str(Path(arguments.against).absolute())  # a link, which must stay one
            run(python or sys.executable, [*options, "--draws", "1"], root)
            for method in arguments.methods:
                command = ["evaluate", "--method", method, "--dataset", "mini-ref-davis", *where, *passed]
                ours = run(sys.executable, [*command, "--out", str(root / method / "ours")], root)
                line = f"{frames:5d} frames  {method:18s} {ours.seconds:7.1f} s CPU  {ours.peak_bytes / 1e6:6.0f} MB"
                if python:
                    theirs = run(python, [*command, "--out", str(root / method / "theirs")], root)
                    line += f"   against {theirs.seconds:7.1f} s, {theirs.peak_bytes / 1e6:6.0f} MB"
                    line += f"   {theirs.seconds / ours.seconds:5.2f} x"
                    if rows(root / method / "ours") != rows(root / method / "theirs"):
                        raise SystemExit(f"{line}\nThe rows of the two builds differ.")
                print(line, flush=True)


if __name__ == "__main__":
    main()
