import os
import sys
from pathlib import Path

import pytest

from fsbench.errors import PluginError
from fsbench.methods.guard import guarded


@pytest.mark.parametrize("leave", [lambda: sys.exit(0), lambda: sys.exit(3), lambda: os._exit(0), sys.exit])
def test_a_method_cannot_end_the_program(leave):
    with pytest.raises(PluginError, match=r"Method 'm' tried to end the program"), guarded("Method 'm'"):
        leave()


def test_what_a_method_prints_goes_to_stderr(capfd):
    with guarded("Method 'm'"):
        sys.stdout.write("loading\n")
    sys.stdout.write("result\n")
    assert capfd.readouterr() == ("result\n", "loading\n")


def test_a_working_folder_that_a_method_changes_is_changed_back(tmp_path):
    home = Path.cwd()
    with guarded("Method 'm'"):
        os.chdir(tmp_path)
    assert Path.cwd() == home
    with pytest.raises(FileNotFoundError), guarded("Method 'm'"):
        (os.chdir(tmp_path), Path("absent").read_bytes())
    assert Path.cwd() == home


def test_a_process_that_a_method_forks_may_exit():
    with guarded("Method 'm'"):
        child = os.fork()
        if child == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert os._exit.__name__ == "_exit"
