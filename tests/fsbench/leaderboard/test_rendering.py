import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fsbench.leaderboard.rendering import readme
from fsbench.leaderboard.rendering import render
from fsbench.leaderboard.tables import leaderboard_tables
from tests.fsbench.leaderboard.samples import board
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import INFO

DATA = Path(__file__).parents[2] / "data"

SCORES = {1: [(1 / 3, 0.1 + 0.2)], 2: [(2 / 7, 1e-17)]}


def named(text):
    """An entry whose every text from outside is this one."""
    info = replace(INFO, name=text, summary=text, paper=text, licence=text, trained_on=(text,))
    return entry(SCORES, method=info, dataset=text, manifest_version=text, protocol=text, options={"a": text})


def test_the_readme_is_the_stored_one():
    assert readme(board()) == (DATA / "leaderboard.md").read_text(encoding="utf-8")
    assert readme(board()[::-1]) == readme(board())


def test_the_tables_of_the_readme_are_those_of_markdown():
    assert render(board(), "md") in readme(board())


def test_latex_is_the_stored_one():
    assert render(board(), "latex") == (DATA / "leaderboard.tex").read_text(encoding="utf-8")


def test_the_readme_shows_the_range_of_seconds_per_frame():
    entries = [
        one.model_copy(update={"seconds_per_frame": s})
        for one, s in zip(board(), (0.12345, 2.0, None, 0.5), strict=True)
    ]
    lines = [line for line in readme(entries).splitlines() if "Copies" in line]
    assert [line.split(" | ")[-1] for line in lines] == ["0.123–0.5 |", "2 |", "– |"]


def test_csv_values_parse_back_exactly():
    entries = [*board(), entry(SCORES, name='a,"b"\n')]
    rows = list(csv.DictReader(io.StringIO(render(entries, "csv"))))
    tables = [(table, row) for table in leaderboard_tables(entries) for row in table.rows]
    assert len(rows) == len(tables)
    for found, (table, row) in zip(rows, tables, strict=True):
        assert (found["protocol"], found["manifest_digest"]) == (table.protocol, table.manifest_digest)
        assert (found["method"], found["failed"]) == (row.method, str(row.failed))
        for (group, metric), cell in zip(table.columns, row.cells, strict=True):
            text = found[f"{'mean' if group is None else f'fold {group}'} {metric}"]
            assert (float(text) if text else None) == cell.value
        assert (float(found["mean J&F sd"]) if found["mean J&F sd"] else None) == row.cells[-1].sd
    assert rows[-1]["fold 1 J"] == ""


def test_csv_is_one_table_with_one_head():
    head, *lines = render(board(), "csv").splitlines()
    assert head.startswith(
        "dataset,manifest_version,manifest_digest,protocol,method,draws,episodes,failed,fold 1 J,fold 1 F"
    )
    assert head.endswith("fold 2 J&F,mean J,mean F,mean J&F,mean J&F sd")
    assert len(lines) == 4


@pytest.mark.parametrize(
    "text", ["a|b", "a\n| b", "<script>", "[x](javascript:y)", "*a* _b_ `c`", "a\\|b", "&lt;script>"]
)
def test_hostile_texts_are_text_in_markdown(text):
    page, clean = readme([named(text)]), readme([named("copy")])
    assert re.sub(r"</?sup>", "", page).count("<") == 0
    bars = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in page.splitlines()]
    assert bars == [len(re.findall(r"\|", line)) for line in clean.splitlines()]
    assert not re.search(r"(?<!\\)[\[\]`_]", page.replace("`fsbench leaderboard --write`", ""))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a_b & 50% #1 $x$", r"a\_b \& 50\% \#1 \$x\$"),
        ("^~<>|`", r"\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}\textbar{}\textasciigrave{}"),
        ("[1ex] *", "{[}1ex{]} {*}"),
        ("a\n\n% b", r"a \% b"),
    ],
)
def test_hostile_texts_are_text_in_latex(text, escaped):
    page = render([named(text)], "latex")
    assert f"\n{escaped} & " in page
    assert f"\\caption{{{escaped}" in page
    assert page.count("\n") == render([named("copy")], "latex").count("\n")


@pytest.mark.parametrize("format", ["md", "csv", "latex"])
def test_an_empty_leaderboard_can_be_rendered(format):
    assert render([], format).endswith("\n")
    assert "## " not in readme([])
