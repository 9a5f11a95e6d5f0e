"""Plain tables for the terminal."""

from collections.abc import Iterable
from collections.abc import Sequence

__all__ = ["columns"]


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Returns rows as text in columns, the first one underlined as a head."""
    table = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)
