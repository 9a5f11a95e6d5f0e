import json
import re
import subprocess
import sys

import pytest


def test_json_on_stdout_is_json_at_full_precision(fsbench, data):
    info = json.loads(fsbench("build-splits", "mini-ref-davis", "--json").stdout)
    assert info["counts"]["videos"] == 5
    assert json.loads(fsbench("verify", "splits/mini-ref-davis/pack-v1", "--json").stdout) == []
    report = json.loads(fsbench("evaluate", "--method", "full-frame", "--dataset", "mini-ref-davis", "--json").stdout)
    (run,) = report["runs"]
    assert run["identity"]["manifest_digest"] == info["digest"]
    assert report["mean"]["J"] == run["score"]["mean"]["J"]
    assert len(str(report["mean"]["J"])) > 12
    assert report["cost"] == run["cost"]
    assert 0 < report["cost"]["seconds_per_frame"] < 1
    assert report["cost"]["peak_memory_bytes"] > 1e6


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_misspelt_method_is_told_before_the_embedded_set_is_rendered(fsbench, data, tmp_path, command):
    refused = fsbench(command, "--method", "emptie", "--data-root", tmp_path / "fresh", "--fold", 1, code=2).stderr
    assert refused.startswith("Error: There is no method 'emptie'. Did you mean 'empty'")
    assert not (tmp_path / "fresh").exists()


def test_failed_episodes_end_in_exit_code_5(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    (data / "train/JPEGImages/dog-1/00005.jpg").unlink()
    evaluate = ("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    assert "dog-1/00005.jpg" in fsbench(*evaluate, code=3).output
    assert "episodes failed" in fsbench(*evaluate, "--keep-going", code=5).output


def test_a_finished_run_says_its_time_its_speed_and_where_its_files_are(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    done = fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--draws", 0)
    assert re.search(r"\d s in the method for [\d,]+ of these frames: [\d.,]+ a second\.", done.stdout)
    assert done.stdout.endswith("Files:\n  runs/mini-ref-davis/empty/fold-0\n")
    assert re.fullmatch(r"Done in \d+ (s|min)\.", done.stderr.splitlines()[-1])
    as_json = fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--draws", 0, "--json")
    assert json.loads(as_json.stdout)["runs"][0]["identity"]["draws"] == [0]
    extended = fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--draws", "0,1")
    assert "2 support draws" in extended.stdout


def test_a_look_at_some_videos_is_never_an_entry(fsbench, data, tmp_path):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    evaluate = ("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    look = fsbench(*evaluate, "--limit", 1, "--class", "dog").stdout
    assert "only the first 1 videos of class dog: for a look, and never an entry" in look
    assert "runs/mini-ref-davis/empty.class-dog.limit-1/fold-0" in look
    for command in (("submit", "runs"), ("leaderboard", "--runs", "runs")):
        refused = fsbench(*command, code=2).stderr
        assert "limit-1/fold-0: a run of the first 1 videos of class dog, which is never an entry." in refused
    fsbench(*evaluate)
    assert fsbench("submit", "runs").stdout == "leaderboard/entries/mini-ref-davis/empty.json\n"
    sides = ("runs/mini-ref-davis/empty.class-dog.limit-1", "runs/mini-ref-davis/empty")
    assert "no finished run of whole folds" in fsbench("compare", *sides, code=2).stderr


def test_a_control_is_labelled_and_never_an_entry(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    evaluate = ("evaluate", "--method", "support-copy", "--dataset", "mini-ref-davis")
    control = fsbench(*evaluate, "--control", "empty-support").stdout
    assert "control empty-support: the support sets are not the episodes' own; never an entry" in control
    assert "runs/mini-ref-davis/support-copy.control-empty-support/fold-0" in control
    refused = fsbench("submit", "runs", code=2).stderr
    assert "control-empty-support/fold-0: a control (empty-support), which is never an entry." in refused
    assert "control" not in fsbench(*evaluate).stdout
    sides = ("runs/mini-ref-davis/support-copy", "runs/mini-ref-davis/support-copy.control-empty-support")
    assert "support-copy (empty-support)" in fsbench("compare", *sides).stdout
    assert "is not one of" in fsbench(*evaluate, "--control", "none", code=2).stderr


STRANGER = """
import numpy as np
from fsbench.methods import MethodInfo


class Half:
    info = MethodInfo(name="upper-half", version="3", summary="the upper half")

    def prepare(self, fold): pass

    def adapt(self, support): return None

    def segment(self, adapted, clip, expressions):
        masks = np.zeros((len(expressions), len(clip.frames), *clip.output_size), bool)
        masks[:, :, : clip.output_size[0] // 2] = True
        return masks
"""


def test_an_error_of_a_method_is_told_from_the_methods_own_code_on(fsbench, data, tmp_path):
    fsbench("build-splits", "mini-ref-davis", "--draws", 1)
    path = tmp_path / "wrong.py"
    path.write_text(STRANGER.replace("return masks", "return self.nothing"))
    code = "import sys; from fsbench.cli import run; sys.argv[0] = 'fsbench'; run()"
    command = ["evaluate", "--method", f"{path}:Half", "--dataset", "mini-ref-davis", "--workers", "1"]

    def said(*first):
        done = subprocess.run([sys.executable, "-c", code, *first, *command], capture_output=True, text=True)
        assert done.returncode == 1
        assert "in method 'upper-half', support set " in done.stderr
        return done.stderr

    assert f'File "{path}", line' in said()
    assert "worker.py" not in said()
    assert "worker.py" in said("--verbose")


def test_a_stranger_registers_a_method_by_a_package_of_its_own(data, tmp_path):
    package = tmp_path / "package"
    (package / "stranger-1.0.dist-info").mkdir(parents=True)
    (package / "stranger.py").write_text(STRANGER)
    (package / "stranger-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    entry_points = "[fsbench.methods]\nupper-half = stranger:Half\n"
    (package / "stranger-1.0.dist-info/entry_points.txt").write_text(entry_points)

    def call(*arguments):
        code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fsbench.cli import main; main()"
        command = [sys.executable, "-c", code, package, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "the upper half" in call("list", "methods")
    (listed,) = [m for m in json.loads(call("list", "methods", "--json")) if m["name"] == "upper-half"]
    assert listed["from"] == "stranger 1.0"
    call("build-splits", "mini-ref-davis")
    table = call("evaluate", "--method", "upper-half", "--dataset", "mini-ref-davis", "--workers", "1")
    assert "upper-half 3 on mini-ref-davis" in table
