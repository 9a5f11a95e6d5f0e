"""A small leaderboard on real episodes of the embedded set, with made-up masks and scores, and a hostile entry."""

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import entry_from_results
from fsbench.leaderboard.slices import Slicer
from fsbench.masks.rle import encode_masks
from fsbench.scores.results import ClassResult
from fsbench.scores.results import Score
from fsbench.scores.results import summarise
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import read_manifest
from fsbench.viewing.pictures import find_pictures
from tests.conftest import ROOT
from tests.fsbench.leaderboard.samples import EPISODES
from tests.fsbench.leaderboard.samples import GALLERY
from tests.fsbench.leaderboard.samples import INFO
from tests.fsbench.leaderboard.samples import result

CLASSES = {"dax": 1, "fep": 1, "wug": 2}
PER_CLASS = 2
HOSTILE = '"\'><img src=x onerror="window.pwned=1"></script><script>window.pwned=1</script>{{7*7}}'


@cache
def manifest():
    return read_manifest(ROOT / "splits/mini-ref-shapes/v2")


@cache
def pictures():
    return find_pictures(manifest(), None)


def slicer():
    """What the sentences of the embedded set are like, made up: every third has five words, the others three."""
    told = {"class_word": "name", "class_objects": 2, "absent_frames": 0, "size": None, "occlusion": None}
    told["kind"] = None
    told |= dict.fromkeys(("names_other", "has_spatial", "has_motion", "has_colour", "is_unanswerable"), False)
    keys = [(row["video_id"], row["expression_id"]) for row in manifest().rows("expressions")]
    said = {key: {**told, "words": 3 if i % 3 else 5, "has_motion": i % 2 == 0} for i, key in enumerate(keys)}
    return Slicer(manifest(), said)


def shapes_entry(name, shift, **info):
    """A method whose masks are the truth, moved to the right by `shift` pixels."""
    found = manifest()
    ids = [row["episode_id"] for row in found.rows("episodes") if row["episode_id"].split("/")[1] in CLASSES]
    stream = np.random.default_rng(shift)
    J = np.clip(0.9 - shift / 30 + 0.1 * stream.standard_normal(len(ids)), 0, 1)
    episodes = pa.table([ids, J, J / 2 + 0.4], schema=EPISODES)
    about = replace(INFO, name=name, **info)
    changes = {"dataset": "mini-ref-shapes", "manifest_version": "v2", "manifest_digest": found.info.digest}
    return _entry(about, J.mean(), CLASSES, Details(episodes, _gallery(found, ids, shift)), **changes)


def davis_entry(name):
    """A method on a dataset whose pixels are not at hand."""
    found = read_manifest(find_manifest("mini-ref-davis", ROOT / "splits"))
    row = found.rows("episodes")[0]
    frames = next(r["frames"] for r in found.rows("videos") if r["video_id"] == row["video_id"])
    rows = [{"episode_id": row["episode_id"], "frame": f, "J": 0.5, "F": 0.25} for f in frames]
    episodes = pa.table([[row["episode_id"]], [0.5], [0.25]], schema=EPISODES)
    details = Details(episodes, pa.Table.from_pylist(rows, schema=GALLERY))
    classes = {row["episode_id"].split("/")[1]: 0}
    about, digest = replace(INFO, name=name), found.info.digest
    return _entry(about, 0.5, classes, details, dataset="mini-ref-davis", manifest_digest=digest)


def plain_entry(name, dataset="mini-ref-elsewhere", class_name="dog", **info):
    """A method on a dataset whose manifest is not at hand."""
    ids = [f"f1/{class_name}/d{draw}/v{video}/0" for draw in range(2) for video in range(3)]
    J = np.linspace(0.2, 0.7, len(ids))
    details = Details(pa.table([ids, J, J], schema=EPISODES), GALLERY.empty_table())
    return _entry(replace(INFO, name=name, **info), 0.45, {class_name: 1}, details, dataset=dataset)


def hostile_entries():
    """An entry on the embedded set, and one on a dataset of a bad name, whose every text wants to run a script."""
    bad = {"summary": HOSTILE, "paper": HOSTILE, "licence": HOSTILE, "trained_on": (HOSTILE,)}
    shapes = shapes_entry("hostile", 9, **bad)
    plain = plain_entry("hostile", class_name=HOSTILE.replace("/", ""), **bad)
    # Such names are let in by no entry; the site stands by itself.
    return [
        shapes.model_copy(update={"method": replace(shapes.method, name=HOSTILE)}),
        plain.model_copy(update={"method": replace(plain.method, name=HOSTILE), "dataset": HOSTILE.replace("/", "")}),
    ]


def _entry(about, mean, classes, details, **changes):
    folds = sorted(set(classes.values()))
    results = []
    for fold in folds:
        scores = [(mean, mean / 2 + 0.4), (mean - 0.02, mean / 2 + 0.42)]
        made = result(fold, scores, method=about, **changes)
        summary = summarise([Score({"J": j, "F": f, "J&F": (j + f) / 2}) for j, f in scores])
        names = [name for name, where in classes.items() if where == fold]
        results.append(made.model_copy(update={"classes": tuple(ClassResult(name=n, score=summary) for n in names)}))
    return entry_from_results(results, folds, details=details, links=("https://example.org/code?a=1&b=2",))


def _gallery(found, ids, shift):
    objects = {row["episode_id"]: row for row in found.rows("episodes")}
    frames = {row["video_id"]: row["frames"] for row in found.rows("videos")}
    rows = []
    for name in CLASSES:
        chosen = [i for i in ids if i.split("/")[1:3] == [name, "d0"]][:PER_CLASS]
        for episode_id in chosen:
            row = objects[episode_id]
            for t, frame in enumerate(frames[row["video_id"]]):
                truth = np.isin(pictures().label_map(row["video_id"], frame), row["object_ids"])
                mask = np.roll(truth, shift, axis=1)
                (code,) = encode_masks(mask[None])
                values = {"episode_id": episode_id, "frame": frame, "J": t / 10, "F": t / 20}
                rows.append({**values, "height": mask.shape[0], "width": mask.shape[1], "counts": code})
    return pa.Table.from_pylist(rows, schema=GALLERY)
