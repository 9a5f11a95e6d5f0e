"""The guides are run as they stand, in an empty folder, and print what they show.

A block whose first line is `# NAME.py` (or of another ending) is a file; one in `sh` holds commands, and a `text` block
after it what they print, with `...` for what differs. Commands below a line `# needs ...` or `# takes ...` are only
parsed.
"""

import doctest
import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsbench.cli import main
from tests.commands import parse
from tests.conftest import ROOT

GUIDES = ROOT / "docs/guides"
BEFORE = {"my-data": [], "my-method": ["my-data"], "read-a-leaderboard": []}
"""The pages that a page goes on from."""

IN_A_CLONE = ("read-a-leaderboard",)
"""Those that look at what is committed; all others begin in an empty folder."""

FILE = r"# ([\w-]+\.(py|yaml|toml))\b"


def blocks(page):
    return re.findall(r"^```(\w+)\n(.*?)^```", (GUIDES / f"{page}.md").read_text(encoding="utf-8"), re.M | re.S)


def commands(block):
    return [line for line in block.replace("\\\n", "").splitlines() if line and not line.startswith("#")]


def run(command):
    program, *arguments = shlex.split(command)
    if program == "python":
        runpy.run_path(arguments[0])
        return ""
    assert program == "fsbench"
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (command, result.output, result.exception)
    return result.stdout


def follow(page):
    """Does what a page says, and holds what is printed to what it shows."""
    printed = ""
    for kind, block in blocks(page):
        if name := re.match(FILE, block):
            Path(name[1]).write_text(block, encoding="utf-8")
        elif kind == "text":
            assert doctest.OutputChecker().check_output(block, printed, doctest.ELLIPSIS), printed
        else:
            assert kind == "sh", block
            if re.match("# (needs|takes) ", block):
                for command in commands(block):
                    parse(command)
            else:
                printed = "".join(map(run, commands(block)))


@pytest.mark.parametrize("page", BEFORE)
def test_a_guide_runs_as_it_stands(page, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT if page in IN_A_CLONE else tmp_path)
    for each in (*BEFORE[page], page):
        follow(each)


def test_the_scores_that_are_explained_are_on_the_leaderboard():
    page = (GUIDES / "read-a-leaderboard.md").read_text(encoding="utf-8")
    board = (ROOT / "leaderboard/README.md").read_text(encoding="utf-8")
    assert [score for score in re.findall("`(.*? ± .*?)`", page) if score not in board] == []


def test_every_guide_is_run():
    assert {path.stem for path in GUIDES.glob("*.md")} == set(BEFORE)


def test_a_method_takes_twenty_five_lines():
    found = [block for kind, block in blocks("my-method") if kind == "python"]
    assert len(found) == 2
    for block in found:
        assert len([line for line in block.splitlines()[1:] if line.strip()]) <= 25
