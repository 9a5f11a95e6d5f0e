import doctest
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import fsbench
from fsbench import api
from fsbench.errors import RunError
from fsbench.errors import SubmissionError
from fsbench.leaderboard import entries_from_runs
from fsbench.leaderboard import write_entry
from fsbench.splits.build import BuildOptions
from tests.conftest import ROOT
from tests.forked import let_pools_fork
from tests.tiny import Patches
from tests.tiny import Reddish


def test_importing_the_front_door_loads_nothing_heavy_and_it_lists_its_verbs():
    heavy = "{'numpy', 'pandas', 'torch', 'pyarrow', 'pydantic', 'click'}"
    script = (
        f"import sys, fsbench; print(sorted({heavy} & set(sys.modules)), set(fsbench.__all__) <= set(dir(fsbench)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]


def test_every_name_of_the_front_door_is_there_and_no_other():
    for name in fsbench.__all__:
        assert callable(getattr(fsbench, name))
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        fsbench.evaluat  # noqa: B018


def test_the_examples_of_the_front_door_run(test_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(test_data)
    names = {"fsbench": fsbench, "np": np, "BuildOptions": BuildOptions}
    found = doctest.testmod(api, extraglobs=names, optionflags=doctest.ELLIPSIS)
    assert found.attempted >= 15
    assert found.failed == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_dataset_of_ones_own_goes_to_a_comparison(tmp_path, monkeypatch, workers):
    let_pools_fork(monkeypatch)
    monkeypatch.chdir(tmp_path)
    bench = fsbench.build_splits(Patches(), options=BuildOptions(draws=2, frames=2))
    run = fsbench.evaluate("tests.tiny:Reddish", bench, workers=workers)
    floor = fsbench.evaluate("empty", bench)
    found = fsbench.compare(run, floor)
    assert set(found.to_frame()["of"]) == {"all", "fold 0", "red", "teal"}
    by_class = run.to_frame().set_index("class")
    assert by_class.loc["red", "J"] > 0.5 > by_class.loc["teal", "J"]
    episodes, frames = run.to_frame("episode"), run.to_frame("frame")
    assert len(frames) == 4 * len(episodes) == 4 * bench.manifest.info.counts["episodes"]
    assert np.isclose(frames["J"].mean(), episodes["J"].mean())
    assert np.isclose(run.to_frame("fold")["J&F"].item(), run.mean["J&F"])
    assert "mean" in str(run) or "fold 0" in str(run)
    assert "<table" in run._repr_html_()
    assert "<table" in found._repr_html_()


def test_a_run_its_folder_and_its_entry_are_the_same_side_of_a_comparison(tmp_path):
    bench = fsbench.build_splits(Patches(), out=tmp_path / "splits", options=BuildOptions(draws=2, frames=2))
    run = fsbench.evaluate("tests.tiny:Reddish", bench, out=tmp_path / "run")
    floor = fsbench.evaluate("empty", bench, out=tmp_path / "floor")
    (entry,) = entries_from_runs(tmp_path / "run")
    path = write_entry(tmp_path / "entries", entry)
    expected = fsbench.compare(run, floor).to_json()
    for side in (tmp_path / "run", str(tmp_path / "run"), fsbench.load_result(tmp_path / "run"), path):
        assert fsbench.compare(side, floor).to_json() == expected
    assert fsbench.load_result(path).title == run.title
    shutil.copytree(tmp_path / "floor", tmp_path / "run/floor")
    with pytest.raises(RunError, match="runs of"):
        fsbench.load_result(tmp_path / "run")


def test_a_run_scores_as_it_was_evaluated(tmp_path):
    bench = fsbench.build_splits(Patches(), out=tmp_path / "splits", options=BuildOptions(draws=2, frames=2))
    run = fsbench.evaluate("tests.tiny:Reddish", bench, out=tmp_path / "run")
    for predictions in (run, tmp_path / "run", str(tmp_path / "run")):
        scores = fsbench.score(predictions, bench)
        assert (scores.mean["J_mean"], scores.mean["F_mean"]) == (run.mean["J"], run.mean["F"])
    assert len(scores.to_frame()) == bench.manifest.info.counts["episodes"]
    assert "<table" in scores._repr_html_()


def test_arrays_score_as_the_same_masks_in_files(tmp_path):
    rng = np.random.default_rng(0)
    truth = {"a": rng.integers(0, 3, (5, 12, 17)), "b": rng.integers(0, 3, (4, 9, 9))}
    pred = {video: np.where(rng.random(maps.shape) < 0.8, maps, 0) for video, maps in truth.items()}
    from tests.fsbench.submissions.test_score import write_masks

    folders = [
        write_masks(tmp_path / n, {v: list(m.astype(np.uint8)) for v, m in d.items()})
        for n, d in (("p", pred), ("t", truth))
    ]
    for protocol in ("standard", "davis-2017", "vos-benchmark"):
        assert fsbench.score(pred, truth, protocol=protocol) == fsbench.score(*folders, protocol=protocol)


def test_arrays_of_sentences_and_of_bool_are_masks():
    truth = np.zeros((3, 8, 8), bool)
    truth[:, 2:6, 2:6] = True
    assert fsbench.score(truth, truth).mean["J&F"] == 1
    by_sentence = {"video": {"0": truth, "1": ~truth}}
    assert len(fsbench.score(by_sentence, by_sentence, protocol="mevis").objects) == 2


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 4, 4)), np.zeros((4, 4), int), np.full((1, 2, 2), -1), np.full((1, 2, 2), 1 << 20)]
)
def test_arrays_that_are_no_masks_are_refused(wrong):
    with pytest.raises(SubmissionError, match=r"Hand in|use 0 to"):
        fsbench.score(wrong, np.ones((3, 4, 4), int))


def test_the_listed_methods_have_name_and_summary():
    found = fsbench.list_methods().set_index("name")
    assert found.loc["full-frame", "summary"]
    assert Reddish.info.name not in found.index


SCRIPT = """import fsbench
from fsbench.splits.build import BuildOptions
from tests.tiny import Patches
from tests.tiny import Reddish

if __name__ == "__main__":
    bench = fsbench.build_splits(Patches(), options=BuildOptions(draws=2, frames=2))
    run = fsbench.evaluate(Reddish(threshold=50), bench, workers=2)
    floor = fsbench.evaluate("empty", bench)
    print(fsbench.compare(run, floor))
"""


def test_a_script_of_twelve_lines_goes_from_a_dataset_of_its_own_to_a_table(tmp_path):
    assert len(SCRIPT.splitlines()) <= 12
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[2].split() == ["J&F", "episodes", "reddish", "empty", "difference", "95", "%", "interval", "p"]
    assert any(line.startswith("red ") for line in lines)
    result = fsbench.load_result(tmp_path / "runs/patches/reddish").results
    assert next(iter(result.values())).identity.options["threshold"] == 50


def test_a_class_an_instance_and_a_name_give_the_same_scores(tmp_path):
    bench = fsbench.build_splits(Patches(), out=tmp_path / "splits", options=BuildOptions(draws=1, frames=2))
    methods = {"class": Reddish, "instance": Reddish(), "name": "tests.tiny:Reddish"}
    frames = [
        fsbench.evaluate(method, bench, out=tmp_path / name).to_frame("frame").to_dict("records")
        for name, method in methods.items()
    ]
    assert frames[0] == frames[1] == frames[2]
