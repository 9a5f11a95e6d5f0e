"""The runner of long work in pieces (`benchmarks/pieces.py`)."""

import json
import threading

import pytest

from benchmarks import pieces
from benchmarks.pieces import Piece
from benchmarks.pieces import Work


def piece(name, *needs, kind="", seconds=1.0, words=()):
    return Piece(name, ((name, *words),), needs, kind, seconds)


@pytest.fixture
def ran(monkeypatch):
    """The names of the commands that ran, in the order of their ends; each took a second, and `bad` fails."""
    names = []

    def run(line, log):
        names.append(line[3])
        return None if line[3] == "bad" else 1.0

    monkeypatch.setattr(pieces, "_run", run)
    return names


def test_a_piece_comes_in_the_order_of_its_worth_after_what_it_needs(tmp_path, ran):
    Work(tmp_path, [piece("best", "base"), piece("base"), piece("last", "best"), piece("base"), piece("other")]).run(1)
    assert ran == ["base", "best", "last", "other"]


def test_what_is_done_is_not_done_again_unless_a_command_that_leads_to_it_is_another(tmp_path, ran):
    Work(tmp_path, [piece("a"), piece("b", "a"), piece("c", "b"), piece("d")]).run(1)
    Work(tmp_path, [piece("a"), piece("b", "a", words=("--more",)), piece("c", "b"), piece("d"), piece("e")]).run(1)
    assert ran == ["a", "b", "c", "d", "b", "c", "e"]


def test_a_folder_may_be_moved(tmp_path, ran):
    Work(tmp_path / "one", [piece("a", words=(f"{tmp_path}/one/x",))]).run(1)
    (tmp_path / "one").rename(tmp_path / "two")
    Work(tmp_path / "two", [piece("a", words=(f"{tmp_path}/two/x",))]).run(1)
    assert ran == ["a"]


def test_a_failure_ends_the_work_and_the_next_call_goes_on_with_it(tmp_path, ran):
    work = [piece("a"), piece("bad", "a"), piece("c", "bad")]
    for expected in (["a", "bad"], ["a", "bad", "bad"]):
        with pytest.raises(SystemExit):
            Work(tmp_path, work).run(1)
        assert ran == expected


def test_pieces_that_do_not_need_one_another_run_at_once_and_the_rest_waits(tmp_path, monkeypatch):
    together = threading.Barrier(2, timeout=20)
    ended = []

    def run(line, log):
        if line[3] in ("a", "b"):
            together.wait()
        ended.append(line[3])
        return 1.0

    monkeypatch.setattr(pieces, "_run", run)
    Work(tmp_path, [piece("both", "a", "b"), piece("a"), piece("b")]).run(3)
    assert (sorted(ended[:2]), ended[2]) == (["a", "b"], "both")


def test_the_plan_says_what_is_left_by_what_its_kind_took(tmp_path, ran):
    work = [
        piece("a", kind="x", seconds=12),
        piece("b", kind="x", seconds=3600),
        piece("c", "b", kind="y", seconds=180),
    ]
    first = Work(tmp_path, work)
    assert [line.split() for line in first.plan().splitlines()[2:5]] == [
        ["a", "0.2", "0"],
        ["b", "60.0", "60"],
        ["c", "3.0", "63"],
    ]
    Work(tmp_path, work[:1]).run(1)  # in a second instead of 12
    assert [line.split() for line in first.plan().splitlines()[2:4]] == [["b", "5.0", "5"], ["c", "3.0", "8"]]
    assert first.plan().endswith("1 of 3 pieces are done, in 0 CPU minutes; 8 are left.")


@pytest.mark.parametrize(
    "work", [[piece("a"), piece("a", "b"), piece("b")], [piece("a", "b")], [piece("a", "b"), piece("b", "a")]]
)
def test_pieces_that_cannot_be_ordered_are_refused(tmp_path, work):
    with pytest.raises(ValueError, match=r"one name|needs itself"):
        Work(tmp_path, work)


def test_a_command_is_run_with_its_output_in_a_log_and_its_time_in_a_record(tmp_path):
    Work(tmp_path, [Piece("version", (("--version",),))]).run(1)
    assert "fsbench, version" in (tmp_path / "logs/version.log").read_text()
    record = json.loads((tmp_path / "done/version.json").read_bytes())
    assert record["commands"] == [["--version"]]
    assert record["seconds"] > 0
    with pytest.raises(SystemExit):
        Work(tmp_path, [Piece("wrong", (("no-such-command",),))]).run(1)
    assert "no-such-command" in (tmp_path / "logs/wrong.log").read_text()
