import errno
import hashlib
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import text

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.files import clear_leftovers
from fsbench.files import content_digest
from fsbench.files import locked
from fsbench.files import named_path
from fsbench.files import path_part
from fsbench.files import scratch_folder
from fsbench.files import whole_folder
from fsbench.files import write_files
from fsbench.files import write_whole

HOLD = """
import sys
from contextlib import suppress
from pathlib import Path
from pathlib import Path
from fsbench.files import locked
from fsbench.files import path_part
from fsbench.files import scratch_folder
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


KILLED = """
import os, signal, sys
from pathlib import Path
from fsbench.files import scratch_folder, whole_folder, write_whole

place = Path(sys.argv[1])

def die(stream):
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "file":
    write_whole(place / "file", die)
elif sys.argv[2] == "folder":
    with whole_folder(place / "out") as fresh:
        (fresh / "half").mkdir()
        os.kill(os.getpid(), signal.SIGKILL)
elif sys.argv[2] == "scratch":
    with scratch_folder("run", place) as scratch:
        os.kill(os.getpid(), signal.SIGKILL)
else:
    rename = Path.rename
    Path.rename = lambda path, target: (rename(path, target), os.kill(os.getpid(), signal.SIGKILL))
    with whole_folder(place / "out", replaces=True) as fresh:
        pass
"""


def killed(place, what):
    """Has a process killed while it writes; returns what it left."""
    before = set(place.iterdir())
    assert subprocess.run([sys.executable, "-c", KILLED, place, what]).returncode == -signal.SIGKILL
    left = set(place.iterdir()) - before
    assert len(left) == 1
    return left.pop()


@pytest.mark.parametrize("what", ["file", "folder", "scratch"])
def test_the_next_process_clears_what_a_killed_one_was_writing(tmp_path, what):
    left = killed(tmp_path, what)
    write_whole(tmp_path / "another", "text")
    assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["another"]


def test_a_folder_that_was_just_to_be_replaced_when_the_process_was_killed_is_put_back(tmp_path):
    write_files(tmp_path / "out", [("old", "")])
    left = killed(tmp_path, "replacing")
    assert not (tmp_path / "out").exists()
    clear_leftovers(tmp_path)
    assert (tmp_path / "out/old").exists()
    assert not left.exists()


def test_a_run_that_goes_on_clears_what_was_left_in_its_folders(tmp_path):
    (tmp_path / "scores").mkdir()
    left = killed(tmp_path / "scores", "file")
    with locked(tmp_path):
        assert not left.exists()


def test_what_a_living_process_writes_and_what_is_not_ours_stays(tmp_path):
    others = [tmp_path / name for name in (".file.abcdefgh.tmp", "fsbench-abcdefgh.tmp", ".fsbench-a.tmp", "x.tmp")]
    for path in others:
        path.write_text("precious")
    with whole_folder(tmp_path / "out") as fresh, scratch_folder("run", tmp_path) as scratch:

        def write(stream):
            (tmp_path / "out.txt").write_text("")
            clear_leftovers(tmp_path)
            stream.write(b"whole")

        write_whole(tmp_path / "file", write)
        assert fresh.is_dir()
        assert scratch.is_dir()
    assert (tmp_path / "file").read_text() == "whole"
    assert all(path.read_text() == "precious" for path in others)


def test_a_link_named_like_a_leftover_leads_nowhere(tmp_path):
    write_files(tmp_path / "theirs", [("precious", "")])
    (tmp_path / ".out.fsbench-abcdefgh.tmp").symlink_to(tmp_path / "theirs")
    clear_leftovers(tmp_path)
    assert (tmp_path / "theirs/precious").exists()


def test_a_folder_may_be_the_one_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    with whole_folder(Path()) as fresh:
        write_files(fresh, [("new", "")])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


def test_an_error_of_the_system_names_the_file_that_was_to_be_written(tmp_path):
    def full(stream):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(tmp_path / "result.json", full)
    assert caught.value.filename == str(tmp_path / "result.json")
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken") as caught:
        write_whole(tmp_path / "taken" / "result.json", "")
    assert caught.value.filename == str(tmp_path / "taken" / "result.json")


@pytest.mark.parametrize("name", ["v1", "cma-self", "a b", "V.2", "Ähre", "x" * 200, "-x", "a'b\"c"])
def test_a_name_that_stays_in_its_folder_is_returned(name):
    assert path_part(name, "version") == name


WRONG = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "/tmp/x",
    "a/b",
    "a\\b",
    "v1\n",
    "\x1b[31m",
    "a\0b",
    ".x",
    "x" * 201,
    "\ud800",
    "é" * 101,
]


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_might_leave_its_folder_is_refused(name):
    with pytest.raises(RunError, match=r"The version '.*' cannot be a file name: .*\. Give it another name\."):
        path_part(name, "version", RunError)


@given(text())
def test_a_name_that_is_taken_is_one_part_of_a_path(name):
    with suppress(DataError):
        path = Path("/above") / path_part(name, "version")
        assert path.parent == Path("/above")
        assert path.name == name
        assert os.path.normpath(path) == str(path)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//b", "a/./b", ""])
def test_files_that_lie_outside_a_folder_are_not_written(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot be a file name"):
        write_files(tmp_path / "folder", [(name, "")])
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize("name", ["here", "folder", "~/here"])
def test_an_option_names_the_file_or_folder_that_is_there_whatever_its_type(tmp_path, monkeypatch, name):
    (tmp_path / "here").write_text("x")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = (tmp_path / name.removeprefix("~/")).resolve()
    for value in (name, Path(name)):
        found = named_path(value)
        assert found is not None
        assert found.resolve() == expected


@pytest.mark.parametrize(
    "value", ["", "gone", Path("gone"), "a\0b", "x" * 5000, "~nobody-of-this-name/x", 3, 0.5, True, None, ["here"]]
)
def test_what_names_no_file_is_no_path(tmp_path, monkeypatch, value):
    (tmp_path / "here").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert named_path(value) is None


def test_a_digest_is_of_a_file_s_bytes_or_of_names_and_bytes_in_a_folder(tmp_path):
    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"one")
    assert content_digest(tmp_path / "b") == hashlib.sha256(b"two").hexdigest()
    parts = b"a/x\0" + hashlib.sha256(b"one").digest() + b"b\0" + hashlib.sha256(b"two").digest()
    assert content_digest(tmp_path) == hashlib.sha256(parts).hexdigest()
    (tmp_path / "b").unlink()
    with pytest.raises(DataError, match="b: cannot be read"):
        content_digest(tmp_path / "b")
