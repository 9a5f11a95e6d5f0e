"""Slices against means that pandas takes, and the slice of all episodes against the whole."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fsbench.errors import ManifestError
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import episodes_schema
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.slices import Slicer
from fsbench.splits.binning import ATTRIBUTES
from fsbench.splits.manifest import read_manifest
from tests.conftest import ROOT
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import GALLERY
from tests.fsbench.leaderboard.samples import STANDARD

MORE = STANDARD.replace("|mean=", "|metrics=J,F,N_acc|headline=J&F|mean=")
SHAPES = json.loads((ROOT / "splits/mini-ref-shapes/v2/manifest.json").read_bytes())["digest"]
COMMITTED = ROOT / "leaderboard/entries"


@pytest.fixture(scope="module")
def real():
    """Mini-Ref-YouTube-VOS: what its sentences are like, and an entry with made-up scores on two draws of two folds."""
    manifest = read_manifest(ROOT / "splits/mini-ref-youtube-vos/v2")
    rows = manifest.tables["episodes"].to_pandas()
    rows = rows[rows["fold"].isin((2, 3)) & rows["draw"].isin((0, 3))]
    stream = np.random.default_rng(0)
    J, F, N = stream.random((3, len(rows)))
    columns = {"episode_id": rows["episode_id"], "J": J, "F": F, "N_acc": np.where(N < 0.2, N, np.nan)}
    episodes = pa.table(columns, schema=episodes_schema(("J", "F", "N_acc"))).sort_by("episode_id")
    made = entry({1: [(0.5, 0.7)], 2: [(0.3, 0.4)]})
    details = Details(episodes, GALLERY.empty_table())
    return find_slicer("mini-ref-youtube-vos", manifest.info.digest), made.model_copy(
        update={"protocol": MORE, "details": details}
    )


def means(table, names):
    """Means of draws, each over the sentences of a video, the videos of a class, the classes and the folds."""
    for keys in (["draw", "fold", "class", "video"], ["draw", "fold", "class"], ["draw", "fold"], ["draw"]):
        table = table.groupby(keys)[names].mean()
    return table.mean()


@pytest.mark.parametrize("name", ["class_word", "class_objects", "has_motion", "words", "absent_frames", "size"])
def test_slices_of_real_sentences_have_the_means_that_pandas_takes(real, name):
    slicer, made = real
    attributes = slicer.manifest.tables["attributes"].to_pandas().rename(columns={"video_id": "video"})
    table = made.details.table.merge(attributes, left_on=["video", "expression"], right_on=["video", "expression_id"])
    edges = [-np.inf, *ATTRIBUTES[name].edges, np.inf]
    values = table[name].fillna(-1) if name == "size" else table[name]
    group = pd.cut(values, edges, right=False) if ATTRIBUTES[name].edges else values
    found = slicer.slices(made, ATTRIBUTES[name])
    expected = [rows for _, rows in table.groupby(group, observed=True)]
    assert len(found) == len(expected)
    assert sum(each.episodes for each in found.values()) == len(table)
    by_size = {len(rows): means(rows, ["J", "F", "N_acc"]) for rows in expected}
    for each in found.values():
        assert each.score.names == ("J", "F", "N_acc", "J&F")
        assert [each.score[m] for m in ("J", "F", "N_acc")] == pytest.approx(list(by_size[each.episodes]), abs=1e-12)
        assert each.score["J&F"] == pytest.approx((each.score["J"] + each.score["F"]) / 2, abs=1e-12)


def test_slices_come_in_the_order_of_the_attribute_without_those_that_have_no_episodes(real):
    slicer, made = real
    assert list(slicer.slices(made, ATTRIBUTES["words"])) == ["up to 4", "5 to 7", "8 to 10", "11 or more"]
    assert list(slicer.slices(made, ATTRIBUTES["size"])) == ["not known"]


def test_the_order_of_episodes_does_not_matter(real):
    slicer, made = real
    episodes = made.details.episodes
    order = np.random.default_rng(1).permutation(len(episodes))
    shuffled = made.model_copy(update={"details": replace(made.details, episodes=episodes.take(order))})
    for attribute in ATTRIBUTES.values():
        assert slicer.slices(shuffled, attribute) == slicer.slices(made, attribute)


@pytest.mark.parametrize("protocol", ["standard", "released", "fss-vos"])
def test_a_slice_of_all_episodes_is_the_whole_to_the_bit_but_for_pools_whose_frames_it_does_not_see(
    made_runs, protocol
):
    made = made_runs.entries[protocol]["support-copy"]
    slicer = find_slicer(made.dataset, made.manifest_digest, splits=made_runs.splits)
    ((label, whole),) = slicer.slices(made, ATTRIBUTES["is_unanswerable"]).items()
    assert (label, whole.episodes) == ("no", made.folds[0].episodes)
    assert list(whole.score.root.values()) == pytest.approx(list(made.mean.mean.root.values()), abs=1e-12)
    assert protocol != "standard" or whole.score == made.mean.mean
    assert {each.score == whole.score for each in slicer.slices(made, ATTRIBUTES["absent_frames"]).values()} == {False}


def test_a_pool_of_frames_is_sliced_as_a_pool(made_runs):
    pooled = made_runs.entries["released"]["support-copy"]
    table, slicer = pooled.details.table, find_slicer(pooled.dataset, pooled.manifest_digest, splits=made_runs.splits)
    found = slicer.slices(pooled, ATTRIBUTES["has_spatial"])
    rows = table[table["expression"] == "10"]  # both of them; all videos have as many frames
    assert found["no"].score["J"] == pytest.approx(rows.groupby("draw")["J"].mean().mean(), abs=1e-12)


@pytest.mark.parametrize("name", ["colour-prototype", "prototype", "full-frame"])
def test_a_committed_entry_is_sliced_by_the_sentences_of_its_data(test_data, name):
    made = read_entry(COMMITTED, COMMITTED / f"mini-ref-davis/{name}.json")
    slicer = find_slicer(made.dataset, made.manifest_digest, test_data, ROOT / "splits")
    assert "attributes" not in slicer.manifest.tables
    texts = json.loads((test_data / "mini-ref-davis/meta_expressions/train/meta_expressions.json").read_text())[
        "videos"
    ]
    table = made.details.table
    words = [len(texts[v]["expressions"][e]["exp"].split()) for v, e in zip(table.video, table.expression, strict=True)]
    found = slicer.slices(made, ATTRIBUTES["words"])
    for label, rows in table.groupby(
        pd.cut(words, [0, 4, 7, 10, 99], labels=ATTRIBUTES["words"].labels), observed=True
    ):
        assert found[label].episodes == len(rows)
        assert found[label].score["J"] == pytest.approx(means(rows, ["J"])["J"], abs=1e-12)
    (whole,) = slicer.slices(made, ATTRIBUTES["is_unanswerable"]).values()
    assert whole.score["J&F"] == pytest.approx(made.mean.mean["J&F"], abs=1e-12)


def test_without_manifest_or_sentences_it_is_said_what_is_missing(made_runs, tmp_path):
    made = made_runs.entries["standard"]["support-copy"]
    with pytest.raises(ManifestError, match=r"no manifest with digest 0123456789ab is here.*--splits"):
        find_slicer(made.dataset, "0123456789abcdef" * 4)
    old = ROOT / "splits/mini-ref-davis/pack-v1"
    with pytest.raises(ManifestError, match=r"pack-v1: has no table of attributes.*--data-root where the dataset is"):
        find_slicer("mini-ref-davis", read_manifest(old).info.digest, tmp_path, old)
    with pytest.raises(ManifestError, match=r"make it with 'fsbench build-splits mini-ref-shapes@v2', or say"):
        find_slicer("mini-ref-shapes", SHAPES, tmp_path, ROOT / "splits")
    strange = Slicer(find_slicer(made.dataset, made.manifest_digest, splits=made_runs.splits).manifest, {})
    with pytest.raises(ManifestError, match="has no sentence cat-0/0, which was scored"):
        strange.slices(made, ATTRIBUTES["words"])
