"""Plain text for people: tables and times."""

from collections.abc import Iterable
from collections.abc import Sequence

__all__ = ["columns", "duration"]


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Returns rows as text in columns, the first one underlined as a head."""
    table = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)


def duration(seconds: float) -> str:
    """Returns a time as people say it: "48 s", "12 min", "3 h 05 min"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
