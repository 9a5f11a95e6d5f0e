"""How fast `fsbench score` is on masks of sentences, against another build of fsbench on the same files.

    python benchmarks/rvos_scoring.py --other PYTHON        # of an environment with the other build
    python benchmarks/rvos_scoring.py --mevis MeViS/tools   # beside the evaluator in a checkout of henghuiding/MeViS

Generates videos of two objects with sentences, of which every two name the same object, and predictions of every
sentence: PNG in folders, a zip of them, and COCO run lengths in JSON. Both builds score them against the dataset,
against its manifest, against a folder of the true masks of sentences, and against the truth as MeViS has it; start-up
is included. Runs alternate. Prints CPU seconds, wall time and peak memory (the least of the rounds) and ratios, beside
the CPU seconds that inflating the PNGs of both sides takes. What the two find must be equal.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.scoring import draw_frame
from benchmarks.scoring import environment
from benchmarks.scoring import INFLATE
from benchmarks.scoring import PALETTE
from benchmarks.scoring import SIZES

KINDS = ("dataset", "manifest", "masks", "mevis")
FORMS = {"png": "", "zip": ".zip", "json": ".json"}
MEVIS = """
import sys
tools, *sys.argv = sys.argv[1:]
sys.path.insert(0, tools)
source = open(f"{tools}/eval_mevis.py").read()
assert source.count("NUM_WOEKERS = 64") == 1  # the script's own spelling
exec(compile(source.replace("NUM_WOEKERS = 64", "NUM_WOEKERS = 1"), "eval_mevis.py", "exec"))
"""


class Cost(NamedTuple):
    """What a run took: CPU seconds, wall seconds and peak memory in MB."""

    cpu: float
    wall: float
    peak: float


def run(command: Sequence[str | Path], folder: Path) -> tuple[Cost, str]:
    """Runs a command in a folder; returns its cost and what it printed."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, cwd=folder, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        out.seek(0)
        printed = out.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{printed}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024), printed


def write_png(path: Path, mask: np.ndarray) -> None:
    """Writes a mask, uint8 [H, W], as a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette(PALETTE)
    image.save(path)


def write_masks(root: Path, name: str, masks: Iterator[tuple[str, str, str, np.ndarray]]) -> None:
    """Writes masks of sentences (video, sentence, frame, uint8 [H, W]) in every form."""
    rows = []
    with zipfile.ZipFile(root / f"{name}.zip", "w") as archive:
        for video, sentence, frame, mask in masks:
            path = root / name / video / sentence / f"{frame}.png"
            write_png(path, mask)
            archive.write(path, f"{video}/{sentence}/{frame}.png")
            code = coco.encode(np.asfortranarray(mask))["counts"].decode()
            rows.append(
                {"video": video, "expression": sentence, "frame": frame, "size": list(mask.shape), "counts": code}
            )
    (root / f"{name}.json").write_text(json.dumps(rows))


def write_set(root: Path, size: tuple[int, int], videos: int, sentences: int, frames: int) -> None:
    """Writes the dataset in the layout of Ref-YouTube-VOS, true and predicted masks of its sentences."""
    names = [f"{5 * t:05d}" for t in range(frames)]
    object_of = {str(s): 1 + s // 2 % 2 for s in range(sentences)}
    meta: dict[str, object] = {}
    texts: dict[str, object] = {}
    for v in range(videos):
        video = f"video{v:03d}"
        meta[video] = {"objects": {str(i): {"category": ("cat", "dog")[v % 2], "frames": names} for i in (1, 2)}}
        said = {key: {"exp": f"object {i} in words {key}", "obj_id": str(i)} for key, i in object_of.items()}
        texts[video] = {"frames": names, "expressions": said}
        for t, name in enumerate(names):
            write_png(root / f"set/train/Annotations/{video}/{name}.png", draw_frame(size, v, t, predicted=False))
    for path, content in (("meta.json", meta), ("meta_expressions/train/meta_expressions.json", texts)):
        place = root / "set" / ("train" if path == "meta.json" else "") / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"videos": content}))
    (root / "made.yaml").write_text("{name: made, layout: ref-youtube-vos}")
    for folder, predicted in (("true", False), ("predicted", True)):
        masks = (
            (f"video{v:03d}", key, name, (draw_frame(size, v, t, predicted=predicted) == i).astype(np.uint8))
            for v in range(videos)
            for t, name in enumerate(names)
            for key, i in object_of.items()
        )
        write_masks(root, folder, masks)


def write_mevis(root: Path, size: tuple[int, int]) -> None:
    """Writes the truth of `write_set` in the form of MeViS: objects as run-length codes, which sentences refer to."""
    said = json.loads((root / "set/meta_expressions/train/meta_expressions.json").read_text())["videos"]
    codes: dict[str, list[dict[str, object]]] = {}
    for v, content in enumerate(said.values()):
        frames = [draw_frame(size, v, t, predicted=False) for t in range(len(content["frames"]))]
        for i in (1, 2):
            found = [coco.encode(np.asfortranarray(labels == i, np.uint8)) for labels in frames]
            codes[f"{2 * v + i}"] = [{**code, "counts": code["counts"].decode()} for code in found]
        for sentence in content["expressions"].values():
            sentence |= {"anno_id": [2 * v + int(sentence["obj_id"])], "obj_id": [0]}
    (root / "mevis/JPEGImages").mkdir(parents=True, exist_ok=True)
    (root / "mevis/mask_dict.json").write_text(json.dumps(codes))
    (root / "mevis/meta_expressions.json").write_text(json.dumps({"videos": said}))


def arguments_of(kind: str, form: str, build: str) -> list[str]:
    """Returns how a build scores predictions of a form against a kind of truth."""
    ours = ["score", f"predicted{FORMS[form]}", "--json"]
    if kind == "manifest":
        there = ["--dataset", "made.yaml", "--data-root", "set", "--splits", f"splits-{build}", "--extra", "ignore"]
        return [*ours, *there]
    if kind == "mevis":
        return [*ours, "--truth", "mevis", "--protocol", "mevis"]
    return [*ours, "--truth", {"dataset": "set", "masks": "true"}[kind]]


def measure(root: Path, arguments: argparse.Namespace) -> None:
    """Prints a line for each row."""
    pythons = {"this": sys.executable, **({"other": arguments.other} if arguments.other else {})}
    size = SIZES[arguments.size]
    write_set(root, size, arguments.videos, arguments.sentences, arguments.frames)
    write_mevis(root, size)
    for name, python in pythons.items():  # manifests of one build may say nothing to another
        split = ["build-splits", "made.yaml", "--data-root", "set", "--draws", "1", "--out", f"splits-{name}"]
        run([python, "-m", "fsbench", *split, "--overwrite"], root)
    inflate = min(run([sys.executable, "-c", INFLATE, "predicted", "true"], root)[0].cpu for _ in range(2))
    print(f"{'inflating predicted and true PNGs':34s} {inflate:6.2f} s CPU", flush=True)
    if arguments.mevis is not None:
        asked = ["--mevis_exp_path", "mevis/meta_expressions.json", "--mevis_mask_path", "mevis/mask_dict.json"]
        asked += ["--mevis_pred_path", "predicted", "--save_name", "peer.json"]
        cost, text = run([sys.executable, "-c", MEVIS, arguments.mevis, "eval_mevis.py", *asked], root)
        print(f"{'MeViS, one process':34s} {cost.cpu:6.2f} s CPU {cost.wall:6.2f} s wall; {' '.join(text.split())}")
    for kind in arguments.truths:
        for form in FORMS:
            for workers in arguments.workers:
                costs: dict[str, list[Cost]] = {name: [] for name in pythons}
                printed = {}
                for _ in range(arguments.rounds):
                    for name, python in pythons.items():
                        asked = [*arguments_of(kind, form, name), "--workers", str(workers)]
                        cost, text = run([python, "-m", "fsbench", *asked], root)
                        costs[name].append(cost)
                        printed[name] = [json.loads(text)[key] for key in ("mean", "objects")]
                if any(found != printed["this"] for found in printed.values()):
                    print("THE RESULTS DIFFER")
                best = {name: Cost(*map(min, zip(*found, strict=True))) for name, found in costs.items()}
                line = f"{form:4s} against {kind:8s} {workers} workers"
                for name, cost in best.items():
                    line += f"  {name}: {cost.cpu:6.2f} s CPU {cost.wall:6.2f} s wall {cost.peak:4.0f} MB"
                if "other" in best:
                    line += f"  {best['other'].cpu / best['this'].cpu:5.2f} x CPU"
                print(line, flush=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=os.path.abspath, help="the Python that runs the other build")
    parser.add_argument("--mevis", type=os.path.abspath, help="the folder of MeViS' eval_mevis.py")
    parser.add_argument("--videos", type=int, default=50)
    parser.add_argument("--sentences", type=int, default=4)
    parser.add_argument("--frames", type=int, default=28)
    parser.add_argument("--size", choices=list(SIZES), default="720p")
    parser.add_argument("--truths", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where the files are written and stay")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        measure(arguments.keep.resolve(), arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)


if __name__ == "__main__":
    main()
