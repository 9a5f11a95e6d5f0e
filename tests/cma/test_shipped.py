"""The weights that come with the package, and the numbers on the leaderboard that were made with them."""

import json

import pytest

from fsbench.datasets.shapes import _write_video
from fsbench.datasets.shapes import V3
from fsbench.files import content_digest
from fsbench.leaderboard import read_entries
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.manifest import read_manifest
from fsbench_cma import declarations
from tests.conftest import ROOT

SPLITS = ROOT / "splits" / "mini-ref-shapes" / V3.version
FOLDS, DRAW, VIDEOS = (1, 2, 3, 4), 0, 2


@pytest.fixture(scope="module")
def entry():
    entries = read_entries(ROOT / "leaderboard" / "entries")
    (found,) = (
        e for e in entries if (e.dataset, e.manifest_version, e.title) == ("mini-ref-shapes", "v3", "cma-prior")
    )
    return found


def write_videos(root, manifest):
    """Draws the first videos of each fold and the supports of a draw, and the metadata of these alone."""
    supports = (row for row in manifest.rows("supports") if row["draw"] == DRAW)
    chosen = {shot["video_id"] for row in supports for shot in row["shots"]}
    for fold in FOLDS:
        rows = (row for row in manifest.rows("episodes") if row["fold"] == fold)
        chosen.update(video for _, video in sorted({(row["class_id"], row["video_id"]) for row in rows})[:VIDEOS])
    objects, expressions = {}, {}
    for video_id in sorted(chosen):
        word, _, number = video_id.rpartition("-")
        place = (V3.categories.index(word), int(number))
        written, objects[video_id], expressions[video_id] = _write_video(root / "train", V3, *place)
        assert written == video_id
    (root / "meta_expressions" / "train").mkdir(parents=True)
    (root / "train" / "meta.json").write_text(json.dumps({"videos": objects}))
    path = root / "meta_expressions" / "train" / "meta_expressions.json"
    path.write_text(json.dumps({"videos": expressions}))


def test_the_shipped_weights_give_the_numbers_on_the_leaderboard(entry, tmp_path):
    """Of each fold's weights, every episode of its first videos."""
    write_videos(tmp_path / "data" / "mini-ref-shapes", read_manifest(SPLITS))
    benchmark = open_benchmark("mini-ref-shapes", tmp_path / "data", SPLITS)
    request = Request(
        "cma-prior", benchmark, folds=FOLDS, draws=(DRAW,), device="cpu", limit=VIDEOS, out=tmp_path / "run"
    )
    run = evaluate_method(request, RunOptions())
    digests = {fold.fold: fold.checkpoint_sha256 for fold in entry.folds}
    assert {each.identity.fold: each.identity.checkpoint_sha256 for each in run.results.values()} == digests
    keys = ["fold", "class", "draw", "video", "expression"]
    found = run.to_frame("episode").set_index(keys)[["J", "F"]]
    committed = entry.details.table.set_index(keys)[["J", "F"]].loc[found.index]
    assert len(found) >= len(FOLDS) * VIDEOS
    # Processors round differently, and a few pixels on the edge of a mask change sides.
    assert found.to_numpy() == pytest.approx(committed.to_numpy(), abs=5e-3)


def test_every_fold_has_weights_of_its_own_and_together_they_are_small(entry):
    folders = [declarations.CMA_PRIOR.shipped_checkpoint("mini-ref-shapes", fold.fold) for fold in entry.folds]
    assert [content_digest(folder) for folder in folders] == [fold.checkpoint_sha256 for fold in entry.folds]
    assert len({fold.checkpoint_sha256 for fold in entry.folds}) == 4
    assert sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()) < 12.5e6
