"""How `fsbench score` grows with the number of videos: one frame of 8 x 8 with one object in each.

    python benchmarks/many_videos.py --other PYTHON        # of an environment with another build of fsbench

Prints CPU seconds, start-up included, and for each further number of videos the exponent by which they grew: 1 where
time is in proportion. The scores of the two builds must be equal.
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.rvos_scoring import run
from benchmarks.rvos_scoring import write_png


def write_videos(root: Path, first: int, stop: int) -> None:
    """Writes true and predicted masks of videos first .. stop - 1."""
    for video in range(first, stop):
        for side, (row, column) in {"true": (2, 2), "predicted": (3, 2 + video % 3)}.items():
            mask = np.zeros((8, 8), np.uint8)
            mask[row : row + 3, column : column + 3] = 1
            write_png(root / side / f"video{video:06d}" / "00000.png", mask)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=os.path.abspath, help="the Python that runs the other build")
    parser.add_argument("--videos", type=int, nargs="+", default=[1000, 4000, 16000])
    arguments = parser.parse_args()
    pythons = {"this": sys.executable, **({"other": arguments.other} if arguments.other else {})}
    before: dict[str, tuple[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, written = Path(folder), 0
        for videos in sorted(arguments.videos):
            write_videos(root, written, videos)
            written, printed = videos, set()
            for name, python in pythons.items():
                score = ["score", "predicted", "--truth", "true", "--workers", "1", "--json"]
                cost, text = run([python, "-m", "fsbench", *score], root)
                line = f"{videos:6d} videos  {name:5s} {cost.cpu:7.2f} s CPU {cost.peak:5.0f} MB"
                if name in before:
                    few, seconds = before[name]
                    line += f"   exponent {math.log(cost.cpu / seconds) / math.log(videos / few):.2f}"
                before[name] = videos, cost.cpu
                printed.add(text)
                print(line, flush=True)
            if len(printed) > 1:
                raise SystemExit("THE SCORES DIFFER")


if __name__ == "__main__":
    main()
