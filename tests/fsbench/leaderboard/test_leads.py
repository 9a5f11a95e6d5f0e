from dataclasses import replace

import pytest

from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.compare import compare_means
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import entry_from_results
from fsbench.leaderboard.leads import fold_ranks
from fsbench.leaderboard.leads import lead_of
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.splits.binning import ATTRIBUTES
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import detailed_result
from tests.fsbench.leaderboard.samples import GALLERY


def table_of(entries):
    (table,) = leaderboard_tables(entries)
    return table


def of_fold_one(name, shift):
    """An entry of the first of two folds."""
    (whole,) = detailed({name: shift})
    rows = whole.details.episodes
    kept = rows.filter([each.startswith("f1/") for each in rows["episode_id"].to_pylist()])
    details = Details(kept, GALLERY.empty_table())
    return entry_from_results([detailed_result(details, 1, 2, name=name)], (1, 2), details=details)


def test_the_best_leads_the_next_by_what_compare_gives():
    entries = detailed({"low": -0.1, "high": 0.1, "mid": 0.0})
    found = lead_of(table_of(entries))
    names = [row.entry.method.name for row in table_of(entries).rows]
    assert (names[found.best], names[found.next]) == ("high", "mid")
    expected = compare_means(entries[1], entries[2])
    assert found.difference.mean.headline == pytest.approx(expected.mean.headline, abs=1e-12)
    assert found.score - found.next_score == pytest.approx(0.1, abs=1e-12)
    assert found.episodes == len(entries[0].details.table)
    assert found.is_separated


def test_equal_methods_are_not_separated_and_one_alone_leads_nobody():
    assert not lead_of(table_of(detailed({"one": 0.0, "other": 0.0}))).is_separated
    alone = lead_of(table_of(detailed({"one": 0.0})))
    assert (alone.best, alone.next, alone.difference) == (0, None, None)


def test_oracles_and_partial_entries_lead_nobody():
    found = table_of([*detailed({"oracle-class": 0.1, "real": 0.0}), of_fold_one("half", 0.2)])
    assert found.rows[lead_of(found).best].method == "real"
    assert lead_of(found).next is None
    assert lead_of(table_of([of_fold_one("half", 0.2)])) is None


def test_in_a_slice_scores_and_lead_are_those_of_the_slice(made_runs):
    entries = made_runs.entries["standard"]
    table, one = table_of(entries.values()), next(iter(entries.values()))
    slicer = find_slicer(one.dataset, one.manifest_digest, splits=made_runs.splits)
    for name in ("has_spatial", "absent_frames"):
        attribute = ATTRIBUTES[name]
        for label in slicer.slices(one, attribute):
            found = lead_of(table, slicer, attribute, label)
            best, following = (table.rows[i].entry for i in (found.best, found.next))
            scores = [slicer.slices(each, attribute)[label] for each in (best, following)]
            assert [found.score, found.next_score] == [each.score.headline for each in scores]
            assert found.score >= found.next_score
            assert found.episodes == scores[0].episodes
            both = compare(best, following, splits=made_runs.splits).sliced(name)
            row = next(each for each in both.rows if each.name == label)
            assert found.difference.mean == row.found.mean
    assert lead_of(table, slicer, ATTRIBUTES["has_spatial"], "no such") is None


def test_a_partial_entry_is_ranked_within_the_fold_that_it_has():
    found = table_of([*detailed({"low": -0.1, "high": 0.1, "twin": -0.1}), of_fold_one("half", 0.0)])
    numbers = {row.entry.method.name: i for i, row in enumerate(found.rows)}
    assert found.rows[numbers["half"]].rank is None
    ranks = fold_ranks(found)
    assert list(ranks) == [numbers["half"]]
    (rank,) = ranks[numbers["half"]]
    assert (rank.fold, rank.place, rank.of) == (1, 2, 4)
    assert rank.groups


def test_a_fold_with_failed_episodes_has_no_rank():
    half = of_fold_one("half", 0.0)
    failed = half.model_copy(update={"folds": tuple(each.model_copy(update={"failed": 1}) for each in half.folds)})
    assert fold_ranks(table_of([*detailed({"low": -0.1}), failed])) == {}
    whole = table_of(detailed({"low": -0.1}))
    assert fold_ranks(replace(whole, protocol="released|mean=frame")) == {}


def test_entries_that_have_all_folds_are_not_ranked_in_single_ones_even_where_nothing_is_ranked():
    found = table_of([*detailed({"two": 0.0}, draws=2), *detailed({"three": 0.0}, draws=3)])
    assert [row.rank for row in found.rows] == [None, None]
    assert fold_ranks(found) == {}
