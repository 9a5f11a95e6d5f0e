"""Commands of fsbench as a page shows them."""

import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from fsbench.cli import main
from fsbench.datasets.catalogue import DATASETS
from fsbench.methods.registry import find_method
from fsbench.protocol import PROTOCOLS
from fsbench_baselines.backbones import BACKBONES
from fsbench_baselines.referformer.recipes import RECIPES


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Parses a command as the command line does, whatever files it names; returns its name and what it is given."""
    name, *arguments = shlex.split(text)
    assert name == "fsbench", text
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Path, "convert", lambda self, value, parameter, context: Path(value))
        return name, command.make_context(name, arguments).params


def check(text: str) -> None:
    """Holds a command to what ships: that it parses, and that datasets, protocols, recipes and methods exist."""
    name, given = parse(text)
    if dataset := given.get("dataset"):
        assert dataset in DATASETS.points
    if protocol := given.get("protocol"):
        assert protocol in PROTOCOLS.points
    if recipe := given.get("recipe"):
        assert recipe in RECIPES
    if method_name := given.get("method_name"):
        method = find_method(method_name)
        options = dict(option.split("=", 1) for option in given["options"])
        if given.get("backbone"):
            assert given["backbone"] in BACKBONES
            options["backbone"] = given["backbone"]
        method.resolve({**options, "checkpoint": "somewhere"})
        assert name != "predict" or method.ignores_support
        assert name != "convert" or "checkpoint" in method.options
