import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fsbench.leaderboard.rendering import readme
from fsbench.leaderboard.rendering import render
from fsbench.leaderboard.tables import leaderboard_tables
from tests.fsbench.leaderboard.samples import board
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import INFO

DATA = Path(__file__).parents[2] / "data"

SCORES = {1: [(1 / 3, 0.1 + 0.2)], 2: [(2 / 7, 1e-17)]}


def named(text):
    """An entry whose every text from outside is this one, whatever an entry lets in."""
    info = replace(INFO, name=text, summary=text, paper=text, licence=text, trained_on=(text,))
    names = {"method": info, "dataset": text, "manifest_version": text, "protocol": text, "options": {"a": text}}
    return entry(SCORES).model_copy(update=names)


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


def test_the_table_of_methods_has_what_they_say_of_themselves_once_whatever_they_were_tuned_on():
    infos = [replace(INFO, trained_on=seen, tuned_on=tuned) for seen, tuned in ((None, ()), ((), ()), ((), ("dog",)))]
    lines = readme([entry(SCORES, method=info) for info in infos]).splitlines()
    assert [line.split(" | ")[5] for line in lines if "Copies" in line] == ["not declared", "nothing"]


def test_csv_values_parse_back_exactly():
    entries = [*board(), named('a,"b"\n')]
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
        "dataset,manifest_version,manifest_digest,protocol,method,rank,draws,episodes,failed,fold 1 J,fold 1 F"
    )
    assert head.endswith("mean J&F,mean J&F sd,mean J&F low,mean J&F high,mean J&F of each training")
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
    assert f"\n-- & {escaped} & " in page
    assert f"\\caption{{{escaped}" in page
    assert page.count("\n") == render([named("copy")], "latex").count("\n")


def test_json_holds_the_tables_at_full_precision():
    tables = json.loads(render(board(), "json"))
    for found, table in zip(tables, leaderboard_tables(board()), strict=True):
        assert (found["dataset"], found["protocol"]) == (table.dataset, table.protocol)
        assert found["columns"][-1] == "mean J&F"
        for found_row, row in zip(found["rows"], table.rows, strict=True):
            assert found_row["method"] == row.method
            assert [cell["value"] for cell in found_row["cells"]] == [cell.value for cell in row.cells]


def test_ranks_intervals_and_ties_are_shown_in_every_form():
    entries = detailed({"good": 0.1, "same": 0.1, "bad": -0.2})
    (table,) = leaderboard_tables(entries)
    assert [(row.method, row.rank) for row in table.rows] == [("good", "a"), ("same", "a"), ("bad", "b")]
    low, high = table.rows[0].cells[-1].interval
    assert low < table.rows[0].cells[-1].value < high
    shown = f"[{100 * low:.1f}, {100 * high:.1f}]"
    markdown, latex = render(entries, "md"), render(entries, "latex")
    assert re.search(r"^\| b \| bad \|", markdown, re.MULTILINE)
    assert re.search(r"^b & bad &", latex, re.MULTILINE)
    assert shown in markdown
    assert shown in latex
    (first, *_) = csv.DictReader(io.StringIO(render(entries, "csv")))
    assert (first["rank"], float(first["mean J&F low"]), float(first["mean J&F high"])) == ("a", low, high)


def test_entries_of_other_draws_are_not_ranked_against_each_other():
    entries = [*detailed({"good": 0.1}), *detailed({"short": 0.0}, draws=1)]
    (table,) = leaderboard_tables(entries)
    assert [row.rank for row in table.rows] == [None, None]


def test_trainings_of_one_configuration_are_a_row_that_has_them_inside():
    (usual,), (other,) = detailed({"good": 0.1}), detailed({"good": 0.2}, variant="seed-1")
    entries = [usual, other, *detailed({"bad": -0.2})]
    (table,) = leaderboard_tables(entries)
    assert [row.method for row in table.rows] == ["good", "bad"]
    means = [each.mean.mean["J&F"] for each in (usual, other)]
    assert table.rows[0].trainings == {"good": means[0], "good (seed-1)": means[1]}
    assert table.rows[0].cells[-1].value == pytest.approx(sum(means) / 2, abs=1e-12)
    listed = ", ".join(f"{100 * mean:.1f}" for mean in means)
    note = f"Mean of 2 trainings, with {listed} J&F; standard deviation {10 / 2**0.5:.1f}."
    assert table.notes == (note,)
    assert note.replace("&", "&amp;") in render(entries, "md")
    assert note.replace("&", r"\&") in render(entries, "latex")
    assert json.loads(render(entries, "json"))[0]["rows"][0]["trainings"] == table.rows[0].trainings
    (first, second) = csv.DictReader(io.StringIO(render(entries, "csv")))
    assert [float(text) for text in first["mean J&F of each training"].split()] == means
    assert second["mean J&F of each training"] == ""


def test_novel_classes_that_were_seen_are_said_in_footnotes():
    (usual,) = detailed({"good": 0.1})
    flagged = usual.model_copy(update={"trained_classes": ("c1-0",)})
    (table,) = leaderboard_tables([flagged])
    clean = f"on the others it scores {100 * flagged.clean_mean['J&F']:.1f} J&F."
    assert table.notes == (f"Its weights have seen classes under test (c1-0); {clean}",)


@pytest.mark.parametrize(("tuned_on", "others"), [(("c1-0",), True), (("shapes",), False)])
def test_a_footnote_has_the_scores_on_classes_that_a_method_was_tuned_on_apart_from_the_others(tuned_on, others):
    (usual,) = detailed({"good": 0.1})
    tuned = usual.model_copy(update={"method": replace(usual.method, tuned_on=tuned_on)})
    (table,) = leaderboard_tables([tuned])
    (note,) = table.notes
    within, without = tuned.tuned_means
    assert (without is not None) is others
    rest = f"{100 * without.headline:.1f} on the others" if others else "there are no others"
    on_these = f"on these it scores {100 * within.headline:.1f} J&F, {rest}"
    assert note == f"It was tuned on classes under test ({', '.join(tuned.tuned_novel)}): {on_these}."
    failed = tuned.model_copy(update={"mean": None})
    assert leaderboard_tables([failed])[0].notes == (), "of an entry without a mean there are no parts"


@pytest.mark.parametrize("format", ["md", "csv", "latex"])
def test_an_empty_leaderboard_can_be_rendered(format):
    assert render([], format).endswith("\n")
    assert "## " not in readme([])
