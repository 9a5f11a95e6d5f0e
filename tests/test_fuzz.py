import subprocess
import sys
import time

import pytest

from benchmarks.fuzz import fuzz_batch
from benchmarks.fuzz import run_input
from benchmarks.fuzz_targets import Target
from benchmarks.fuzz_targets import TARGETS
from fsbench.errors import DataError
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["metadata", "frames", "label-maps", "descriptions", "manifests", "truths"])
def test_damaged_files_are_read_or_refused(name, tmp_path):
    target = TARGETS[name]
    target.make(tmp_path)
    good = {path: path.read_bytes() for path in target.files(tmp_path)}
    found = [run_input(target, tmp_path, number, wall=60) for number in range(8)]
    assert [each for each in found if each.is_failure] == []
    assert {path: path.read_bytes() for path in good} == good


def _toy(read):
    return Target("toy", lambda folder: (folder / "a.json").write_text('{"a": 1}'), read, ("*",))


def _refuse(folder):
    raise DataError("refused")


def _fail(folder):
    raise KeyError("a")


@pytest.mark.parametrize(
    ("read", "outcome", "is_failure"),
    [
        (lambda folder: None, "fine", False),
        (_refuse, "DataError", False),
        (_fail, "KeyError", True),
        (lambda folder: time.sleep(9), "hang", True),
    ],
)
def test_what_comes_of_an_input_has_a_name(read, outcome, is_failure, tmp_path):
    target = _toy(read)
    target.make(tmp_path)
    found = run_input(target, tmp_path, 3, wall=0.3 if outcome == "hang" else 60)
    assert (found.outcome, found.is_failure) == (outcome, is_failure)
    assert found.name == "toy:3"


def test_an_input_that_takes_memory_is_found_out_in_a_process_that_had_less(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom benchmarks import fuzz\nfrom tests.test_fuzz import _toy\n"
        "fuzz.GROWTH_BYTES = 30_000_000\n"
        "target, folder = _toy(lambda folder: b'x' * 500_000_000), Path(sys.argv[1])\n"
        "target.make(folder)\n"
        "print(fuzz.run_input(target, folder, 3, wall=60).outcome)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "growth\n"


def test_the_same_input_twice_is_the_same(tmp_path):
    seen = []
    target = _toy(lambda folder: seen.append((folder / "a.json").read_bytes()))
    target.make(tmp_path)
    for number in (*range(20), *range(20)):
        run_input(target, tmp_path, number, wall=60)
    assert seen[:20] == seen[20:]
    assert len(set(seen)) > 10


def test_a_batch_in_a_process_of_its_own_comes_to_the_same(tmp_path):
    numbers = range(5)
    (tmp_path / "here").mkdir()
    target = TARGETS["label-maps"]
    target.make(tmp_path / "here")
    here = [run_input(target, tmp_path / "here", number, wall=60) for number in numbers]
    there = list(fuzz_batch("label-maps", tmp_path / "there", numbers, wall=60))
    assert [each.outcome for each in there] == [each.outcome for each in here]
