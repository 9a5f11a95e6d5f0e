import json

import pytest

from fsbench.errors import RunError
from fsbench.leaderboard import read_reported
from fsbench.leaderboard import readme
from fsbench.leaderboard.rendering import render_reported
from fsbench.leaderboard.site.index import index_page
from tests.conftest import ROOT

TABLE = {
    "title": "A set",
    "protocol": "its own",
    "metrics": ["J", "F"],
    "rows": [{"method": "one | two", "values": [53.1, None], "source": "a <b>paper</b>"}],
}


@pytest.fixture
def write(tmp_path):
    """Writes a table, with other values in some of its fields, and returns the folder."""

    def to_folder(**changes):
        (tmp_path / "set.json").write_text(json.dumps(TABLE | changes))
        return tmp_path

    return to_folder


def test_the_committed_numbers_are_those_of_the_papers():
    found = {table.title: table for table in read_reported(ROOT / "leaderboard/reported")}
    rows = {
        (title, row.method): dict(zip(t.metrics, row.values, strict=True))
        for title, t in found.items()
        for row in t.rows
    }
    assert rows["Mini-Ref-YouTube-VOS", "CMA"] == {"J": 53.1, "F": 54.8}
    assert rows["Mini-Ref-SAIL-VOS", "CMA"] == {"J": 77.7, "F": 74.8}
    assert rows["Ref-YouTube-VOS", "ReferFormer ResNet-50"] == {"J&F": 55.6, "J&F after CFBI": 59.4}
    assert rows["Ref-DAVIS17", "ReferFormer Video-Swin-B"] == {"J&F": 61.1, "J": 58.1, "F": 64.1}
    few_shot = {method: values for (title, method), values in rows.items() if title.startswith("Few-shot VOS")}
    assert few_shot == {"DANet": {"J": 58.0, "F": 56.3}, "HPAN": {"J": 63.5, "F": 62.4}}
    assert rows["JHMDB-Sentences", "ReferFormer Video-Swin-S"] == {"overall IoU": 72.8, "mean IoU": 71.5, "mAP": 42.4}


def test_a_folder_that_is_not_there_holds_none(tmp_path):
    assert read_reported(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["J"]}, r"'one \| two' has 2 values for 1 metrics"),
        ({"rows": []}, "rows: "),
        ({"title": "a\nset"}, "not to be seen"),
        ({"rank": 1}, "rank: "),
        ({"rows": [{"method": "x", "values": [0.5, 101], "source": "y"}]}, r"rows\.0\.values\.1: .*100"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_by_its_file(write, changes, message):
    with pytest.raises(RunError, match=rf"set\.json: is no table of reported numbers \(.*{message}"):
        read_reported(write(**changes))


def test_numbers_of_papers_stand_apart_without_a_rank(write):
    text = render_reported(read_reported(write()))
    assert "| Method | J | F | Source |" in text
    assert "| one \\| two | 53.1 | – | a &lt;b>paper&lt;/b> |" in text
    assert "Neither ranked nor to be compared" in text
    assert "Rank |" not in text
    assert readme([]) == readme([], ())
    assert readme([], read_reported(write())).endswith(text)


def test_the_site_shows_them_below_the_boards_escaped(write):
    page = index_page([], read_reported(write()))
    assert "Reported in papers" in page
    assert "a &lt;b&gt;paper&lt;/b&gt;" in page
    assert "Reported in papers" not in index_page([])


def test_the_command_prints_them_below_the_tables_and_asks_for_no_folder(fsbench):
    entries = ROOT / "leaderboard/entries"
    assert "## Reported in papers" in fsbench("leaderboard", "--entries", entries).stdout
    assert "Reported" not in fsbench("leaderboard", "--entries", entries, "--format", "latex").stdout
