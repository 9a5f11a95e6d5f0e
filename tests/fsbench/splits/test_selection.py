import csv
from collections import Counter
from pathlib import Path

import pytest

from fsbench.datasets import ObjectTrack
from fsbench.datasets import open_dataset
from fsbench.datasets.refytvos import MINI_CATEGORIES
from fsbench.errors import ManifestError
from fsbench.splits.selection import select
from fsbench.splits.selection import SelectionRule

RULE = SelectionRule(categories=("cat", "dog", "emu"), num_folds=2, minimum=2, cap=3, seed=0)
DATA = Path(__file__).parents[2] / "data"


def tracks(**categories):
    return [ObjectTrack(f"{name}{i}", 1, name, ("0",)) for name, count in categories.items() for i in range(count)]


def test_fold_follows_from_class_id():
    selection = select(tracks(cat=2, dog=2, emu=2), RULE)
    assert [tuple(row) for row in selection.classes] == [(1, "cat", 1), (2, "dog", 2), (3, "emu", 1)]


def test_a_class_below_the_minimum_is_left_out_and_moves_no_other():
    selection = select(tracks(cat=2, dog=1, emu=2), RULE)
    assert [tuple(row) for row in selection.classes] == [(1, "cat", 1), (3, "emu", 1)]
    assert [(item.kind, item.name) for item in selection.left_out] == [("class", "dog")]


def test_the_cap_keeps_a_seeded_subset_that_other_classes_do_not_move():
    alone = select(tracks(cat=9), RULE)
    together = select(tracks(cat=9, dog=5, emu=2), RULE)
    kept = sorted(alone.class_of)
    assert len(kept) == 3
    assert kept == sorted(v for v, name in together.class_of.items() if name == "cat")
    seeds = {tuple(select(tracks(cat=9), SelectionRule(("cat",), 1, 2, 3, seed)).class_of) for seed in range(8)}
    assert len(seeds) > 3


def test_a_video_with_objects_of_two_categories_is_not_taken():
    mixed = [ObjectTrack("both", 1, "cat", ("0",)), ObjectTrack("both", 2, "dog", ("0",))]
    assert "both" not in select([*tracks(cat=2, dog=2), *mixed], RULE).class_of


def test_an_explicit_list_is_used_whole():
    selection = select(tracks(cat=9, dog=9), RULE, videos=[f"cat{i}" for i in range(7)])
    assert len(selection.class_of) == 7
    assert [row.name for row in selection.classes] == ["cat"]


def test_an_unknown_video_in_the_list_is_an_error():
    with pytest.raises(ManifestError, match="'catt'"):
        select(tracks(cat=2), RULE, videos=["cat0", "catt"])


def test_published_groups_decide_the_fold_and_may_not_split_a_class():
    found = tracks(cat=2, dog=2)
    videos = [track.video_id for track in found]
    selection = select(found, RULE, videos=videos, fold_of={"cat0": 2, "cat1": 2, "dog0": 1, "dog1": 1})
    assert {row.name: row.fold for row in selection.classes} == {"cat": 2, "dog": 1}
    with pytest.raises(ManifestError, match="'cat' is in 2"):
        select(found, RULE, videos=videos, fold_of={"cat0": 1, "cat1": 2, "dog0": 1, "dog1": 1})


def test_the_rule_gives_the_published_counts_of_every_category(test_data):
    dataset = open_dataset("mini-ref-youtube-vos", test_data / "ref-youtube-vos")
    selection = select(dataset.objects(), SelectionRule(MINI_CATEGORIES, 4, 11, 50, 0))
    with (DATA / "mini_ref_youtube_vos_counts.csv").open() as stream:
        expected = {row["category"]: (int(row["fold"]), int(row["videos"])) for row in csv.DictReader(stream)}
    counts = Counter(selection.class_of.values())
    assert {row.name: (row.fold, counts[row.name]) for row in selection.classes} == expected
    per_fold = Counter(fold for name, (fold, videos) in expected.items() for _ in range(videos))
    assert [per_fold[fold] for fold in (1, 2, 3, 4)] == [405, 411, 422, 415]
