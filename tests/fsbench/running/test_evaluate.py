import itertools
import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.leaderboard import entries_from_runs
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.shelf import write_entry
from fsbench.methods import Support
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


class Noting(Reddish):
    """Notes the support sets that it is given."""

    given: ClassVar[list[Support]] = []

    def adapt(self, support):
        self.given.append(support)
        return super().adapt(support)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with a benchmark of two classes with two draws."""
    base = tmp_path_factory.mktemp("pair")
    write_benchmark(base, {"cat": 3, "dog": 3}, draws=2, frames=2)
    return base


def supports_given(place, out, **changes):
    """Returns the support sets by class and draw, as a run over all classes in order gave them to the method."""
    Noting.given.clear()
    evaluate(place, out, f"{__name__}:Noting", **changes)
    return dict(zip(itertools.product(("cat", "dog"), range(2)), Noting.given, strict=True))


def same_pictures(one, other):
    return all(np.array_equal(a.frames, b.frames) for a, b in zip(one.shots, other.shots, strict=True))


def test_a_control_changes_what_the_method_sees_of_the_support_and_nothing_else(pair, tmp_path):
    own = supports_given(pair, tmp_path / "own")
    other = supports_given(pair, tmp_path / "other", control="other-class")
    empty = supports_given(pair, tmp_path / "empty", control="empty-support")
    for (name, draw), support in own.items():
        swapped = own["dog" if name == "cat" else "cat", draw]
        assert same_pictures(other[name, draw], swapped)
        assert not same_pictures(support, swapped)
        for shot, expected in zip(other[name, draw].shots, swapped.shots, strict=True):
            assert np.array_equal(shot.masks, expected.masks)
            assert shot.sentence == expected.sentence
        assert same_pictures(empty[name, draw], support)
        for shot, expected in zip(empty[name, draw].shots, support.shots, strict=True):
            assert expected.masks.any()
            assert shot.masks.shape == expected.masks.shape
            assert not shot.masks.any()
            assert shot.sentence == expected.sentence


def test_a_control_is_another_run_with_a_folder_and_a_name_of_its_own(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, result = evaluate(pair, None)
    control, changed = evaluate(pair, None, variant="warm", control="other-class", limit=3)
    assert "control" not in json.loads((plain / "run.json").read_bytes())
    assert str(control) == "runs/mini-ref-davis/reddish.warm.control-other-class.limit-3/fold-0"
    assert json.loads((control / "run.json").read_bytes())["control"] == "other-class"
    assert changed.identity.title == "reddish (warm, other-class)"
    with pytest.raises(RunError, match="it differs in control: None, now empty-support"):
        evaluate(pair, Path("runs/mini-ref-davis/reddish"), control="empty-support")
    again = evaluate(pair, Path("runs/mini-ref-davis/reddish"))[1]
    assert again == result


def test_a_control_is_held_against_the_plain_run_and_is_never_an_entry(pair, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    evaluate(pair, None)
    evaluate(pair, None, control="other-class")
    assert [entry.title for entry in entries_from_runs(Path("runs"))] == ["reddish"]
    assert "reddish.control-other-class/fold-0: a control (other-class), which is never an entry." in caplog.text
    sides = [
        as_entry(f"runs/mini-ref-davis/reddish{suffix}", pair / "splits") for suffix in ("", ".control-other-class")
    ]
    found = compare(*sides, pair, pair / "splits")
    assert json.loads(found.to_json())["methods"] == ["reddish", "reddish (other-class)"]
    assert found.to_frame()["difference"][0] > 0
    with pytest.raises(RunError, match=r"reddish \(other-class\): a control is never an entry"):
        write_entry(tmp_path / "entries", sides[1])


@pytest.mark.parametrize("name", ["../up", "a b", "x/y", "a.b"])
def test_a_variant_that_is_no_part_of_a_file_name_is_refused(place, tmp_path, name):
    with pytest.raises(RunError, match="letters, digits"):
        evaluate(place, tmp_path, variant=name)
