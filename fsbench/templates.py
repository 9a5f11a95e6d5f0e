"""Packages to start from: `fsbench new dataset NAME`, `fsbench new method NAME`."""

import re
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Literal

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.files import whole_folder
from fsbench.files import write_files

__all__ = ["Kind", "write_package"]

Kind = Literal["dataset", "method", "torch"]

_SKELETONS = Path(__file__).parent / "skeletons"
_FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "$module.py": "module.py.in",
    "test_$module.py": "check.py.in",
}


def write_package(kind: Kind, name: str, place: Path) -> Path:
    """Writes a small package that can be installed, registers what it holds, and has a test that passes.

    Args:
        kind: What it holds: a dataset, a method, or a method that computes with PyTorch.
        name: What it is called, e.g. "my-set".
        place: The folder that the package's own folder goes to.

    Returns:
        The package's folder.

    Raises:
        PluginError: The name is of another form, or Python has a module of this name.
        RunError: There is a folder of this name.
    """
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise PluginError(f"{name!r} cannot be the name of a {kind}: use small letters, digits and single -.")
    if find_spec(module) is not None:
        raise PluginError(f"{name!r}: Python has a module {module!r} already. Choose another name.")
    folder = place / name
    if folder.exists():
        raise RunError(f"{folder}: is there already. Choose another name, or go on with what is there.")
    words = {"name": name, "module": module, "class_name": "".join(part.capitalize() for part in name.split("-"))}
    sources = {target: _SKELETONS / kind / source for target, source in _FILES.items()}
    with whole_folder(folder) as fresh:
        write_files(fresh, ((_filled(target, words), _filled(_text(path), words)) for target, path in sources.items()))
    return folder


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    return Template(text).substitute(words)
