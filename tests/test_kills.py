import signal
import sys

import pytest

from benchmarks.kills import Case
from benchmarks.kills import command
from benchmarks.kills import contents
from benchmarks.kills import finish
from benchmarks.kills import try_once
from tests.tiny import write_dataset


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGINT, signal.SIGINT]], ids=["KILL", "INT twice"])
def test_a_killed_build_leaves_nobody_behind_and_goes_on_to_the_same_bytes(tmp_path, signals):
    data = write_dataset(tmp_path / "data", {"dog": 3, "cat": 3}, with_frames=False)
    case = Case(("build-splits", "mini-ref-youtube-vos", "--data-root", str(data), "--minimum", "2", "--out", "{out}"))
    finish(command(case, tmp_path / "whole"))
    expected = contents(tmp_path / "whole")
    assert any(name.endswith("manifest.json") for name in expected)
    assert try_once(case, tmp_path / "killed", expected, signals, delay=0.5) == []
    if signals == [signal.SIGKILL]:
        assert try_once(case, tmp_path / "killed", {**expected, "more": b""}, signals, delay=0.5) == ["more differs"]
