"""Tables as text. Here, and nowhere before, values are rounded (but in CSV) and texts from outside escaped."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from itertools import accumulate
from itertools import groupby
from itertools import pairwise
from typing import Literal

from fsbench.leaderboard.columns import choose_columns
from fsbench.leaderboard.columns import column_name
from fsbench.leaderboard.columns import group_name
from fsbench.leaderboard.columns import Printed
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import training_of
from fsbench.leaderboard.latex import latex_float
from fsbench.leaderboard.latex import latex_labels
from fsbench.leaderboard.markup import latex_symbol
from fsbench.leaderboard.markup import latex_text
from fsbench.leaderboard.markup import md_table
from fsbench.leaderboard.markup import md_text
from fsbench.leaderboard.markup import MISSING
from fsbench.leaderboard.markup import shown
from fsbench.leaderboard.reported import Reported
from fsbench.leaderboard.tables import Cell
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import Table
from fsbench.methods.contract import MethodInfo
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

_EMPTY = "There are no entries yet."
_GROUPS = (
    "Two methods are separated (paired test, p below 0.05 over all pairs of the table, by Holm's method) if they have "
    "no letter in common, and not if they have one; "
)

REPORTED_LEGEND = (
    "Percent, as printed: made by other code, and on other selections of data, than the tables of entries. Neither "
    "ranked nor to be compared with these."
)


def render(
    entries: Iterable[Entry], format: Format, reported: Sequence[Reported] = (), columns: Sequence[str] = ()
) -> str:
    """Returns the tables of entries as one text.

    Args:
        entries: In any order.
        format: Of the text.
        reported: What papers print; in Markdown alone.
        columns: What is printed of tables, in Markdown and LaTeX alone; see `choose_columns`.

    Raises:
        RunError: There is no such column.
    """
    tables = leaderboard_tables(entries)
    text = _CHOOSERS[format](tables, columns) if format in _CHOOSERS else _RENDERERS[format](tables)
    return "\n".join([text, render_reported(reported)]) if reported and format == "md" else text


def render_md(tables: Sequence[Table], columns: Sequence[str] = ()) -> str:
    """Returns columns of the tables in GitHub's Markdown, the best value of each in bold."""
    found = choose_columns(tables, columns)
    return "\n".join([_legend(found[0].extras), "", *map(_md_section, found)]) if found else f"{_EMPTY}\n"


def render_reported(reported: Sequence[Reported]) -> str:
    """Returns what papers print in GitHub's Markdown, as a section of its own without ranks or bold numbers."""
    parts = ["## Reported in papers", REPORTED_LEGEND]
    for table in reported:
        rows = [[md_text(row.method), *map(printed, row.values), md_text(row.source)] for row in table.rows]
        align = [*["--:"] * len(table.metrics), "---"]
        lines = md_table(["Method", *map(md_text, table.metrics), "Source"], rows, first=("---", *align))
        parts += [f"### {md_text(table.title)}", md_text(table.protocol), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def printed(value: float | None) -> str:
    """Returns a number of a paper, given in per cent, as it stands there."""
    return MISSING if value is None else f"{value:.1f}"


def render_csv(tables: Sequence[Table]) -> str:
    """Returns all tables as one, a line for each row.

    Values are fractions at full precision, empty where missing or not of the row's dataset. The mean of a dataset of a
    single fold is that fold. The means of a row's trainings are separated by blanks; of a single one there are none.
    """
    folds = sorted({fold for table in tables for fold in table.groups if fold is not None})
    names = dict.fromkeys(name for table in tables for name in table.names)
    columns = [column_name(group, metric) for group in (*folds, None) for metric in names or NAMES]
    of_mean = dict.fromkeys(f"mean {table.names[-1]}" for table in tables) or (f"mean {NAMES[-1]}",)
    more = [f"{name} {what}" for name in of_mean for what in ("sd", "low", "high", "of each training")]
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
            values = {column_name(*column): cell.value for column, cell in zip(table.columns, row.cells, strict=True)}
            low, high = row.cells[-1].interval or (None, None)
            mean = f"mean {table.names[-1]}"
            ends = {f"{mean} sd": row.cells[-1].sd, f"{mean} low": low, f"{mean} high": high}
            trainings = {f"{mean} of each training": " ".join(map(repr, row.trainings.values()))}
            writer.writerow({**known, **values, **ends, **trainings})
    return stream.getvalue()


def render_json(tables: Sequence[Table]) -> str:
    """Returns the tables as JSON, at full precision: a list of tables with their rows and notes."""
    found = []
    for table in tables:
        record = {field.name: getattr(table, field.name) for field in dataclasses.fields(table) if field.name != "rows"}
        rows = [
            {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in ("entry", "intervals")}
            | {"cells": [dataclasses.asdict(cell) for cell in row.cells]}
            for row in table.rows
        ]
        found.append({**record, "columns": [column_name(*column) for column in table.columns], "rows": rows})
    return json.dumps(found, indent=1) + "\n"


def render_latex(tables: Sequence[Table], columns: Sequence[str] = ()) -> str:
    """Returns columns of the tables for LaTeX with booktabs, the best value of each in bold, the second underlined."""
    found = choose_columns(tables, columns)
    labels = latex_labels([printed.table for printed in found])
    return "\n".join(map(_latex_table, found, labels)) if found else f"% {_EMPTY}\n"


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


_CHOOSERS: dict[Format, Callable[[Sequence[Table], Sequence[str]], str]] = {"md": render_md, "latex": render_latex}
_RENDERERS: dict[Format, Callable[[Sequence[Table]], str]] = {"csv": render_csv, "json": render_json}


def _legend(extras: Collection[str]) -> str:
    beside = {"sd": "± is the standard deviation over support draws", "interval": "brackets hold a 95 % interval"}
    said = ", ".join(text for name, text in beside.items() if name in extras)
    groups = _GROUPS if "group" in extras else ""
    return f"Percent{'; ' if said else ''}{said}. {groups}{MISSING} is a missing value."


def _md_section(printed: Printed) -> str:
    table = printed.table
    names = [
        f"{group_name(group)} {table.about[metric].title}" if len(table.groups) > 1 else table.about[metric].title
        for group, metric in printed.columns
    ]
    has_group = "group" in printed.extras
    rows = [
        [
            *([_rank(row)] if has_group else []),
            md_text(row.method) + _md_marks(row),
            *map(_md_cell, printed.cells(row), printed.scales),
        ]
        for row in table.rows
    ]
    head = [*(["Group"] if has_group else []), "Method"]
    notes = [f"<sup>{number}</sup> {md_text(note)}" for number, note in enumerate(table.notes, start=1)]
    parts = [
        f"## {md_text(table.title)}",
        md_text(table.subtitle),
        "\n".join(md_table([*head, *names], rows, first=["---"] * len(head))),
        *([f"> {md_text(' '.join(table.ceilings))}"] if table.ceilings else []),
        *notes,
    ]
    return "\n\n".join(parts) + "\n"


def _rank(row: Row) -> str:
    return MISSING if row.rank is None else row.rank


def _md_marks(row: Row) -> str:
    return f" <sup>{', '.join(map(str, row.notes))}</sup>" if row.notes else ""


def _md_cell(cell: Cell, scale: int) -> str:
    text = shown(cell.value, scale)
    text = f"**{text}**" if cell.place == 1 else text
    text = text if cell.sd is None else f"{text} ± {shown(cell.sd)}"
    return text if cell.interval is None else f"{text} [{', '.join(map(shown, cell.interval))}]"


def _latex_table(printed: Printed, label: str) -> str:
    table = printed.table
    first = [*(["Group"] if "group" in printed.extras else []), "Method"]
    heads = [latex_symbol(table.about[metric].title) for _, metric in printed.columns]
    return latex_float(
        table,
        label,
        latex_text(_legend(printed.extras)),
        "l" * len(first) + "r" * len(heads),
        [
            *(_latex_groups(printed, len(first)) if len(table.groups) > 1 else []),
            rf"{' & '.join([*first, *heads])} \\",
            r"\midrule",
            *(rf"{' & '.join(_latex_cells(printed, row))} \\" for row in table.rows),
        ],
        [
            *map(latex_text, table.ceilings),
            *(f"{_latex_mark(number)} {latex_text(note)}" for number, note in enumerate(table.notes, start=1)),
        ],
    )


def _latex_cells(printed: Printed, row: Row) -> list[str]:
    return [
        *([latex_text(_rank(row))] if "group" in printed.extras else []),
        latex_text(row.method) + _latex_marks(row),
        *map(_latex_cell, printed.cells(row), printed.scales),
    ]


def _latex_groups(printed: Printed, first: int) -> list[str]:
    """Returns a line with a name above each run of columns of one group, and the rules below the names."""
    runs = [(group, len(list(run))) for group, run in groupby(group for group, _ in printed.columns)]
    ends = list(accumulate((width for _, width in runs), initial=first))
    spans = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{group_name(group)}}}" for group, width in runs)
    rules = " ".join(rf"\cmidrule(lr){{{start + 1}-{end}}}" for start, end in pairwise(ends))
    return [rf"{' &' * first} {spans} \\", rules]


def _latex_marks(row: Row) -> str:
    return _latex_mark(", ".join(map(str, row.notes))) if row.notes else ""


def _latex_mark(mark: object) -> str:
    return rf"\textsuperscript{{{mark}}}"


def _latex_cell(cell: Cell, scale: int) -> str:
    text = latex_text(shown(cell.value, scale))
    text = {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(cell.place or 0, text)
    text = text if cell.sd is None else rf"{text} {{\scriptsize$\pm${shown(cell.sd)}}}"
    return text if cell.interval is None else rf"{text} {{\scriptsize[{', '.join(map(shown, cell.interval))}]}}"


def _methods(entries: Sequence[Entry]) -> str:
    """Returns a Markdown table of the methods, each version once; what they were tuned on stands below their scores."""
    by_info: dict[MethodInfo, list[Entry]] = {}
    for entry in entries:
        by_info.setdefault(dataclasses.replace(entry.method, tuned_on=()), []).append(entry)
    head = ["Method", "Version", "Summary", "Paper", "Licence", "Trained on", "Seconds per frame"]
    rows = [
        [
            *(md_text(text) or MISSING for text in (info.name, info.version, info.summary, info.paper, info.licence)),
            md_text(training_of(of_method)),
            _seconds([entry.seconds_per_frame for entry in of_method if entry.seconds_per_frame is not None]),
        ]
        for info, of_method in sorted(by_info.items(), key=lambda item: _order(item[0]))
    ]
    return "\n".join(md_table(head, rows, align="---")) + "\n"


def _order(info: MethodInfo) -> tuple[str, ...]:
    return info.name, info.version, info.summary, info.paper, info.licence, info.training


def _seconds(values: Sequence[float]) -> str:
    """Returns the range of values, to three digits."""
    return MISSING.join(dict.fromkeys(f"{value:.3g}" for value in (min(values), max(values)))) if values else MISSING
