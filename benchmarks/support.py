"""Do trained models look at their support? The same episodes with the right support, and with another class's.

    python benchmarks/support.py --out shapes --jobs 2

OUT is the folder of `benchmarks/shapes.py`, after it is done. Each model is tested on draw 0 of its novel classes, and
on base classes in held-out videos, there with sentences as they are and with the class name replaced by a word that no
model knows. For each of these the support is the class's own, or that of the next class of the fold: a model that
segments the same with both has not learnt from it. What is lost with the wrong support is printed beside both scores.
"""

import argparse
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from itertools import product
from pathlib import Path

from shapes import EMBEDDED
from shapes import FOLDER
from shapes import FOLDS
from shapes import NUM_FOLDS
from shapes import ON_EMBEDDED
from shapes import run_fsbench

from fsbench.datasets.catalogue import dataset_spec
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.running.runs import read_result
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import overall_digest
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from fsbench.splits.schema import table_digest
from fsbench.text import columns
from fsbench.training.augmentation import replace_word

METHODS = ("cma", "cma-add")
NOVEL, HIDDEN, GIVEN = "novel classes", "base classes, name hidden", "base classes, name given"
NOBODYS_WORD = "thing"


def main() -> None:
    """Parses the command line, runs what is left to run, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder of shapes.py")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once, of one thread each")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    _hide_names(out / "held-out", out / "held-out-hidden")
    data = {NOVEL: out / "data", HIDDEN: out / "held-out-hidden", GIVEN: out / "held-out"}
    name = dataset_spec(EMBEDDED).name
    own = {words: find_manifest(name, root / "splits") for words, root in data.items() if words is not NOVEL}
    own[NOVEL] = find_manifest(name, version=dataset_spec(EMBEDDED).manifest_version)
    other = {words: _swap_supports(folder, out / "swapped" / _slug(words)) for words, folder in own.items()}
    work = list(product(METHODS, data, ("own", "other"), FOLDS))

    def test(method: str, words: str, support: str, model: int) -> float:
        fold = model if words is NOVEL else model % NUM_FOLDS + 1
        checkpoint = out / "trainings" / method / f"fold-{model}" / "half"
        runs = out / "support-runs" / method / _slug(words) / support / f"model-{model}"
        splits = (own if support == "own" else other)[words]
        where = ("--data-root", str(data[words]), "--splits", str(splits), "--out", str(runs))
        what = ("--method", method, "--checkpoint", str(checkpoint), "--fold", str(fold), "--draws", "0")
        run_fsbench("evaluate", *what, *where, *ON_EMBEDDED)
        return 100 * read_result(runs / f"fold-{fold}").score.mean["J&F"]

    with ThreadPoolExecutor(arguments.jobs) as pool:
        scores = dict(zip(work, pool.map(lambda each: test(*each), work), strict=True))
    rows = [("method", "tested on", "own support", "another class's", "lost")]
    for method, words in product(METHODS, data):
        means = [sum(scores[method, words, support, k] for k in FOLDS) / NUM_FOLDS for support in ("own", "other")]
        rows.append((method, words, *(f"{value:.1f}" for value in (*means, means[0] - means[1]))))
    print(columns(rows))


def _slug(words: str) -> str:
    return words.replace(",", "").replace(" ", "-")


def _hide_names(root: Path, out: Path) -> None:
    """Copies the held-out videos, with sentences in which the class name is a word that no model knows."""
    if (out / "splits").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(root / FOLDER, out / FOLDER)
    path = out / FOLDER / "meta_expressions" / "train" / "meta_expressions.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    for video_id, video in meta["videos"].items():
        for expression in video["expressions"].values():
            expression["exp"] = replace_word(expression["exp"], video_id.rpartition("-")[0], NOBODYS_WORD)
    path.write_text(json.dumps(meta), encoding="utf-8")
    options = BuildOptions(draws=1, version="held-out", draws_from=ALL_VIDEOS)
    write_manifest(out / "splits", *build_manifest(open_dataset(EMBEDDED, out), options))


def _swap_supports(folder: Path, out: Path) -> Path:
    """Writes a manifest in which each class has the supports of the next class of its fold; returns its folder."""
    manifest = read_manifest(folder)
    rows = {name: manifest.rows(name) for name in manifest.tables}
    ordered = sorted(rows["supports"], key=lambda row: (row["fold"], row["draw"], row["class_id"]))
    for _, group in groupby(ordered, key=lambda row: (row["fold"], row["draw"])):
        supports = list(group)
        shots = [row["shots"] for row in supports]
        for row, taken in zip(supports, [*shots[1:], shots[0]], strict=True):
            row["shots"] = taken
    digests = {name: table_digest(name, rows[name]) for name in rows}
    changes = {"version": "swapped", "digests": digests, "digest": overall_digest(digests)}
    info = manifest.info.model_copy(update=changes)
    write_manifest(out, info, rows)
    return out / info.dataset / info.version


if __name__ == "__main__":
    main()
