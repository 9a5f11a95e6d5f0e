"""Tables as text. Here, and nowhere before, values are rounded (but in CSV) and texts from outside escaped."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Literal

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.reported import Reported
from fsbench.leaderboard.tables import Cell
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import one_line
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import Table
from fsbench.protocol import NAMES

__all__ = [
    "REPORTED_LEGEND",
    "Format",
    "printed",
    "readme",
    "render",
    "render_csv",
    "render_json",
    "render_latex",
    "render_md",
    "render_reported",
]

Format = Literal["md", "csv", "latex", "json"]

_MISSING = "\N{EN DASH}"
_EMPTY = "There are no entries yet."
_LEGEND = (
    "Percent; ± is the standard deviation over support draws, brackets hold a 95 % interval; methods that a paired "
    f"test cannot separate share a rank; {_MISSING} is a missing value."
)

REPORTED_LEGEND = (
    "Percent, as printed: made by other code, and on other selections of data, than the tables of entries. Neither "
    "ranked nor to be compared with these."
)

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
        _MISSING: "--",
    }
)


def render(entries: Iterable[Entry], format: Format, reported: Sequence[Reported] = ()) -> str:
    """Returns the tables of entries, which may come in any order, as one text; in Markdown also what papers print."""
    text = _RENDERERS[format](leaderboard_tables(entries))
    return "\n".join([text, render_reported(reported)]) if reported and format == "md" else text


def render_md(tables: Sequence[Table]) -> str:
    """Returns the tables in GitHub's Markdown, the best value of each column in bold."""
    return "\n".join([_LEGEND, "", *map(_md_section, tables)]) if tables else f"{_EMPTY}\n"


def render_reported(reported: Sequence[Reported]) -> str:
    """Returns what papers print in GitHub's Markdown, as a section of its own without ranks or bold numbers."""
    parts = ["## Reported in papers", REPORTED_LEGEND]
    for table in reported:
        rows = [[_md(row.method), *map(printed, row.values), _md(row.source)] for row in table.rows]
        align = [*["--:"] * len(table.metrics), "---"]
        lines = _md_table(["Method", *map(_md, table.metrics), "Source"], rows, first=("---", *align))
        parts += [f"### {_md(table.title)}", _md(table.protocol), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def printed(value: float | None) -> str:
    """Returns a number of a paper, given in per cent, as it stands there."""
    return _MISSING if value is None else f"{value:.1f}"


def render_csv(tables: Sequence[Table]) -> str:
    """Returns all tables as one, a line for each row.

    Values are fractions at full precision, empty where missing or not of the row's dataset. The mean of a dataset of a
    single fold is that fold.
    """
    folds = sorted({fold for table in tables for fold in table.groups if fold is not None})
    names = dict.fromkeys(name for table in tables for name in table.names)
    columns = [_csv_name(group, metric) for group in (*folds, None) for metric in names or NAMES]
    of_mean = dict.fromkeys(f"mean {table.names[-1]}" for table in tables) or (f"mean {NAMES[-1]}",)
    more = [f"{name} {what}" for name in of_mean for what in ("sd", "low", "high")]
    head = [
        "dataset",
        "manifest_version",
        "manifest_digest",
        "protocol",
        "method",
        "rank",
        "draws",
        "episodes",
        "failed",
    ]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*head, *columns, *more], restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            known = {name: getattr(table, name) for name in head[:4]} | {name: getattr(row, name) for name in head[4:]}
            values = {_csv_name(*column): cell.value for column, cell in zip(table.columns, row.cells, strict=True)}
            low, high = row.cells[-1].interval or (None, None)
            mean = f"mean {table.names[-1]}"
            ends = {f"{mean} sd": row.cells[-1].sd, f"{mean} low": low, f"{mean} high": high}
            writer.writerow({**known, **values, **ends})
    return stream.getvalue()


def render_json(tables: Sequence[Table]) -> str:
    """Returns the tables as JSON, at full precision: a list of tables with their rows and notes."""
    found = []
    for table in tables:
        record = {field.name: getattr(table, field.name) for field in dataclasses.fields(table) if field.name != "rows"}
        rows = [
            {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "entry"}
            | {"cells": [dataclasses.asdict(cell) for cell in row.cells]}
            for row in table.rows
        ]
        found.append({**record, "columns": [_csv_name(*column) for column in table.columns], "rows": rows})
    return json.dumps(found, indent=1) + "\n"


def render_latex(tables: Sequence[Table]) -> str:
    """Returns the tables for LaTeX with booktabs, the best value of each column in bold, the second underlined."""
    return "\n".join(map(_latex_table, tables)) if tables else f"% {_EMPTY}\n"


def readme(entries: Iterable[Entry], reported: Sequence[Reported] = ()) -> str:
    """Returns the text of `leaderboard/README.md`; it does not depend on the order of the entries."""
    entries = list(entries)
    about = (
        "`fsbench leaderboard --write` makes this page from the committed entries, one JSON file for each dataset, "
        "method and protocol; nothing here is written by hand. Numbers of one table were made on the same episodes and "
        "by the same protocol. Numbers of different tables must not be compared."
    )
    parts = ["# Leaderboard", "", about, "", render_md(leaderboard_tables(entries))]
    parts += ["## Methods", "", _methods(entries)] if entries else []
    return "\n".join([*parts, *([render_reported(reported)] if reported else [])])


_RENDERERS: dict[Format, Callable[[Sequence[Table]], str]] = {
    "md": render_md,
    "csv": render_csv,
    "latex": render_latex,
    "json": render_json,
}


def _shown(value: float | None, scale: int = 100) -> str:
    return _MISSING if value is None else f"{scale * value:.1f}"


def _group_name(group: int | None) -> str:
    return "Mean" if group is None else f"Fold {group}"


def _csv_name(group: int | None, metric: str) -> str:
    return f"{_group_name(group).lower()} {metric}"


def _md(text: str) -> str:
    return one_line(text).translate(_MD)


def _latex(text: str) -> str:
    return one_line(text).translate(_LATEX)


def _md_section(table: Table) -> str:
    names = [
        f"{_group_name(group)} {table.about[metric].title}" if len(table.groups) > 1 else table.about[metric].title
        for group, metric in table.columns
    ]
    rows = [
        [_rank(row), _md(row.method) + _md_marks(row), *map(_md_cell, row.cells, _scales(table))] for row in table.rows
    ]
    notes = [f"<sup>{number}</sup> {_md(note)}" for number, note in enumerate(table.notes, start=1)]
    parts = [
        f"## {_md(table.title)}",
        _md(table.subtitle),
        "\n".join(_md_table(["Rank", "Method", *names], rows, first=("--:", "---"))),
        *notes,
    ]
    return "\n\n".join(parts) + "\n"


def _md_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "--:", first: Sequence[str] = ("---",)
) -> list[str]:
    """Returns the lines of a table of cells that are escaped; `align` is of all columns but the first ones."""
    return [f"| {' | '.join(cells)} |" for cells in (head, [*first, *[align] * (len(head) - len(first))], *rows)]


def _rank(row: Row) -> str:
    return _MISSING if row.rank is None else str(row.rank)


def _md_marks(row: Row) -> str:
    return f" <sup>{', '.join(map(str, row.notes))}</sup>" if row.notes else ""


def _scales(table: Table) -> list[int]:
    return [table.about[metric].scale for _, metric in table.columns]


def _md_cell(cell: Cell, scale: int) -> str:
    text = _shown(cell.value, scale)
    text = f"**{text}**" if cell.place == 1 else text
    text = text if cell.sd is None else f"{text} ± {_shown(cell.sd)}"
    return text if cell.interval is None else f"{text} [{', '.join(map(_shown, cell.interval))}]"


def _latex_table(table: Table) -> str:
    head = " & ".join(_latex_symbol(table.about[metric].title) for _, metric in table.columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_latex(table.title)}. {_latex(table.subtitle)}. {_latex(_LEGEND)}}}",
        rf"\begin{{tabular}}{{rl{'r' * len(table.columns)}}}",
        r"\toprule",
        *(_latex_groups(table) if len(table.groups) > 1 else []),
        rf"Rank & Method & {head} \\",
        r"\midrule",
        *(rf"{' & '.join(_latex_cells(row, _scales(table)))} \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_latex_mark(n)} {_latex(note)}" for n, note in enumerate(table.notes, start=1)),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _latex_symbol(metric: str) -> str:
    """Returns a metric's name: letters as the field sets them, and words as words."""
    parts = metric.split("&")
    if any(len(part) > 1 for part in parts):
        return _latex(metric)
    return "$" + r"\&".join(rf"\mathcal{{{part}}}" for part in parts) + "$"


def _latex_cells(row: Row, scales: Sequence[int]) -> list[str]:
    return [_latex(_rank(row)), _latex(row.method) + _latex_marks(row), *map(_latex_cell, row.cells, scales)]


def _latex_groups(table: Table) -> list[str]:
    width = len(table.names)
    spans = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{_group_name(group)}}}" for group in table.groups)
    rules = " ".join(rf"\cmidrule(lr){{{width * i + 3}-{width * i + width + 2}}}" for i in range(len(table.groups)))
    return [rf" & & {spans} \\", rules]


def _latex_marks(row: Row) -> str:
    return _latex_mark(", ".join(map(str, row.notes))) if row.notes else ""


def _latex_mark(mark: object) -> str:
    return rf"\textsuperscript{{{mark}}}"


def _latex_cell(cell: Cell, scale: int) -> str:
    text = _latex(_shown(cell.value, scale))
    text = {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(cell.place or 0, text)
    text = text if cell.sd is None else rf"{text} {{\scriptsize$\pm${_shown(cell.sd)}}}"
    return text if cell.interval is None else rf"{text} {{\scriptsize[{', '.join(map(_shown, cell.interval))}]}}"


def _methods(entries: Sequence[Entry]) -> str:
    """Returns a Markdown table of the methods, each version once."""
    infos = sorted(
        {entry.method for entry in entries}, key=lambda info: (dataclasses.astuple(info)[:-1], info.training)
    )
    head = ["Method", "Version", "Summary", "Paper", "Licence", "Trained on", "Seconds per frame"]
    rows = [
        [
            *(_md(text) or _MISSING for text in (info.name, info.version, info.summary, info.paper, info.licence)),
            _md("; ".join(dict.fromkeys(entry.training for entry in entries if entry.method == info))),
            _seconds([e.seconds_per_frame for e in entries if e.method == info and e.seconds_per_frame is not None]),
        ]
        for info in infos
    ]
    return "\n".join(_md_table(head, rows, align="---")) + "\n"


def _seconds(values: Sequence[float]) -> str:
    """Returns the range of values, to three digits."""
    return _MISSING.join(dict.fromkeys(f"{value:.3g}" for value in (min(values), max(values)))) if values else _MISSING
