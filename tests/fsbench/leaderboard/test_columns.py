import re

import pytest

from fsbench.errors import RunError
from fsbench.leaderboard.columns import choose_columns
from fsbench.leaderboard.families import of_methods
from fsbench.leaderboard.rendering import render
from fsbench.leaderboard.tables import leaderboard_tables
from tests.fsbench.leaderboard.samples import board
from tests.fsbench.leaderboard.samples import detailed


def test_columns_are_named_by_group_by_metric_or_by_both_and_stand_in_this_order_once():
    tables = leaderboard_tables(board())
    printed, _ = choose_columns(tables, ["mean J&F", "F", "mean"])
    assert printed.columns == [(None, "J&F"), (1, "F"), (2, "F"), (None, "F"), (None, "J")]
    row = printed.table.rows[0]
    assert [cell.value for cell in printed.cells(row)] == [
        dict(zip(printed.table.columns, row.cells, strict=True))[column].value for column in printed.columns
    ]


def test_all_is_printed_where_nothing_is_chosen():
    for printed in choose_columns(leaderboard_tables(board())):
        assert tuple(printed.columns) == printed.table.columns
        assert all(printed.cells(row) == list(row.cells) for row in printed.table.rows)


def test_a_table_without_any_of_the_columns_is_left_out():
    assert [each.table.title for each in choose_columns(leaderboard_tables(board()), ["fold 2"])] == [
        "shapes v1, standard"
    ]


@pytest.mark.parametrize("format", ["md", "latex"])
def test_groups_deviations_and_intervals_are_there_if_they_are_named_and_then_explained(format):
    entries = detailed({"good": 0.1, "bad": -0.2})
    words = {"group": "letter in common", "sd": "standard deviation", "interval": "95"}
    marks = {"group": "Group", "sd": "± 0." if format == "md" else r"$\pm$0", "interval": ", "}
    for name in words:
        text = render(entries, format, columns=["mean", name])
        assert [each for each, said in words.items() if said in text] == [name]
        (line,) = [line for line in text.splitlines() if re.search(r"(\| |^|& )good", line)]
        assert (", " in line) == (name == "interval")
        assert ("±" in line or r"$\pm$" in line) == (name == "sd")
        assert (marks["group"] in text) == (name == "group")


def test_every_row_of_a_latex_table_has_as_many_cells_as_its_columns_and_groups_span_theirs():
    for columns in ([], ["mean"], ["group", "fold 2 J", "mean", "fold 1"], ["J"]):
        for table in render(board(), "latex", columns=columns).split("\\end{table*}")[:-1]:
            (spec,) = re.findall(r"begin\{tabular\}\{(\w+)\}", table)
            rows = [
                line.split(" & ") for line in table.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
            ]
            assert len(rows) > 1
            assert {len(row) for row in rows} == {len(spec)}
            ends = [tuple(map(int, found)) for found in re.findall(r"cmidrule\(lr\)\{(\d+)-(\d+)\}", table)]
            spans = list(map(int, re.findall(r"multicolumn\{(\d+)\}", table)))
            assert [last - first + 1 for first, last in ends] == spans
            assert not ends or (ends[0][0], ends[-1][1]) == (spec.count("l") + 1, len(spec))


def test_labels_differ_and_the_signature_is_set_by_a_macro_that_a_paper_may_define():
    text = render(board(), "latex")
    labels = re.findall(r"^\\label\{(.*)\}$", text, re.MULTILINE)
    assert labels == ["tab:shapes-v1-standard", "tab:shapes-v1-released"]
    twice = [each.model_copy(update={"manifest_digest": digit * 64}) for digit in "ab" for each in board()[:1]]
    assert len(set(re.findall(r"\\label\{(.*)\}", render(twice, "latex")))) == 2
    assert text.count(r"\providecommand{\fsbenchsignature}[1]{\texttt{#1}}") == 2
    for table in leaderboard_tables(board()):
        parts = [part.replace(">", r"\textgreater{}") for part in table.protocol.split("|")]
        assert r"\fsbenchsignature{" + r"\textbar{}\allowbreak{}".join(parts) + "}" in text


@pytest.mark.parametrize(
    ("wanted", "message"), [(["meen"], "Did you mean 'mean'"), (["sd"], "no column of values"), ([""], "no column ''")]
)
def test_a_column_that_is_none_is_refused(wanted, message):
    with pytest.raises(RunError, match=message):
        choose_columns(leaderboard_tables(board()), wanted)


def test_of_methods_that_are_chosen_the_table_is_that_of_these_alone_with_their_trainings():
    (usual,), (other,) = detailed({"good": 0.1}), detailed({"good": 0.2}, variant="seed-1")
    entries = [usual, other, *detailed({"bad": -0.2, "worse": -0.3})]
    (table,) = leaderboard_tables(of_methods(entries, ["worse", "good"]))
    assert [row.method for row in table.rows] == ["good", "worse"]
    assert list(table.rows[0].trainings) == ["good", "good (seed-1)"]
    with pytest.raises(RunError, match="Did you mean 'good'"):
        of_methods(entries, ["god"])
