import configparser
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes

import pytest
import yaml

import fsbench
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the source distribution of the checkout, and the wheel that is built from it alone."""
    source = tmp_path_factory.mktemp("source") / "fsbench"
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    out = source.parent / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "--outdir", out]
    subprocess.run([*command, source], check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_source_distribution_holds_what_a_wheel_is_built_from_and_nothing_that_needs_the_checkout(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    top = {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "setup.py", "setup.cfg", "pyproject.toml"}
    assert {name for name in names if "/" not in name} == top | {"MANIFEST.in", "PKG-INFO"}
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"fsbench", "baselines", "cma", "splits", "fsbench.egg-info"}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "fsbench").rglob("*.c")} <= names


def test_wheels_for_other_systems_are_told_to_be_built_for_the_stable_abi():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["cibuildwheel"]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert told["build"] == f"cp{config['options']['python_requires'].removeprefix('>=').replace('.', '')}-*"
    for name in re.findall(r"fsbench\.[.\w]+", told["test-command"]):
        assert (ROOT / f"{name.replace('.', '/')}.c").is_file()


def test_the_wheel_holds_the_three_packages_and_the_manifests_alone(wheel):
    names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"fsbench", "fsbench_baselines", "fsbench_cma"}
    assert "fsbench/manifests/mini-ref-davis/pack-v1/episodes.parquet" in names
    assert "fsbench/manifests/mini-ref-youtube-vos/v1/manifest.json" in names
    assert "fsbench/py.typed" in names
    assert not [name for name in names if "test" in name.lower() or name.endswith((".png", ".jpg"))]


def test_every_module_of_the_checkout_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for package in ("fsbench", "baselines/fsbench_baselines", "cma/fsbench_cma"):
        base = (ROOT / package).parent
        modules = {path.relative_to(base).as_posix() for path in (ROOT / package).rglob("*.py")}
        others = {
            path.relative_to(base).as_posix()
            for ending in ("jinja", "js", "css", "in")
            for path in (ROOT / package).rglob(f"*.{ending}")
        }
        assert modules | others <= names


def test_torch_is_bounded_so_that_pip_takes_the_ordinary_build(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    required = message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist")
    assert any(line.startswith("torch") and "<2.14" in line for line in required)


def test_every_registered_method_is_importable():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    from fsbench.methods.registry import find_method

    lines = config["options.entry_points"]["fsbench.methods"].split("\n")
    for line in filter(None, lines):
        name, _, target = (part.strip() for part in line.partition("="))
        assert find_method(target).info.name == name


def test_the_citation_and_the_changelog_are_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == fsbench.__version__
    versions = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == fsbench.__version__


def test_every_gate_is_a_row_of_the_contributors_page():
    gates = (ROOT / ".ci/run").read_text(encoding="utf-8").partition("set -x\n")[2].splitlines()
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [gate for gate in gates if f"`{gate.split(' -c ')[0]}" not in page] == []
