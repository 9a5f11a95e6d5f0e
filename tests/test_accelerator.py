import importlib
import re
import sys

import pytest
import torch

from tests.conftest import ROOT

TINY = "--device cpu --small --short-side 48 --videos 1 --frames 2 --sentences 2 --draws 1 --batch-sentences 2".split()


@pytest.fixture
def accelerator(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("accelerator")
    for name in ("accelerator", "inference"):
        sys.modules.pop(name)


def test_the_script_for_accelerators_runs_to_its_end_on_a_processor(accelerator, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *TINY])
    accelerator.main()
    first, *lines = capsys.readouterr().out.splitlines()
    foreground = re.fullmatch(rf"cpu, torch {re.escape(torch.__version__)}, 4 frames, (\d+\.\d)% of masks", first)
    assert 1 < float(foreground[1]) < 99, "the masks tell nothing"
    ways = ("method", "method, 2 sentences at once", "plain loop")
    assert [line[:42].split(maxsplit=1) for line in lines] == [
        [dtype, f"{way:32s}"] for dtype in ("float32", "bfloat16") for way in ways
    ]
    for line in lines:
        assert re.search(r" \d+\.\d\d frames a second +- GB +\d+\.\d{4}% equal$", line)
    assert all(line.endswith("100.0000% equal") for line in lines if line.startswith("float32"))


def test_the_script_for_accelerators_fails_where_masks_differ(accelerator, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *TINY])
    by_loop = accelerator.by_loop
    monkeypatch.setattr(accelerator, "by_loop", lambda *args: lambda *asked: ~by_loop(*args)(*asked))
    with pytest.raises(SystemExit, match="The masks differ"):
        accelerator.main()


def test_lines_are_left_out_once_the_time_is_over(accelerator, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *TINY, "--minutes", "0"])
    accelerator.main()
    assert capsys.readouterr().out.count("left out: 0 minutes are over\n") == 6
