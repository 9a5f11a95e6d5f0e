from dataclasses import replace
from itertools import permutations

import pytest

from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import one_line
from tests.fsbench.leaderboard.samples import board
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import RELEASED

SCORES = {1: [(0.5, 0.7)], 2: [(0.3, 0.4)]}
BETTER = {1: [(0.6, 0.8)], 2: [(0.1, 0.8)]}


def only_table(*entries):
    (table,) = leaderboard_tables(entries)
    return table


def cells(table, row, group):
    return [cell for (of, _), cell in zip(table.columns, table.rows[row].cells, strict=True) if of == group]


@pytest.mark.parametrize(
    "other", [{"protocol": RELEASED}, {"manifest_digest": "f" * 64}, {"dataset": "other"}], ids=lambda c: next(iter(c))
)
def test_what_must_not_be_compared_is_in_tables_of_its_own(other):
    tables = leaderboard_tables([entry(SCORES), entry(SCORES, **other), entry(BETTER, name="flow", **other)])
    assert sorted([row.method for row in table.rows] for table in tables) == [["copy"], ["flow", "copy"]]


def test_entries_of_other_options_are_rows_of_their_own_that_say_so():
    table = only_table(
        entry(SCORES, options={"affinity": "self"}),
        entry(BETTER, options={"affinity": "cross"}),
        entry(SCORES, name="flow"),
    )
    assert [row.method for row in table.rows] == ["copy (affinity=cross)", "copy (affinity=self)", "flow"]


def test_the_order_of_entries_does_not_matter():
    tables = leaderboard_tables(board())
    assert all(leaderboard_tables(order) == tables for order in permutations(board()))


def test_the_standard_protocol_comes_first():
    assert [table.title for table in leaderboard_tables(board())] == ["shapes v1, standard", "shapes v1, released"]


def test_rows_are_sorted_by_the_mean_and_incomplete_ones_come_last():
    table = only_table(
        entry({1: [(0.9, 0.9)]}, name="partial"),
        entry({1: [(0.9, 0.9)], 2: [(0.9, 0.9)]}, failed=(1, 2), name="broken"),
        entry(SCORES),
        entry(BETTER, name="flow"),
    )
    assert [row.method for row in table.rows] == ["flow", "copy", "partial", "broken"]


def test_values_are_those_of_the_entry_and_missing_ones_are_none():
    found = entry({2: [(0.1, 0.2), (0.2, 0.4)]})
    table = only_table(found)
    assert table.groups == (1, 2, None)
    assert [cell.value for cell in cells(table, 0, 1)] == [None] * 3
    mean = found.folds[0].score.mean
    assert [cell.value for cell in cells(table, 0, 2)] == [mean["J"], mean["F"], mean["J&F"]]
    assert [cell.value for cell in cells(table, 0, None)] == [None] * 3


def test_the_spread_stands_beside_the_mean_of_j_and_f_alone():
    found = board()[0]
    table = only_table(found)
    assert [cell.sd for cell in table.rows[0].cells] == [None] * 8 + [found.mean.sd_draws["J&F"]]


def test_a_dataset_of_one_fold_has_the_mean_alone():
    found = entry({0: [(0.1, 0.2), (0.2, 0.4)]}, expected=(0,))
    table = only_table(found)
    assert table.groups == (None,)
    assert [cell.value for cell in table.rows[0].cells] == [
        found.mean.mean["J"],
        found.mean.mean["F"],
        found.mean.mean["J&F"],
    ]
    assert table.rows[0].cells[-1].sd == found.mean.sd_draws["J&F"]


def test_the_only_fold_is_shown_with_its_failures_but_takes_no_place():
    table = only_table(
        entry({0: [(0.9, 0.9)]}, expected=(0,), failed=(0,)), entry({0: [(0.1, 0.1)]}, expected=(0,), name="flow")
    )
    assert [(row.method, row.cells[0].value, row.cells[0].place) for row in table.rows] == [
        ("flow", 0.1, 1),
        ("copy", 0.9, None),
    ]


def test_the_two_best_values_of_a_column_are_marked_and_equal_ones_share_a_place():
    table = only_table(
        *(
            entry({1: [(j, 0.5)], 2: [(0.5, 0.5)]}, name=name)
            for name, j in zip("abcd", (0.1, 0.3, 0.3, 0.2), strict=True)
        )
    )
    assert {row.method: row.cells[0].place for row in table.rows} == {"a": None, "b": 1, "c": 1, "d": 2}
    assert {row.cells[1].place for row in table.rows} == {1}


def test_a_partial_entry_takes_places_in_the_folds_that_it_has():
    table = only_table(entry(SCORES), entry({1: [(0.9, 0.9)]}, name="partial"))
    assert [cell.place for cell in cells(table, 1, 1)] == [1, 1, 1]
    assert [cell.place for cell in cells(table, 0, 1)] == [2, 2, 2]


def test_a_mean_over_other_folds_is_not_compared():
    table = only_table(entry({1: [(0.9, 0.9)]}, expected=(1,), name="one-fold"), entry(SCORES))
    assert [row.method for row in table.rows] == ["copy", "one-fold"]
    assert [cell.value for cell in cells(table, 1, None)] == [None] * 3


def test_failures_and_missing_draws_have_footnotes():
    table = only_table(*board()[:3], entry(SCORES, name="short"))
    assert {row.method: row.notes for row in table.rows} == {"copy": (), "flow": (), "short": (1,), "half": (2, 1)}
    assert table.notes == (
        "Only 1 of 2 draws.",
        "Episodes failed (1 in fold 1); the scores stand for the others.",
    )


def test_the_subtitle_says_what_the_numbers_depend_on():
    table = only_table(*board()[:3])
    assert table.subtitle == f"Manifest v1 (0123456789ab); protocol {table.protocol}; 1 class, 2 draws, 24 episodes"


def test_the_subtitle_counts_the_videos_where_the_episodes_are_known():
    assert only_table(*detailed({"flow": 0.0})).subtitle.endswith("; 8 classes, 24 videos, 2 draws, 48 episodes")


def test_texts_are_freed_of_line_breaks_and_control_characters():
    assert one_line(" a\n\tb\0c\u202ed\x1b[0m ") == "a b c d [0m"
    found = entry(SCORES)
    hostile = found.model_copy(update={"method": replace(found.method, name="a\nb")})
    assert only_table(hostile).rows[0].method == "a b"


def test_no_entries_make_no_tables():
    assert leaderboard_tables([]) == []
