import subprocess
import sys

import pytest

from fsbench.errors import RunError
from fsbench.files import locked

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
