import subprocess
import sys

import pytest

from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.files import whole_folder
from fsbench.files import write_files

HOLD = """
import sys
from pathlib import Path
from fsbench.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, tmp_path / "run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_holds_is_refused_by_name(tmp_path, holder):
    with pytest.raises(RunError, match=r"run: another fsbench is at work here\. Wait for it"), locked(tmp_path / "run"):
        pass


def test_a_killed_process_leaves_its_folder_free(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / "run/lock").exists()
    with locked(tmp_path / "run"):
        pass


def test_a_folder_is_held_once_within_a_process(tmp_path):
    with locked(tmp_path), pytest.raises(RunError, match="another fsbench"), locked(tmp_path):
        pass


def test_an_error_leaves_a_folder_free(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        1 / 0  # noqa: B018
    with locked(tmp_path):
        pass


def test_a_folder_appears_with_all_its_files_when_the_block_ends(tmp_path):
    out = tmp_path / "above" / "out"
    with whole_folder(out) as fresh:
        write_files(fresh, [("a/b.txt", "text"), ("c", b"\x00")])
        assert not out.exists()
        assert fresh.name == "out"
    assert (out / "a" / "b.txt").read_text() == "text"
    assert (out / "c").read_bytes() == b"\x00"
    assert out.stat().st_mode & 0o777 == 0o755
    assert list(out.parent.iterdir()) == [out]


def test_nothing_is_left_of_a_folder_whose_making_failed(tmp_path):
    with pytest.raises(IndexError), whole_folder(tmp_path / "out") as fresh:
        write_files(fresh, ((name, name[5]) for name in ("whole name", "half")))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_replaced_only_where_that_is_said(tmp_path):
    out = tmp_path / "out"
    write_files(out, [("old", "")])
    with pytest.raises(OSError, match="not empty"), whole_folder(out) as fresh:
        write_files(fresh, [("new", "")])
    assert [path.name for path in out.iterdir()] == ["old"]
    with whole_folder(out, replaces=True) as fresh:
        write_files(fresh, [("new", "")])
    assert [path.name for path in out.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [out]


def test_an_old_folder_stays_where_its_successor_failed(tmp_path):
    out = tmp_path / "out"
    write_files(out, [("old", "")])
    with pytest.raises(IndexError), whole_folder(out, replaces=True) as fresh:
        write_files(fresh, ((name, name[5]) for name in ("whole name", "half")))
    assert [path.name for path in out.iterdir()] == ["old"]


def test_an_empty_folder_gives_way(tmp_path):
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out") as fresh:
        write_files(fresh, [("new", "")])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
