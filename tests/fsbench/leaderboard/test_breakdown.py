"""Tables by the value of an attribute, in every form."""

import csv
import io
import json
import re

import pytest
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import ManifestError
from fsbench.leaderboard.breakdown import break_down
from fsbench.leaderboard.breakdown import breakdowns
from fsbench.leaderboard.breakdown import render_breakdowns
from fsbench.leaderboard.shelf import write_entry
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.splits.binning import ATTRIBUTES
from tests.fsbench.leaderboard.samples import board


@pytest.fixture
def entries(made_runs):
    return [*made_runs.entries["standard"].values(), *made_runs.entries["fss-vos"].values()]


@pytest.fixture
def found(entries, made_runs, tmp_path):
    return breakdowns(entries, "absent_frames", tmp_path, made_runs.splits)


def test_columns_are_the_slices_and_the_whole_in_the_order_of_the_tables_rows(found, entries, made_runs):
    assert [each.table for each in found] == leaderboard_tables(entries)
    for table in found:
        assert list(table.slices) == ["0", "1 to 4", "all"]
        *slices, whole = table.slices.values()
        assert sum(slices) == whole == table.table.rows[0].episodes
        for row, scores in zip(table.table.rows, table.rows, strict=True):
            slicer = find_slicer(row.entry.dataset, row.entry.manifest_digest, splits=made_runs.splits)
            assert scores["all"].score == row.entry.mean.mean
            assert {k: v for k, v in scores.items() if k != "all"} == slicer.slices(row.entry, table.attribute)


def test_the_order_of_entries_does_not_matter(found, entries, made_runs, tmp_path):
    again = breakdowns(entries[::-1], "absent_frames", tmp_path, made_runs.splits)
    for format in ("md", "csv", "latex", "json"):
        assert render_breakdowns(again, format) == render_breakdowns(found, format)


def test_csv_and_json_hold_every_metric_at_full_precision(found):
    lines = list(csv.DictReader(io.StringIO(render_breakdowns(found, "csv"))))
    tables = json.loads(render_breakdowns(found, "json"))
    rows = [(table, row) for table in tables for row in table["rows"]]
    scores = [each for table in found for each in table.rows]
    assert len(lines) == len(rows) == len(scores) == 3
    for line, (table, row), expected in zip(lines, rows, scores, strict=True):
        assert (line["method"], line["by"]) == (row["method"], "absent_frames")
        assert table["by"] == "absent_frames"
        assert list(row["slices"]) == list(table["slices"]) == list(expected)
        for label, each in expected.items():
            assert row["slices"][label] == {"episodes": each.episodes, "scores": each.score.root}
            assert float(line[f"{label} episodes"]) == each.episodes
            assert {name: float(line[f"{label} {name}"]) for name in each.score.names} == each.score.root
    assert [name in lines[0] for name in ("0 FB_IoU", "not known J")] == [True, False]
    assert [line["0 FB_IoU"] == "" for line in lines] == [table["protocol"].startswith("standard") for table, _ in rows]


def test_markdown_and_latex_have_the_headline_with_the_episodes_in_the_head_and_no_rank(found):
    markdown, latex = (render_breakdowns(found, format) for format in ("md", "latex"))
    (first, *_) = found
    heads = [f"{label} ({count})" for label, count in first.slices.items()]
    cells = [f"{100 * each.score.headline:.1f}" for each in first.rows[0].values()]
    name = first.table.rows[0].method
    assert f"| Method | {' | '.join(heads)} |" in markdown
    assert f"\n| {name} | {' | '.join(cells)} |" in markdown
    assert f"{' & '.join(heads)} \\\\" in latex
    assert f"\n{name} & {' & '.join(cells)} \\\\" in latex
    for text in (markdown, latex):
        assert not re.search(r"Rank|\*\*|textbf", text)
        assert "absent" in text


def test_labels_with_signs_of_their_own_are_text_in_latex(made_runs):
    entry = made_runs.entries["standard"]["full-frame"]
    slicer = find_slicer(entry.dataset, entry.manifest_digest, splits=made_runs.splits)
    sized = {key: row | {"size": 0.03} for key, row in slicer.attributes.items()}
    (table,) = leaderboard_tables([entry])
    made = break_down(table, type(slicer)(slicer.manifest, sized), ATTRIBUTES["size"])
    assert r"1 to 5 \% (" in render_breakdowns([made], "latex")


def test_an_entry_without_mean_or_episodes_has_dashes(made_runs, tmp_path):
    one, other = made_runs.entries["standard"].values()
    bare = one.model_copy(update={"details": None})
    (table,) = breakdowns([bare, other], "words", tmp_path, made_runs.splits)
    assert [bool(row) for row in table.rows] == [row.entry is other for row in table.table.rows]
    assert f"| {bare.title} | – | – |" in render_breakdowns([table], "md")


def test_a_table_of_which_nothing_is_known_is_left_out_and_several_alone_are_refused(made_runs, tmp_path, caplog):
    strange = board()
    (table,) = breakdowns([*strange, *made_runs.entries["released"].values()], "words", tmp_path, made_runs.splits)
    assert table.table.dataset == "mini-ref-davis"
    assert "Left out: shapes v1, standard: shapes: no manifest with digest" in caplog.text
    with pytest.raises(ManifestError, match="no manifest with digest"):
        breakdowns(strange, "words", tmp_path, made_runs.splits)


def test_the_command_prints_what_the_functions_give(found, entries, made_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for entry in entries:
        write_entry(tmp_path / "leaderboard/entries", entry)
    by = ["leaderboard", "--splits", str(made_runs.splits), "--by"]
    for arguments, format in (([], "md"), (["--format", "latex"], "latex"), (["--format", "json"], "json")):
        result = CliRunner().invoke(main, [*by, "absent_frames", *arguments])
        assert (result.exit_code, result.stdout) == (0, render_breakdowns(found, format))
    result = CliRunner().invoke(main, [*by, "absent_frame"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "Did you mean 'absent_frames'" in result.output
    for wrong in (["--write"], ["--check"], ["--format", "html", "--out", "site"]):
        result = CliRunner().invoke(main, [*by, "words", *wrong])
        assert result.exit_code == 2
        assert "--by is for tables that are printed" in result.output
    for runs in (made_runs.base / "standard", made_runs.base):
        assert CliRunner().invoke(main, [*by, "words", "--runs", str(runs)]).exit_code == 0
