from pathlib import Path

import pytest

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.leaderboard import entries_from_runs
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import open_benchmark
from tests.tiny import Reddish
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("source")
    write_benchmark(base, {"dog": 2}, draws=1, frames=1)
    return base


def evaluate(place, out, method="tests.tiny:Reddish", **changes):
    settings = {"benchmark": open_benchmark("mini-ref-davis", place, place / "splits"), "out": out}
    run = evaluate_method(Request(**{"method": method, **settings, **changes}), RunOptions())
    ((folder, result),) = run.results.items()
    return folder, result


class Shipping(Reddish):
    """Brings weights along, a file beside this one."""

    @staticmethod
    def shipped_checkpoint(dataset, fold):
        return Path(__file__) if (dataset, fold) == ("mini-ref-davis", 0) else None


def test_fold_in_a_checkpoint_s_path_stands_for_the_fold(place, tmp_path):
    (tmp_path / "weights-0.pth").write_bytes(b"w")
    _, result = evaluate(place, tmp_path / "run", checkpoint=tmp_path / "weights-{fold}.pth")
    same = evaluate(place, tmp_path / "same", checkpoint=tmp_path / "weights-0.pth")[1]
    assert result.identity == same.identity
    assert "checkpoint" not in result.identity.options
    with pytest.raises(DataError, match=r"other-0\.pth: there is no checkpoint for fold 0"):
        evaluate(place, tmp_path / "none", checkpoint=tmp_path / "other-{fold}.pth")


def test_shipped_weights_are_used_and_part_of_the_identity_unless_others_are_given(place, tmp_path):
    method = f"{__name__}:Shipping"
    shipped = evaluate(place, tmp_path / "a", method)[1].identity.checkpoint_sha256
    assert shipped == evaluate(place, tmp_path / "b", method, checkpoint=Path(__file__))[1].identity.checkpoint_sha256
    other = tmp_path / "other.pth"
    other.write_bytes(b"w")
    assert evaluate(place, tmp_path / "c", method, checkpoint=other)[1].identity.checkpoint_sha256 != shipped
    assert evaluate(place, tmp_path / "d")[1].identity.checkpoint_sha256 is None


def test_a_variant_has_runs_and_an_entry_of_its_own(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual, _ = evaluate(place, None)
    warm, result = evaluate(place, None, variant="warm", options={"threshold": "150"})
    assert (str(usual), str(warm)) == ("runs/mini-ref-davis/reddish/fold-0", "runs/mini-ref-davis/reddish.warm/fold-0")
    assert result.identity.variant == "warm"
    assert [entry.title for entry in entries_from_runs(Path("runs"))] == ["reddish", "reddish (warm)"]


@pytest.mark.parametrize("name", ["../up", "a b", "x/y", "a.b"])
def test_a_variant_that_is_no_part_of_a_file_name_is_refused(place, tmp_path, name):
    with pytest.raises(RunError, match="letters, digits"):
        evaluate(place, tmp_path, variant=name)
