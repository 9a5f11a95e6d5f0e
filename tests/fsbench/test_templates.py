import json
import os
import subprocess
import sys

import pytest

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.templates import write_package


@pytest.mark.parametrize(
    ("arguments", "group"),
    [(["dataset"], "datasets"), (["method"], "methods"), (["method", "--torch"], "methods")],
    ids=" ".join,
)
def test_a_new_package_installs_registers_what_it_holds_and_passes_its_test(fsbench, tmp_path, arguments, group):
    assert fsbench("new", *arguments, "my-first-thing").stdout == "my-first-thing\n"
    package, installed = tmp_path / "my-first-thing", tmp_path / "installed"
    pip = ["pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--target", installed, package]
    run(pip, tmp_path)
    tested = run(["pytest", "-q", "-p", "no:cacheprovider", package], tmp_path, PYTHONPATH=str(installed))
    assert "1 passed" in tested
    listed = json.loads(run(["fsbench", "list", group, "--json"], tmp_path, PYTHONPATH=str(installed)))
    (record,) = (record for record in listed if record["name"] == "my-first-thing")
    assert record["from"] == "my-first-thing 0.1.0"


def run(arguments, folder, **environment):
    """Runs a module of Python, away from the checkout; returns what it prints."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", ["My-Set", "my_set", "2sets", "my--set", "a/b", "../up", "", "json", "fsbench", "numpy"]
)
def test_a_name_that_cannot_be_one_is_an_error(tmp_path, name):
    with pytest.raises(PluginError, match=r"cannot be the name|has a module"):
        write_package("dataset", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path):
    (tmp_path / "my-set").mkdir()
    with pytest.raises(RunError, match="is there already"):
        write_package("dataset", "my-set", tmp_path)
    assert list((tmp_path / "my-set").iterdir()) == []
