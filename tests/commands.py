"""Commands of fsbench as a page shows them."""

import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from fsbench.cli import main


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Parses a command as the command line does, whatever files it names; returns its name and what it is given."""
    name, *arguments = shlex.split(text)
    assert name == "fsbench"
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Path, "convert", lambda self, value, parameter, context: Path(value))
        return name, command.make_context(name, arguments).params
