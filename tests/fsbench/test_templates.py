import json
import os
import subprocess
import sys

import pytest

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.templates import write_package

PACKAGES = {"my-set": ["dataset"], "my-method": ["method"], "my-net": ["method", "--torch"]}


def test_new_packages_install_register_what_they_hold_and_pass_their_tests(fsbench, tmp_path):
    for name, arguments in PACKAGES.items():
        assert fsbench("new", *arguments, name).stdout == f"{name}\n"
    packages, installed = [tmp_path / name for name in PACKAGES], tmp_path / "installed"
    pip = ["pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--target", installed]
    run([*pip, *packages], tmp_path)
    alone = {"PYTHONPATH": str(installed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # these tests need pytest and no more
    tested = run(["pytest", "-v", "-p", "no:cacheprovider", *packages], tmp_path, **alone)
    assert "3 passed" in tested
    kinds = {kind for kind, *_ in PACKAGES.values()}
    listing = (run(["fsbench", "list", f"{kind}s", "--json"], tmp_path, PYTHONPATH=str(installed)) for kind in kinds)
    sources = {record["name"]: record["from"] for text in listing for record in json.loads(text)}
    for name in PACKAGES:
        assert f"test_{name.replace('-', '_')}.py::" in tested
        assert sources[name] == f"{name} 0.1.0"


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
