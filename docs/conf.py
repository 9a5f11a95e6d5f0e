"""How the pages are built: `sphinx-build -W docs build/docs`. Nothing is fetched, and nothing is run."""

import re

import click
from sphinx.application import Sphinx

import fsbench

project = "fsbench"
author = "the fsbench developers"
copyright = author
release = version = fsbench.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"fsbench {release}"
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # which would make one dash of the two before an option

# Docstrings say `name` of code, as Markdown does, and types stand in the signatures.
default_role = "literal"
highlight_language = "text"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False  # what stands before a colon is of what is returned, not its type


def setup(app: Sphinx) -> None:
    """Writes a path that an option has by default as one types it, and contracts without a constructor."""
    app.connect("sphinx-click-process-options", _with_plain_paths)
    app.connect("autodoc-process-signature", _without_constructor)


def _with_plain_paths(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    lines[:] = [re.sub(r"PosixPath\('(.*?)'\)", r"'\1'", line) for line in lines]


def _without_constructor(app: Sphinx, what: str, name: str, found: object, *_: object) -> tuple[str, str] | None:
    return ("", "") if getattr(found, "_is_protocol", False) else None
