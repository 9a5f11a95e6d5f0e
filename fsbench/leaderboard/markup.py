"""Texts and numbers as Markdown and LaTeX hold them: whatever comes from outside stays a text."""

from collections.abc import Iterable
from collections.abc import Sequence

from fsbench.leaderboard.tables import one_line

__all__ = ["MISSING", "latex_symbol", "latex_text", "md_table", "md_text", "shown"]

MISSING = "\N{EN DASH}"

_MD = str.maketrans({"&": "&amp;", "<": "&lt;", **{c: f"\\{c}" for c in r"\`*_[]|~$"}})

_LATEX = str.maketrans(
    {
        **{c: f"\\{c}" for c in "{}$&#_%"},
        **{c: f"{{{c}}}" for c in "[]*"},  # an open bracket or a star after \\ or \midrule is their argument
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "`": r"\textasciigrave{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "{''}",
        "±": r"$\pm$",
        MISSING: "--",
    }
)


def shown(value: float | None, scale: int = 100) -> str:
    """Returns a value with one digit, a share in per cent."""
    return MISSING if value is None else f"{scale * value:.1f}"


def md_text(text: str) -> str:
    """Returns a text that Markdown shows as it is, on one line."""
    return one_line(text).translate(_MD)


def latex_text(text: str) -> str:
    """Returns a text that LaTeX shows as it is, on one line."""
    return one_line(text).translate(_LATEX)


def md_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "--:", first: Sequence[str] = ("---",)
) -> list[str]:
    """Returns the lines of a table of cells that are escaped; `align` is of all columns but the first ones."""
    return [f"| {' | '.join(cells)} |" for cells in (head, [*first, *[align] * (len(head) - len(first))], *rows)]


def latex_symbol(metric: str) -> str:
    """Returns a metric's name: letters as the field sets them, and words as words."""
    parts = metric.split("&")
    if any(len(part) > 1 for part in parts):
        return latex_text(metric)
    return "$" + r"\&".join(rf"\mathcal{{{part}}}" for part in parts) + "$"
