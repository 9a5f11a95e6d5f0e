"""The weights that come with the package, and the numbers on the leaderboard that were made with them."""

import json

import pytest

from fsbench.datasets.shapes import _write_video
from fsbench.datasets.shapes import CATEGORIES
from fsbench.datasets.shapes import ShapesConfig
from fsbench.files import content_digest
from fsbench.leaderboard import read_entries
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.manifest import read_manifest
from fsbench_cma import declarations
from tests.conftest import ROOT

SPLITS = ROOT / "splits" / "mini-ref-shapes" / "v2"
FOLD, DRAW = 2, 0


@pytest.fixture(scope="module")
def entry():
    entries = read_entries(ROOT / "leaderboard" / "entries")
    (found,) = (e for e in entries if e.dataset == "mini-ref-shapes" and e.title == "cma")
    return found


def write_videos(root, manifest):
    """Draws the videos of one fold and draw, and the metadata of these alone."""
    support = [shot["video_id"] for row in manifest.rows("supports") for shot in row["shots"] if is_asked(row)]
    query = [row["video_id"] for row in manifest.rows("episodes") if is_asked(row)]
    objects, expressions = {}, {}
    for video_id in sorted({*support, *query}):
        word, _, number = video_id.rpartition("-")
        place = (CATEGORIES.index(word), int(number))
        written, objects[video_id], expressions[video_id] = _write_video(root / "train", ShapesConfig(), *place)
        assert written == video_id
    (root / "meta_expressions" / "train").mkdir(parents=True)
    (root / "train" / "meta.json").write_text(json.dumps({"videos": objects}))
    path = root / "meta_expressions" / "train" / "meta_expressions.json"
    path.write_text(json.dumps({"videos": expressions}))


def is_asked(row):
    return (row["fold"], row["draw"]) == (FOLD, DRAW)


def test_the_shipped_weights_give_the_numbers_on_the_leaderboard(entry, tmp_path):
    write_videos(tmp_path / "data" / "mini-ref-shapes", read_manifest(SPLITS))
    request = Request(
        method="cma",
        benchmark=open_benchmark("mini-ref-shapes", tmp_path / "data", SPLITS),
        folds=(FOLD,),
        draws=(DRAW,),
        device="cpu",
        out=tmp_path / "run",
    )
    (result,) = evaluate_method(request, RunOptions()).results.values()
    (committed,) = (fold for fold in entry.folds if fold.fold == FOLD)
    assert result.identity.checkpoint_sha256 == committed.checkpoint_sha256
    (score,) = (draw.score for draw in committed.draws if draw.draw == DRAW)
    # Processors round differently, and a few pixels on the edge of a mask change sides.
    assert result.score.mean.model_dump() == pytest.approx(score.model_dump(), abs=1e-3)


def test_every_fold_has_weights_of_its_own_and_together_they_are_small(entry):
    folders = [declarations.CMA.shipped_checkpoint("mini-ref-shapes", fold.fold) for fold in entry.folds]
    assert [content_digest(folder) for folder in folders] == [fold.checkpoint_sha256 for fold in entry.folds]
    assert len({fold.checkpoint_sha256 for fold in entry.folds}) == 4
    assert sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()) < 12.5e6
