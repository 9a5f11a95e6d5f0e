"""Masks of runs for a site of one's own."""

import pyarrow as pa
import pytest

from fsbench.leaderboard.details import Details
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import with_masks


@pytest.fixture
def entries(made_runs):
    return list(made_runs.entries["standard"].values())


def test_entries_of_a_dataset_that_may_not_be_shown_get_the_masks_of_their_runs(made_runs, entries):
    found = with_masks(entries, made_runs.base, made_runs.splits)
    assert [each.title for each in found] == [each.title for each in entries]
    for one, other in zip(entries, found, strict=True):
        shown, bare = other.details.gallery, one.details.gallery
        assert (bare["counts"].null_count, shown["counts"].null_count) == (len(bare), 0)
        assert shown.drop(["height", "width", "counts"]) == bare.drop(["height", "width", "counts"])
        assert other.details.episodes == one.details.episodes
        assert other.model_dump_json() == one.model_dump_json()


def test_runs_of_other_scores_give_no_masks_and_it_is_said(made_runs, entries, caplog):
    one = entries[0]
    scores = pa.compute.multiply(one.details.episodes["J"], 0.5)
    episodes = one.details.episodes.set_column(1, one.details.episodes.schema.field("J"), scores)
    changed = one.model_copy(update={"details": Details(episodes, one.details.gallery)})
    (found,) = with_masks([changed], made_runs.base, made_runs.splits)
    assert found is changed
    assert "the runs have other scores, so their masks are not shown" in caplog.text
    bare = one.model_copy(update={"details": None})
    assert with_masks([bare], made_runs.base, made_runs.splits) == [bare]


def test_runs_show_masks_of_such_a_dataset_only_to_oneself(made_runs):
    nulls = []
    for shows_all in (False, True):
        found = entries_from_runs(made_runs.base / "standard", lambda _: None, shows_all=shows_all)
        nulls.append({each.details.gallery["counts"].null_count for each in found})
    assert nulls[0] != {0}
    assert nulls[1] == {0}
