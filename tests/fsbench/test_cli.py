import json
import subprocess
import sys

import pytest

from fsbench.cli import main
from tests.tiny import write_dataset

COMMANDS = sorted(main.commands)


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3, "cat": 2})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(fsbench, command):
    assert "Usage:" in fsbench(command, "--help").stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from fsbench.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'pandas', 'pyarrow', 'cv2', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_importing_fsbench_never_imports_torch_or_the_method_packages():
    code = (
        "import pkgutil, sys, importlib, fsbench\n"
        "for module in pkgutil.walk_packages(fsbench.__path__, 'fsbench.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print(sorted({'torch', 'transformers', 'fsbench_cma', 'fsbench_baselines'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


WRONG = [
    (["frobnicate"], 2, "No such command"),
    (["build-splits", "no-such-set"], 3, "There is no dataset 'no-such-set'"),
    (["build-splits", "mini-ref-davis", "--data-root", "nowhere"], 3, "--data-root"),
    (["verify", "nowhere"], 3, "manifest.json"),
    (["evaluate"], 2, "--method"),
    (["evaluate", "--method", "emptyy"], 2, "Did you mean 'empty'"),
    (["evaluate", "--method", "empty", "--protocol", "standart"], 2, "'standard'"),
    (
        ["evaluate", "--method", "empty", "--protocol", "davis-2017", "--dataset", "mini-ref-davis"],
        2,
        "folders of masks",
    ),
    (["evaluate", "--method", "empty", "--draws", "a"], 2, "0-4"),
    (["evaluate", "--method", "empty", "--option", "a"], 2, "KEY=VALUE"),
    (["evaluate", "--method", "empty", "--option", "a=1"], 2, "no option 'a'"),
    (["evaluate", "--method", "empty", "--max-frames", "2"], 2, "no option 'max_frames'"),
    (
        ["evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--splits", "."],
        3,
        "build-splits mini-ref-davis",
    ),
    (["evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--fold", "7"], 3, "no fold 7"),
    (["submit", "data"], 2, "no finished run"),
    (["leaderboard"], 2, "no entries"),
    (["list", "nothing"], 2, "methods"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG, ids=[" ".join(w[0][:4]) for w in WRONG])
def test_wrong_use_says_what_is_right(fsbench, data, arguments, code, message):
    if "--splits" not in arguments and "evaluate" in arguments:
        fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    assert message in fsbench(*arguments, code=code).output


def test_the_whole_way_from_data_to_table(fsbench, data, tmp_path):
    built = fsbench("build-splits", "--draws", 2, "--frames", 2)
    assert "splits/mini-ref-davis/pack-v1: written" in built.stdout
    assert "no problems" in fsbench("verify", "splits/mini-ref-davis/pack-v1", "--data-root", "data").stdout
    for method in ("empty", "support-copy"):
        table = fsbench("evaluate", "--method", method, "--dataset", "mini-ref-davis").stdout
        assert "standard|size=native|tolerance=0.008" in table
        assert "mini-ref-davis pack-v1" in table
        assert "s in the method per frame, sentence and draw" in table
        assert "leaderboard/entries/mini-ref-davis" in fsbench("submit", f"runs/mini-ref-davis/{method}").stdout
    for style in ("md", "csv", "latex"):
        assert "support-copy" in fsbench("leaderboard", "--format", style).stdout
    assert fsbench("leaderboard", "--format", "html", "--out", "site").stdout == "site/index.html\n"
    assert "support-copy" in (tmp_path / "site/index.html").read_text()
    fsbench("leaderboard", "--check", code=2)
    fsbench("leaderboard", "--write")
    fsbench("leaderboard", "--check")
    readme = tmp_path / "leaderboard/README.md"
    readme.write_text(readme.read_text().replace("support-copy", "copy-of-support"))
    fsbench("leaderboard", "--check", code=2)
    assert "empty" in fsbench("leaderboard", "--runs", "runs").stdout


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


def test_build_splits_twice_says_unchanged(fsbench, data):
    fsbench("build-splits", "mini-ref-davis")
    assert "unchanged" in fsbench("build-splits", "mini-ref-davis").stdout
    fsbench("build-splits", "mini-ref-davis", "--seed", 1, code=3)
    fsbench("build-splits", "mini-ref-davis", "--seed", 1, "--version", "v2", "--supersedes", "pack-v1")
    assert "pack-v1" not in fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis").stdout


def test_a_video_list_is_used(fsbench, data, tmp_path):
    (tmp_path / "list.txt").write_text("dog-0\ndog-1\ncat-0\ncat-1\n")
    info = json.loads(fsbench("build-splits", "mini-ref-davis", "--videos", "list.txt", "--json").stdout)
    assert info["counts"]["videos"] == 4
    assert info["rule"]["videos"] == "explicit list"


def test_failed_episodes_end_in_exit_code_5(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    (data / "train/JPEGImages/dog-1/00005.jpg").unlink()
    evaluate = ("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    assert "dog-1/00005.jpg" in fsbench(*evaluate, code=3).output
    assert "episodes failed" in fsbench(*evaluate, "--keep-going", code=5).output


def test_verify_lists_problems_and_exits_3(fsbench, data):
    fsbench("build-splits", "mini-ref-davis")
    (data / "train/Annotations/dog-1/00005.png").unlink()
    (data / "train/JPEGImages/cat-0/00000.jpg").unlink()
    result = fsbench("verify", "splits/mini-ref-davis/pack-v1", "--data-root", "data", code=3)
    assert "dog-1/00005: missing" in result.stdout
    assert "cat-0/00000: missing" in result.stdout


def test_a_single_draw_is_exported_by_its_number(fsbench, data, tmp_path):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    for name, options, tops in (("all", (), ["draw-0", "draw-1"]), ("one", ("--draw", 1), ["Annotations"])):
        assert fsbench("export", "runs/mini-ref-davis/empty", name, *options).stdout == f"{name}\n"
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == tops
    assert "no draw 2" in fsbench("export", "runs/mini-ref-davis/empty", "two", "--draw", 2, code=2).output


def test_lists_name_what_can_be_named(fsbench):
    methods = fsbench("list", "methods").stdout
    (plain,) = [line for line in methods.splitlines() if line.startswith("colour-prototype ")]
    (weighty,) = [line for line in methods.splitlines() if line.startswith("referformer ")]
    assert " yes " in plain
    assert "no, without weights: --checkpoint" in weighty
    assert "mini-ref-sail-vos" in fsbench("list", "datasets").stdout
    assert "tolerance=0.010" in fsbench("list", "protocols").stdout


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

    assert "stranger 1.0" in call("list", "methods")
    call("build-splits", "mini-ref-davis")
    table = call("evaluate", "--method", "upper-half", "--dataset", "mini-ref-davis", "--workers", "1")
    assert "upper-half 3 on mini-ref-davis" in table
