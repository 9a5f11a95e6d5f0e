"""Tables of the leaderboard by the value of an attribute: a column for each of its slices, and no rank."""

import csv
import io
import json
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fsbench.errors import ManifestError
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.latex import latex_float
from fsbench.leaderboard.latex import latex_labels
from fsbench.leaderboard.markup import latex_symbol
from fsbench.leaderboard.markup import latex_text
from fsbench.leaderboard.markup import md_table
from fsbench.leaderboard.markup import md_text
from fsbench.leaderboard.markup import shown
from fsbench.leaderboard.rendering import Format
from fsbench.leaderboard.slices import find_slicer
from fsbench.leaderboard.slices import Slice
from fsbench.leaderboard.slices import Slicer
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import Table
from fsbench.scores.metrics import Column
from fsbench.splits.binning import Attribute
from fsbench.splits.binning import find_attribute
from fsbench.splits.schema import ABOUT

__all__ = ["Breakdown", "break_down", "breakdowns", "render_breakdowns"]

logger = logging.getLogger(__name__)

_ALL = "all"
_KEYS = ("dataset", "manifest_version", "manifest_digest", "protocol")  # what tells tables apart
_LEGEND = (
    "Percent, mean over support draws; in brackets are episodes. A slice is averaged as the whole is, over the draws, "
    "folds and classes that it has, and the whole need not lie between them. Methods are in the order of the whole, "
    "without a rank."
)


@dataclass(frozen=True)
class Breakdown:
    """A table of the leaderboard by the value of an attribute.

    Attributes:
        table: The table.
        attribute: The attribute.
        rows: For each of its rows the scores by slice, those of all episodes last; empty for an entry that has no mean
            over all folds, or no scores of episodes.
    """

    table: Table
    attribute: Attribute
    rows: tuple[Mapping[str, Slice], ...]

    @property
    def about(self) -> str:
        """What the attribute says."""
        return ABOUT[f"attributes.{self.attribute.name}"]

    @property
    def slices(self) -> dict[str, int]:
        """How many episodes each slice has at most, in order; all of them last."""
        there = {label for row in self.rows for label in row}
        labels = [*self.attribute.in_order(there - {_ALL}), *([_ALL] if there else [])]
        counts = {label: max(row[label].episodes for row in self.rows if label in row) for label in labels}
        return {label: count for label, count in counts.items() if count}

    @property
    def headline(self) -> Column:
        """What stands in the columns."""
        return self.table.about[self.table.names[-1]]

    def values(self, row: Mapping[str, Slice]) -> list[float | None]:
        """Returns the headline of a row in each slice; None where it has none."""
        scores = [row[label].score.headline if label in row else None for label in self.slices]
        return [None if value != value else value for value in scores]


def breakdowns(
    entries: Iterable[Entry],
    by: str,
    data_root: Path = Path("data"),
    splits: Path | None = None,
) -> list[Breakdown]:
    """Breaks the tables of entries down.

    Args:
        entries: In any order.
        by: The attribute.
        data_root, splits: See `find_slicer`.

    Returns:
        Those of the tables of which it is known what the sentences are like; the others are left out with a warning.

    Raises:
        RunError: There is no such attribute, or entries are averaged in another way than slices can be.
        ManifestError: It is known of none of the tables.
    """
    attribute = find_attribute(by)
    found, missing = [], []
    for table in leaderboard_tables(entries):
        try:
            slicer = find_slicer(table.dataset, table.manifest_digest, data_root, splits)
        except ManifestError as error:
            missing.append(f"{table.title}: {error}")
            continue
        found.append(break_down(table, slicer, attribute))
    if missing and not found:
        raise ManifestError("\n".join(missing))
    for line in missing:
        logger.warning("Left out: %s", line)
    return found


def break_down(table: Table, slicer: Slicer, attribute: Attribute) -> Breakdown:
    """Returns a table by the value of an attribute. Raises as `Slicer.slices`."""
    return Breakdown(table, attribute, tuple(_row(row.entry, slicer, attribute) for row in table.rows))


def _row(entry: Entry, slicer: Slicer, attribute: Attribute) -> Mapping[str, Slice]:
    if entry.mean is None or entry.details is None:
        return {}
    return {**slicer.slices(entry, attribute), _ALL: Slice(len(entry.details.table), entry.mean.mean)}


def render_breakdowns(tables: Sequence[Breakdown], format: Format) -> str:
    """Returns such tables as one text: in Markdown and LaTeX the headline alone, in CSV and JSON every metric."""
    return _RENDERERS[format](tables)


def _md(tables: Sequence[Breakdown]) -> str:
    return "\n\n".join([_LEGEND, *(part for table in tables for part in _md_parts(table))]) + "\n"


def _md_parts(found: Breakdown) -> Iterator[str]:
    heads = [f"{md_text(label)} ({count})" for label, count in found.slices.items()]
    rows = [
        [md_text(row.method), *(shown(value, found.headline.scale) for value in found.values(scores))]
        for row, scores in zip(found.table.rows, found.rows, strict=True)
    ]
    yield f"## {md_text(found.table.title)}"
    yield md_text(found.table.subtitle)
    yield md_text(_caption(found))
    yield "\n".join(md_table(["Method", *heads], rows))


def _latex(tables: Sequence[Breakdown]) -> str:
    labels = latex_labels([found.table for found in tables], f" by {tables[0].attribute.name}" if tables else "")
    return "\n".join(map(_latex_table, tables, labels))


def _latex_table(found: Breakdown, label: str) -> str:
    heads = (f"{latex_text(label)} ({count})" for label, count in found.slices.items())
    rows = (
        [latex_text(row.method), *(latex_text(shown(value, found.headline.scale)) for value in found.values(scores))]
        for row, scores in zip(found.table.rows, found.rows, strict=True)
    )
    return latex_float(
        found.table,
        label,
        latex_text(f"{_caption(found)} {_LEGEND}"),
        "l" + "r" * len(found.slices),
        [
            rf"{latex_symbol(found.headline.title)} & {' & '.join(heads)} \\",
            r"\midrule",
            *(rf"{' & '.join(cells)} \\" for cells in rows),
        ],
    )


def _caption(found: Breakdown) -> str:
    return f"{found.headline.title} by {found.attribute.name}: {found.about}"


def _csv(tables: Sequence[Breakdown]) -> str:
    """Returns all tables as one, a line for each method; values are fractions at full precision, or empty."""
    there = {label for found in tables for label in found.slices}
    labels = [*tables[0].attribute.in_order(there - {_ALL}), _ALL] if there else []
    names = dict.fromkeys(name for found in tables for name in found.table.names)
    columns = [f"{label} {what}" for label in labels for what in ("episodes", *names)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*_KEYS, "method", "by", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for found in tables:
        for row, scores in zip(found.table.rows, found.rows, strict=True):
            about = {name: getattr(found.table, name) for name in _KEYS}
            values = {
                f"{label} {name}": value
                for label, each in scores.items()
                for name, value in {"episodes": each.episodes, **each.score.root}.items()
                if value == value
            }
            writer.writerow({**about, "method": row.method, "by": found.attribute.name, **values})
    return stream.getvalue()


def _json(tables: Sequence[Breakdown]) -> str:
    """Returns a list of tables with their rows, at full precision; what does not apply is null."""
    content = [
        {
            **{name: getattr(found.table, name) for name in _KEYS},
            "by": found.attribute.name,
            "about": found.about,
            "slices": found.slices,
            "rows": [
                {
                    "method": row.method,
                    "slices": {
                        label: {"episodes": each.episodes, "scores": each.score.model_dump()}
                        for label, each in scores.items()
                    },
                }
                for row, scores in zip(found.table.rows, found.rows, strict=True)
            ],
        }
        for found in tables
    ]
    return json.dumps(content, indent=1) + "\n"


_RENDERERS: dict[Format, Callable[[Sequence[Breakdown]], str]] = {
    "md": _md,
    "csv": _csv,
    "latex": _latex,
    "json": _json,
}
