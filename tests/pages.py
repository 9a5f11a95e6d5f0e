"""Blocks of pages, and how they are done as they stand.

A block whose first line is `# NAME.py` (or of another ending) is a file; one in `sh` holds commands, and a `text` block
after it what they print, with `...` for what differs. Commands below a line `# needs ...` or `# takes ...` are only
looked at, and those below `# fails` fail, with what they print there. Python in a block that is no file is run as it
stands. A block of no kind shows what fsbench cannot run, such as a tree.
"""

import doctest
import io
import re
import runpy
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from click.testing import CliRunner

from fsbench.cli import main

FILE = r"# ([\w-]+\.(py|yaml|toml))\b"
MARK = r"^# (needs|takes) "


def blocks(page: Path) -> list[tuple[str, str]]:
    """Returns the kind and the text of every block of a page."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """Returns the lines of a block that are commands, without comments behind them."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [re.sub(r"\s+# .*", "", line) for line in lines if line and not line.startswith("#")]


def run(command: str, *, fails: bool = False) -> str:
    """Runs a command in the working folder; returns what it prints, that on stderr too where it fails."""
    program, *arguments = shlex.split(command)
    if program == "python":
        runpy.run_path(arguments[0])
        return ""
    assert program == "fsbench"
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code != 0) is fails, (command, result.output, result.exception)
    return result.output if fails else result.stdout


def follow(page: Path, look_at: Callable[[str], object] = str) -> None:
    """Does what a page says, and holds what is printed to what it shows.

    Args:
        page: The file.
        look_at: Called with each command that is not run.
    """
    printed = ""
    for kind, block in blocks(page):
        if name := re.match(FILE, block):
            Path(name[1]).write_text(block, encoding="utf-8")
        elif kind == "text":
            assert doctest.OutputChecker().check_output(block, printed, doctest.ELLIPSIS), printed
        elif kind == "python":
            with redirect_stdout(io.StringIO()) as stream:
                exec(block, {})
            printed = stream.getvalue()
        elif not kind:
            assert not re.search("^(fsbench|python) ", block, re.MULTILINE), block
        elif not kind.startswith("{"):
            assert kind == "sh", block
            if re.search(MARK, block, re.MULTILINE):
                for command in commands(block):
                    look_at(command)
            else:
                fails = block.startswith("# fails\n")
                printed = "".join(run(command, fails=fails) for command in commands(block))
