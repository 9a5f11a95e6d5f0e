import subprocess
import sys

import pytest

from fsbench.cli import main

COMMANDS = [(name,) for name in sorted(main.commands)]
COMMANDS += [("list", name) for name in sorted(main.commands["list"].commands)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(fsbench, command):
    assert "Usage:" in fsbench(*command, "--help").stdout


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
    (["list", "nothing"], 2, "nothing"),
    (["list", "classes", "--dataset", "mini-ref-davis", "--fold", "7"], 3, "no fold 7; its folds are 0"),
    (["list", "episodes", "--dataset", "mini-ref-davis", "--class", "birt"], 3, "Did you mean 'bird'"),
    (["list", "episodes", "--dataset", "mini-ref-shapes", "--fold", "2", "--class", "nimig"], 3, "a class of fold 1"),
    (["evaluate", "--method", "empty", "--draws", "4-0"], 2, "names none"),
    (["evaluate", "--method", "empty", "--fold", "one"], 2, "--fold"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG, ids=[" ".join(w[0][:4]) for w in WRONG])
def test_wrong_use_says_what_is_right(fsbench, data, arguments, code, message):
    if "--splits" not in arguments and "evaluate" in arguments:
        fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    assert message in fsbench(*arguments, code=code).output
