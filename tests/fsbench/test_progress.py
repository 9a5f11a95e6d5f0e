import sys
from types import SimpleNamespace

import pytest

from fsbench.progress import open_progress
from fsbench.progress import track
from tests.conftest import ROOT


class Clock:
    """Goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def walk(items, clock, seconds, **settings):
    """Takes all items, each in some seconds, and returns them."""
    found = []
    for item in track(items, "fold-2", clock=clock, unit="video", **settings):
        found.append(item)
        clock.now += seconds
    return found


def test_a_batch_log_gets_a_line_a_minute(capsys):
    assert walk(range(10), Clock(), 25, total=10) == list(range(10))
    assert capsys.readouterr().err.splitlines() == [
        "fold-2: 3 of 10 videos, 1 min, about 3 min left",
        "fold-2: 6 of 10 videos, 2 min, about 2 min left",
        "fold-2: 9 of 10 videos, 4 min, about 25 s left",
        "fold-2: 10 of 10 videos, 4 min",
    ]


def test_what_takes_less_than_a_minute_leaves_a_batch_log_empty(capsys):
    walk(range(10), Clock(), 5, total=10)
    assert capsys.readouterr().err == ""


def test_what_was_done_before_counts_as_done_and_not_as_fast(capsys):
    walk(range(2), Clock(), 90, total=20, done=17)
    assert capsys.readouterr().err.splitlines() == [
        "fold-2: 18 of 20 videos, 2 min, about 3 min left",
        "fold-2: 19 of 20 videos, 3 min, about 2 min left",
    ]


def test_a_note_stands_at_the_end_of_the_line(capsys):
    clock = Clock()
    with open_progress("train", 4, unit="step", clock=clock) as advance:
        clock.now += 60
        advance("loss 0.5")
    assert capsys.readouterr().err == "train: 1 of 4 steps, 1 min, about 3 min left, loss 0.5\n"


def test_nothing_is_shown_where_nobody_asked(capsys):
    assert walk(range(3), Clock(), 90, total=3, show=False) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    walk(range(3), Clock(), 90, total=5, done=2)
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert "left" not in shown


@pytest.mark.parametrize(("config", "has_bar"), [({"IPKernelApp": {}}, True), ({}, False)])
def test_a_notebook_gets_a_bar_and_a_shell_in_a_pipe_does_not(capsys, monkeypatch, config, has_bar):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(config=config)))
    walk(range(3), Clock(), 1, total=3)
    assert ("3/3" in capsys.readouterr().err) == has_bar


def test_an_error_in_the_loop_comes_through(capsys):
    with pytest.raises(ZeroDivisionError):
        walk((1 / item for item in (1, 0)), Clock(), 90, total=2)
    assert capsys.readouterr().err.splitlines() == ["fold-2: 1 of 2 videos, 2 min, about 2 min left"]


def test_every_bar_goes_through_here():
    packages = [ROOT / "fsbench", ROOT / "baselines", ROOT / "cma"]
    users = {path for package in packages for path in package.rglob("*.py") if "import tqdm" in path.read_text()}
    assert users == {ROOT / "fsbench/progress.py"}
