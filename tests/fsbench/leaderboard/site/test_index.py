import re
from dataclasses import replace

import pytest

from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.leaderboard.leads import lead_of
from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site.index import index_page
from fsbench.splits.binning import ATTRIBUTES
from tests.conftest import ROOT
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.site import samples
from tests.fsbench.leaderboard.test_leads import of_fold_one


@pytest.fixture(scope="module")
def board():
    """Two methods on sentences of which every second needs the support."""
    found = samples.slicer()
    told = {
        key: {**row, "kind": (NEEDED, NOT_NEEDED)[number % 2]}
        for number, (key, row) in enumerate(found.attributes.items())
    }
    (made,) = make_boards([samples.shapes_entry("close", 2), samples.shapes_entry("far", 12)], ROOT / "splits")
    return replace(made, slicer=replace(found, attributes=told))


def words(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page.partition("<main")[2]).split())


def test_the_first_thing_said_is_who_leads_where_support_is_needed(board):
    page = index_page([board])
    found = lead_of(board.table, board.slicer, ATTRIBUTES["kind"], NEEDED)
    text = words(page)
    assert text.index("Which method is best where support is needed?") < text.index("Filter")
    assert (
        f"mini-ref-shapes v2 : the {found.episodes} episodes that need the support close {100 * found.score:.1f}"
        in text
    )
    assert f"+{100 * found.difference.mean.headline:.1f} points" in text
    assert f"before far ({100 * found.next_score:.1f}): {'' if found.is_separated else 'not '}separated" in text
    assert found.episodes < len(board.scores)


def test_a_set_that_does_not_tell_which_episodes_need_support_comes_after_with_all(board):
    bare = replace(board, slicer=samples.slicer())
    assert "support is needed" not in words(index_page([bare]))
    text = words(index_page([bare, board]))
    last = text.index(f"all {len(board.scores)} episodes; which need the support is not told")
    assert text.index("episodes that need the support") < last


def test_a_partial_entry_says_its_place_in_the_fold_that_it_has():
    boards = make_boards([*detailed({"low": -0.1, "high": 0.1}), of_fold_one("half", 0.0)])
    assert "fold 1 alone: place 2 of 3, group" in words(index_page(boards))
