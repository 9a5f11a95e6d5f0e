"""Which columns of a table are printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.leaderboard.tables import Cell
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import Table

__all__ = ["Printed", "choose_columns", "column_name", "group_name"]

EXTRAS = ("group", "sd", "interval")
"""What is no column of values: the letters of the groups, and what stands beside the mean headline."""


@dataclass(frozen=True)
class Printed:
    """A table and what of it is printed.

    Attributes:
        table: The table.
        places: The columns, by their place in `table.columns`, in the order in which they are printed.
        extras: Which of `EXTRAS` are.
    """

    table: Table
    places: tuple[int, ...]
    extras: frozenset[str]

    @property
    def columns(self) -> list[tuple[int | None, str]]:
        """Group and metric of each column."""
        return [self.table.columns[place] for place in self.places]

    @property
    def scales(self) -> list[int]:
        """What the values of each column are multiplied by."""
        return [self.table.about[metric].scale for _, metric in self.columns]

    def cells(self, row: Row) -> list[Cell]:
        """Returns the cells of a row of the table, without what is not printed."""
        cells = [row.cells[place] for place in self.places]
        return [
            Cell(
                cell.value,
                cell.sd if "sd" in self.extras else None,
                cell.interval if "interval" in self.extras else None,
                cell.place,
            )
            for cell in cells
        ]


def choose_columns(tables: Sequence[Table], wanted: Sequence[str] = ()) -> list[Printed]:
    """Chooses what of tables is printed.

    Args:
        tables: The tables.
        wanted: Names of columns such as `mean J&F`, of all columns of a group (`mean`, `fold 1`) or a metric (`J&F`),
            and of `EXTRAS`; none for all of them.

    Returns:
        The tables that have any of the columns.

    Raises:
        RunError: A name is of nothing in any table, or no column of values is named.
    """
    if not wanted:
        return [Printed(table, tuple(range(len(table.columns))), frozenset(EXTRAS)) for table in tables]
    known = dict.fromkeys(name for table in tables for column in table.columns for name in _names(*column))
    for name in wanted:
        if name not in known and name not in EXTRAS:
            raise RunError(f"There is no column {name!r}. {suggestion(name, [*known, *EXTRAS])}")
    if set(wanted) <= set(EXTRAS):
        raise RunError(f"{', '.join(wanted)}: is no column of values. Name one too, such as 'mean'.")
    found = []
    for table in tables:
        places = [p for name in wanted for p, column in enumerate(table.columns) if name in _names(*column)]
        if places:
            found.append(Printed(table, tuple(dict.fromkeys(places)), frozenset(wanted) & frozenset(EXTRAS)))
    return found


def group_name(group: int | None) -> str:
    """Returns what stands above the columns of a fold, or of the mean over folds."""
    return "Mean" if group is None else f"Fold {group}"


def column_name(group: int | None, metric: str) -> str:
    """Returns the name of a column in files, as in `fold 1 J`."""
    return f"{group_name(group).lower()} {metric}"


def _names(group: int | None, metric: str) -> tuple[str, str, str]:
    return column_name(group, metric), group_name(group).lower(), metric
