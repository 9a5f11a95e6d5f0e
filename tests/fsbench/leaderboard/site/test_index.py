import re
from dataclasses import replace
from datetime import date

import pytest
import yaml

import fsbench
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.leads import lead_of
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site import write_site
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


def test_a_row_links_to_its_paper_its_code_and_its_entry(board, tmp_path):
    linked, named = (
        samples.plain_entry(name, paper=paper) for name, paper in (("a", "https://example.org/p"), ("b", "Doe"))
    )
    boards = make_boards([linked, named])
    page = index_page(boards)
    assert '<a href="https://example.org/p" rel="noopener noreferrer">paper</a>' in page
    assert page.count('<a href="https://example.org/code?a=1&amp;b=2" rel="noopener noreferrer">example.org</a>') == 2
    assert '<a href="methods/b.html#paper">paper</a>' in page
    out = write_site(tmp_path / "out", boards).parent
    files = re.findall(r'<a href="(entries/[^"]+)">entry</a>', page)
    assert [Entry.model_validate_json((out / each).read_bytes()).method.name for each in files] == boards[0].methods
    assert 'id="paper"' in (out / "methods/b.html").read_text(encoding="utf-8")


def test_a_time_on_other_hardware_says_so_and_is_sorted_last():
    made = [samples.plain_entry(name) for name in ("one", "two", "three")]
    told = [("A chip", 0.5), ("A chip", 0.25), ("B chip", 0.125)]
    entries = [
        each.model_copy(update={"hardware": (name,), "seconds_per_frame": value})
        for each, (name, value) in zip(made, told, strict=True)
    ]
    page = index_page(make_boards(entries))
    cells = re.findall(r'<td class="rest seconds" data-value="([^"]*)">(.*?)</td>', page)
    assert sorted(cells) == [("", "0.125 <small>B chip</small>"), ("0.25", "0.250"), ("0.5", "0.500")]
    assert "Seconds a frame on A chip" in page


def test_a_row_says_when_its_method_was_evaluated_where_that_is_known():
    dated, other = samples.plain_entry("dated"), samples.plain_entry("other")
    page = index_page(make_boards([dated.model_copy(update={"evaluated": date(2026, 3, 1)}), other]))
    rows = re.findall(r"<tr data-trained.*?</tr>", page, re.DOTALL)
    assert ["<small>2026-03-01</small>" in row for row in rows] == ["methods/dated.html" in row for row in rows]
    assert "The date is of the evaluation." in page
    assert "The date is" not in index_page(make_boards([other]))


def test_versions_of_a_dataset_have_boards_of_other_names_and_those_that_tell_what_needs_support_come_first(board):
    earlier = board.table.rows[0].entry
    later = earlier.model_copy(update={"manifest_version": "v9", "manifest_digest": "f" * 64})
    boards = make_boards([earlier, later])
    assert [each.table.title for each in boards] == ["mini-ref-shapes v2, standard", "mini-ref-shapes v9, standard"]
    assert [each.slug.split(".")[1] for each in boards] == ["v2", "v9"]
    entries = read_entries_of("mini-ref-shapes@v3", "mini-ref-shapes", "mini-ref-davis")
    assert [each.table.manifest_version for each in make_boards(entries, ROOT / "splits")] == ["v3", "pack-v1", "v2"]


def read_entries_of(*folders):
    places = ROOT / "leaderboard/entries"
    return [read_entry(places, places / folder / "empty.json") for folder in folders]


def test_what_to_cite_is_what_the_citation_file_says():
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    page = index_page([])
    assert f"title = {{{told['title']}: {told['abstract'].rstrip('.')}}}" in page
    assert all(f"author = {{{{{author['name']}}}}}" in page for author in told["authors"])
    assert f"version = {{{fsbench.__version__}}}" in page
