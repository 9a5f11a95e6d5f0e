"""Templates, and how a page refers to styles and scripts: as files beside it, or held in the page itself."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from typing import Protocol

import jinja2
import plotly
from markupsafe import Markup

import fsbench

__all__ = ["ASSETS", "Assets", "InlineAssets", "LinkedAssets", "read_asset", "render_page"]

ASSETS = (
    "site.css",
    "theme.js",
    "site.js",
    "table.js",
    "board.js",
    "method.js",
    "compare.js",
    "masks.js",
    "episodes.js",
    "episode.js",
    "plotly.min.js",
)

INTERVAL_NAME = "95 % confidence intervals"
MISSING = "\N{EN DASH}"


class Assets(Protocol):
    """How a page gets its styles and scripts.

    Attributes:
        policy: The page's content security policy: nothing from any network, no script but these.
    """

    policy: str

    def style(self, name: str) -> Markup:
        """Returns the element for a style sheet."""

    def script(self, name: str) -> Markup:
        """Returns the element for a script."""


class LinkedAssets:
    """Files in the folder `assets` at the root of the site."""

    policy = (
        "default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; "
        "img-src 'self' file: data:; base-uri 'none'; form-action 'none'"
    )

    def __init__(self, root: str) -> None:
        self._folder = f"{root}assets/"

    def style(self, name: str) -> Markup:
        """Returns a link."""
        return Markup('<link rel="stylesheet" href="{}">').format(self._folder + name)

    def script(self, name: str) -> Markup:
        """Returns a script element with an address."""
        return Markup('<script src="{}"></script>').format(self._folder + name)


class InlineAssets:
    """Contents held in the page; scripts are known to the page's policy by their digests."""

    def __init__(self) -> None:
        digests = [
            base64.b64encode(hashlib.sha256(read_asset(name)).digest()).decode("ascii")
            for name in ASSETS
            if name.endswith(".js")
        ]
        allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
        self.policy = (
            f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )

    def style(self, name: str) -> Markup:
        """Returns a style element."""
        return Markup(f"<style>{_text(name)}</style>")  # our own file

    def script(self, name: str) -> Markup:
        """Returns a script element."""
        return Markup(f"<script>{_text(name)}</script>")  # our own file, or plotly's


def read_asset(name: str) -> bytes:
    """Returns the content of one of `ASSETS`."""
    if name == "plotly.min.js":
        return files(plotly).joinpath("package_data", name).read_bytes()
    return files("fsbench.leaderboard.site").joinpath("assets", name).read_bytes()


def render_page(template: str, assets: Assets, root: str | None, data: Mapping[str, Any], **context: Any) -> str:
    """Returns a page.

    Args:
        template: Name without suffixes.
        assets: Styles and scripts.
        root: What leads from the page to the root of the site, e.g. `../`; None for a page of its own.
        data: What the page's scripts read; written as JSON that cannot end its element.
        context: What the template reads; texts are escaped.  # Any: whatever the template takes
    """
    page = _environment().get_template(f"{template}.html.jinja")
    return page.render(
        assets=assets, root=root, data=data, version=fsbench.__version__, interval_name=INTERVAL_NAME, **context
    )


def percent(value: float | None) -> str:
    """Returns a fraction as percent with one digit."""
    return MISSING if value is None else f"{100 * value:.1f}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fsbench.leaderboard.site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["percent"] = percent
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False, "sort_keys": False}
    return environment


def _text(name: str) -> str:
    return read_asset(name).decode("utf-8")
