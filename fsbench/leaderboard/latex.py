"""What every table for LaTeX has around its rows."""

import re
from collections.abc import Iterable
from collections.abc import Sequence

from fsbench.leaderboard.markup import latex_text
from fsbench.leaderboard.tables import Table

__all__ = ["latex_float", "latex_labels"]

_HEAD = (
    r"% needs \usepackage{booktabs}; define \fsbenchsignature before, to set the protocol's signature in another way",
    r"\providecommand{\fsbenchsignature}[1]{\texttt{#1}}",
)


def latex_float(
    table: Table, label: str, about: str, spec: str, lines: Iterable[str], below: Iterable[str] = ()
) -> str:
    """Returns a table with its caption and label.

    Args:
        table: What it is of.
        label: What `\\ref` names it by.
        about: The end of the caption, escaped.
        spec: The columns of the tabular.
        lines: Between its rules.
        below: Paragraphs below it, escaped.
    """
    # A signature is one long word: it may be broken where it is divided.
    signature = r"\textbar{}\allowbreak{}".join(map(latex_text, table.protocol.split("|")))
    said = rf"{latex_text(table.made_with)}; protocol \fsbenchsignature{{{signature}}}; {latex_text(table.amount)}"
    return "\n".join(
        [
            *_HEAD,
            r"\begin{table*}",
            r"\centering",
            rf"\caption{{{latex_text(table.title)}. {said}. {about}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {text}" for text in below),
            r"\end{table*}",
            "",
        ]
    )


def latex_labels(tables: Sequence[Table], ending: str = "") -> list[str]:
    """Returns a label for each table, of dataset, version and protocol, and a number where two are alike."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", f"{table.title}{ending}".lower()).strip("-") for table in tables]
    numbers = [slugs[:place].count(slug) for place, slug in enumerate(slugs)]
    return [
        f"tab:{slug}-{number + 1}" if number else f"tab:{slug}" for slug, number in zip(slugs, numbers, strict=True)
    ]
