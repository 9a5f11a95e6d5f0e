"""How time and memory of every command grow with a benchmark: metadata alone, and a whole way with masks.

    python benchmarks/scale.py                                     # a 16th of the full size, and less: a few minutes
    python benchmarks/scale.py --metadata 6250 25000 100000 --masks 64 256 1024

Makes sets of the layout of Ref-YouTube-VOS, with an object a video; a manifest has five draws. Of a set without masks,
with so many videos, 48 classes, two sentences a video (so ten episodes) and frames that have names alone,
`build-splits` and `verify` are measured, and reading the manifest with planning the units of a run of it. The other has
12 classes, and a frame of 8 x 8 and 20 sentences a video; so many videos are asked about in each draw, and one more of
each class is its support. So a run of `empty` answers as many pairs of an episode and a frame as there are episodes,
100 a video: by one process, and on a Ray cluster of one worker where Ray is installed (of which the driver is measured,
and what it waits for). Then come `submit`, `compare` with an entry of other scores, tables, and the site. Prints CPU
seconds and peak memory, start-up included, and the exponents with which they grow beside what does not, by the last
three sizes: 1 where in proportion.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.rvos_scoring import Cost
from benchmarks.rvos_scoring import run
from benchmarks.rvos_scoring import write_png

FSBENCH = (sys.executable, "-m", "fsbench")
METADATA, MASKS = 100_000, 1024  # videos
PARTS = (256, 64, 16)  # of these, without arguments
SETTINGS = """
name: made-up
layout: ref-youtube-vos
shows: masks
rule: {minimum: 2, cap: 0}
"""
READING = """
from fsbench.running.plan import plan_units
from fsbench.splits.benchmark import open_benchmark
benchmark = open_benchmark("made-up.yaml", splits="splits")
units = [unit for fold in benchmark.folds for unit in plan_units(benchmark, fold, benchmark.draws)]
print(sum(len(task.episode_ids) for unit in units for task in unit.draws))
"""
OTHER = """
import numpy as np
import pyarrow as pa
from pathlib import Path
from fsbench.leaderboard import read_entries, write_entries
from fsbench.leaderboard.details import Details
(entry,) = read_entries(Path("entries"))
random = np.random.default_rng(0)
columns = {"episode_id": entry.known_details.episodes["episode_id"]}
columns |= {name: random.random(len(columns["episode_id"])) for name in ("J", "F")}
details = Details(pa.table(columns, schema=entry.known_details.episodes.schema), entry.known_details.gallery)
about = {"variant": "other", "details": details, "details_sha256": details.digest}
write_entries(Path("entries"), [entry, entry.model_copy(update=about)])
"""


def write_metadata(root: Path, videos: int, classes: int, frames: int, num_sentences: int) -> None:
    """Writes the two files of metadata."""
    names = [f"{5 * frame:05d}" for frame in range(frames)]
    objects, sentences = {}, {}
    for video in range(videos):
        name, kind = f"video{video:06d}", f"kind{video % classes:02d}"
        objects[name] = {"objects": {"1": {"category": kind, "frames": names}}}
        said = [f"a {kind} that walks past {place} others and number {video}" for place in range(num_sentences)]
        expressions = {str(i): {"exp": text, "obj_id": "1"} for i, text in enumerate(said)}
        sentences[name] = {"expressions": expressions, "frames": names}
    for path, content in (("train/meta.json", objects), ("meta_expressions/train/meta_expressions.json", sentences)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps({"videos": content}))


def write_whole_set(root: Path, asked: int) -> None:
    """Writes metadata of so many videos and one more of each class, with a picture and a label map of 8 x 8 each."""
    classes = 12
    videos = asked + classes
    write_metadata(root, videos, classes, frames=1, num_sentences=20)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 2:5] = 1
    write_png(root / "mask.png", mask)
    content = (root / "mask.png").read_bytes()
    for video in range(videos):
        for folder in ("JPEGImages", "Annotations"):
            path = root / "train" / folder / f"video{video:06d}" / "00000.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def commands_of_metadata(root: Path) -> Mapping[str, Sequence[str | Path]]:
    """Returns what is measured of a set without masks, in this order."""
    return {
        "build-splits": [*FSBENCH, "build-splits", "made-up.yaml", "--overwrite"],
        "verify": [*FSBENCH, "verify", "splits/made-up/v1"],
        "verify, data": [*FSBENCH, "verify", "splits/made-up/v1", "--dataset", "made-up.yaml", "--no-pixels"],
        "reading, planning": [sys.executable, "-c", READING],
    }


def commands_of_masks(root: Path) -> Mapping[str, Sequence[str | Path]]:
    """Returns what is measured of a set with masks, in this order."""
    data = ["--dataset", "made-up.yaml", "--splits", "splits"]
    evaluate = [*FSBENCH, "evaluate", *data]
    on_ray = [*evaluate, "--method", "empty", "--engine", "ray", "--workers", "1", "--out", "runs/ray"]
    pair = [f"entries/made-up/{name}" for name in ("empty", "empty.other")]
    return {
        "(build-splits)": [*FSBENCH, "build-splits", "made-up.yaml"],
        "evaluate": [*evaluate, "--method", "empty", "--out", "runs/empty"],
        **({"evaluate, Ray": on_ray} if find_spec("ray") else {}),
        "submit": [*FSBENCH, "submit", "runs/empty", "--entries", "entries", "--dataset", "made-up.yaml"],
        "(other entry)": [sys.executable, "-c", OTHER],
        "compare": [*FSBENCH, "compare", *pair, "--splits", "splits"],
        "leaderboard": [*FSBENCH, "leaderboard", "--entries", "entries"],
        "site": [*FSBENCH, "leaderboard", "--entries", "entries", "--format", "html", "--out", "site", *data],
        "evaluate again": [*evaluate, "--method", "empty", "--out", "runs/empty"],
    }


def measure(root: Path, commands: Mapping[str, Sequence[str | Path]]) -> dict[str, Cost]:
    """Runs commands in a folder, one after the other; those in brackets are not measured."""
    found = {}
    for name, command in commands.items():
        cost, _ = run(command, root)
        if not name.startswith("("):
            found[name] = cost
            print(f"{name}: {cost.cpu:.1f} s, {cost.peak:,.0f} MB", file=sys.stderr, flush=True)
    return found


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Returns the power of the size with which a cost grows beside a constant: of three sizes, each by one factor."""
    first, second = (more - less for less, more in pairwise(costs[-3:]))
    return math.log(second / first) / math.log(sizes[-1] / sizes[-2]) if min(first, second) > 0 else math.nan


def report(sizes: Sequence[int], costs: Sequence[Mapping[str, Cost]]) -> None:
    """Prints a line for each command."""
    print("\n" + " " * 18 + "".join(f"{size:13,d} videos   " for size in sizes))
    for name in costs[0]:
        line = f"{name:18s}" + "".join(f"{of[name].cpu:9.1f} s {of[name].peak:7,.0f} MB " for of in costs)
        if len(sizes) > 2:
            grown = [exponent(sizes, [getattr(of[name], what) for of in costs]) for what in ("cpu", "peak")]
            line += "   exponents: time {:.2f}, memory {:.2f}".format(*grown)
        print(line, flush=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=int, nargs="*", default=[METADATA // part for part in PARTS])
    parser.add_argument("--masks", type=int, nargs="*", default=[MASKS // part for part in PARTS])
    arguments = parser.parse_args()
    for sizes, make, commands in (
        (arguments.metadata, partial(write_metadata, classes=48, frames=27, num_sentences=2), commands_of_metadata),
        (arguments.masks, write_whole_set, commands_of_masks),
    ):
        costs = []
        for videos in sizes:
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "made-up.yaml").write_text(SETTINGS)
                make(root, videos)
                costs.append(measure(root, commands(root)))
        if costs:
            report(sizes, costs)


if __name__ == "__main__":
    main()
