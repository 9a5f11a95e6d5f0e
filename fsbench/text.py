"""Plain text for people: tables and times."""

import textwrap
from collections.abc import Iterable
from collections.abc import Sequence

__all__ = ["columns", "duration"]


def columns(rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """Returns rows as text in columns, the first one underlined as a head.

    Args:
        rows: Of equal length.
        width: Columns of the terminal, to which the widest cells are broken; None for as many as it takes.
    """
    table = [list(row) for row in rows]
    if width is not None:
        limit = _limit([max(map(len, cells)) for cells in zip(*table, strict=True)], width)
        table = [line for row in table for line in _broken(row, limit)]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)


def duration(seconds: float) -> str:
    """Returns a time as people say it: "48 s", "12 min", "3 h 05 min"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _limit(widths: Sequence[int], total: int) -> int:
    """Returns how wide a cell may be, at least 8, so that columns of some widths fit into a total."""
    room = total - 2 * (len(widths) - 1)
    for done, width in enumerate(sorted(widths)):
        share = room // (len(widths) - done)
        if width > share:
            return max(share, 8)
        room -= width
    return max(*widths, 8)


def _broken(row: Sequence[str], limit: int) -> list[list[str]]:
    """Returns a row as one or more lines whose cells are within the limit."""
    cells = [textwrap.wrap(cell, limit) or [""] for cell in row]
    return [[cell[i] if i < len(cell) else "" for cell in cells] for i in range(max(map(len, cells)))]
