"""How long `fsbench evaluate` takes beside its slowest stage, with a method that waits, as for an accelerator.

    python benchmarks/pipeline.py                              # 12 videos of 20 frames 720p, 2 sentences
    python benchmarks/pipeline.py --against OLD/bin/python     # beside the fsbench of that Python

Videos are drawn here. A run with a method that does not wait takes as long as reading, scoring and writing; then the
method waits for as long as that, without the GIL, which makes it the slowest stage. Prints wall seconds of the runs
(the median of the rounds, alternating) from where the method is ready to the last part that is written, and how often
the waiting goes into them: 1.0 times is a method that is never idle, 2.0 one thing after the other. Masks and scores
must be the same. This measures walls, so it wants a machine with two cores for itself.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from long_videos import draw
from long_videos import rows
from PIL import Image

METHOD = '''
import os
import time
from pathlib import Path

import numpy as np
from fsbench.methods import MethodInfo


class Waits:
    """Masks that take some scoring, after as long a wait as is said."""

    info = MethodInfo("waits", "1", "waits")
    works_in_parts = {in_parts}

    def prepare(self, fold):
        self.seconds = float(os.environ["SECONDS"])
        disc = np.hypot(*np.ogrid[-1 : 1 : {height} * 1j, -1 : 1 : {width} * 1j]) < 0.6
        self.masks = [np.roll(disc, 9 * n, 1) for n in range(40)]
        Path(os.environ["STARTED"]).write_text(str(time.time()))

    def adapt(self, support):
        return None

    def segment(self, adapted, clip, expressions):
        total = len(clip.frames)
        for start in range(0, total, {step}):
            count = len(clip.frames[start : start + {step}])
            time.sleep(self.seconds * count / total)
            some = [np.stack([self.masks[(start + t + n) % 40] for t in range(count)]) for n in range(len(expressions))]
            yield np.stack(some)
'''


def write_set(root: Path, size: tuple[int, int], videos: int, frames: int, sentences: int) -> None:
    """Writes such videos in the layout of Ref-DAVIS."""
    names = [f"{t:05d}" for t in range(frames)]
    meta, texts = {}, {}
    for video in (f"video-{n:03d}" for n in range(videos + 1)):
        meta[video] = {"objects": {label: {"category": "dog", "frames": names} for label in ("1", "2")}}
        said = {str(n): {"exp": f"the dog {n}", "obj_id": str(1 + n % 2)} for n in range(sentences)}
        texts[video] = {"frames": names, "expressions": said}
        for kind in ("JPEGImages", "Annotations"):
            (root / "train" / kind / video).mkdir(parents=True)
        for t, name in enumerate(names):
            picture, labels = (
                root / f"train/JPEGImages/{video}/{name}.jpg",
                root / f"train/Annotations/{video}/{name}.png",
            )
            first = (
                root / "train/JPEGImages/video-000" / picture.name,
                root / "train/Annotations/video-000" / labels.name,
            )
            if video == "video-000":
                pixels, label_map = draw(*size, t)
                Image.fromarray(pixels).save(picture, quality=90)
                image = Image.fromarray(label_map)
                image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
                image.save(labels)
            else:
                os.link(first[0], picture)
                os.link(first[1], labels)
    for path, content in (("train/meta.json", meta), ("meta_expressions/train/meta_expressions.json", texts)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps({"videos": content}))


def run(python: str, arguments: list[str], folder: Path, seconds: float, out: Path | None = None) -> float:
    """Runs a command of fsbench in a folder; returns the wall seconds from `prepare` to the last part in `out`."""
    started = folder / "started"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SECONDS": str(seconds), "STARTED": str(started)}
    where = [] if out is None else ["--out", str(out)]
    command = [python, "-m", "fsbench", *arguments, *where]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr.decode(errors='replace')}")
    parts = [] if out is None else [part.stat().st_mtime for part in out.rglob("part-*.parquet")]
    return max(parts) - float(started.read_text()) if parts else 0.0


def main() -> None:
    """Parses the command line, measures, and prints a line for each way of working."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--sentences", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="PYTHON", help="of an environment with another build of fsbench")
    options = parser.parse_args()
    pythons = {"ours": sys.executable}
    if options.against:
        pythons["theirs"] = str(Path(options.against).absolute())  # a link, which must stay one
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_set(
            root / "mini-ref-davis", (options.height, options.width), options.videos, options.frames, options.sentences
        )
        where = ["--data-root", folder, "--splits", str(root / "splits")]
        build = ["build-splits", "mini-ref-davis", "--data-root", folder, "--out", str(root / "splits")]
        run(sys.executable, [*build, "--draws", "1"], root, 0)
        for name, in_parts, step in (("whole videos", False, options.frames), ("parts of 5 frames", True, 5)):
            (root / "waits.py").write_text(
                METHOD.format(in_parts=in_parts, step=step, height=options.height, width=options.width)
            )
            command = ["evaluate", "--method", "waits.py:Waits", "--dataset", "mini-ref-davis", *where, "--restart"]
            alone = [*command, "--ahead", "0"]
            work = statistics.median(run(sys.executable, alone, root, 0, root / "alone") for _ in range(options.rounds))
            walls: dict[str, list[float]] = {who: [] for who in pythons}
            for _ in range(options.rounds):
                for who, python in pythons.items():
                    more = ["--ahead", "1"] if who == "ours" else []
                    walls[who].append(run(python, [*command, *more], root, work / options.videos, root / who))
            line = f"{name:18s} reading, scoring and writing alone {work:5.2f} s, as long in the method:"
            for who, found in walls.items():
                wall = statistics.median(found)
                line += f"  {who} {wall:5.2f} s ({wall / work:4.2f} x)"
                if rows(root / who) != rows(root / "alone"):
                    raise SystemExit(f"{line}\nThe rows differ.")
            print(line, flush=True)


if __name__ == "__main__":
    main()
