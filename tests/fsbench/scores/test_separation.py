from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.scores.separation import holm
from fsbench.scores.separation import letters


def test_holm_lowers_the_bar_by_one_test_at_a_time():
    assert holm({(0, 1): 0.02, (0, 2): 0.024, (1, 2): 0.01}) == {(1, 2), (0, 1), (0, 2)}
    assert holm({(0, 1): 0.026, (0, 2): 0.001, (1, 2): 0.027}) == {(0, 2)}  # the second is held against 0.025
    assert holm({(0, 1): float("nan"), (0, 2): 0.001}) == {(0, 2)}
    assert holm({}) == set()


def test_holm_errs_in_one_of_twenty_tables_at_most():
    random, wrong = np.random.default_rng(0), 0
    for _ in range(400):
        p = dict(zip(combinations(range(5), 2), random.random(10), strict=True))
        wrong += bool(holm(p))
    assert wrong / 400 < 0.08


@pytest.mark.parametrize(
    ("number", "separated", "expected"),
    [
        (0, [], []),
        (1, [], ["a"]),
        (3, [], ["a", "a", "a"]),
        (3, [(0, 2)], ["a", "ab", "b"]),
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (4, [(0, 3), (1, 3), (0, 2)], ["a", "ab", "bc", "c"]),
        (3, [(0, 1)], ["a", "b", "ab"]),
    ],
)
def test_letters_are_those_of_the_groups(number, separated, expected):
    assert letters(number, separated) == expected


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.sampled_from([*combinations(range(n), 2)] or [(0, 0)])))
    )
)
def test_two_methods_have_a_letter_in_common_exactly_if_they_are_not_separated(case):
    number, separated = case
    separated = {each for each in separated if each[0] != each[1]}
    found = letters(number, separated)
    assert all(found)
    for pair in combinations(range(number), 2):
        assert bool(set(found[pair[0]]) & set(found[pair[1]])) == (pair not in separated)


def test_more_groups_than_letters_have_numbers():
    assert letters(28, combinations(range(28), 2))[25:] == ["z", "a2", "b2"]
