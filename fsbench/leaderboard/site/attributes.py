"""What pages show of slices: the scores of a board's methods by the value of each attribute."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from fsbench.leaderboard.breakdown import Breakdown
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.slices import Slice
from fsbench.metrics import or_none

__all__ = ["attribute_data"]

_Json = Mapping[str, Any]  # Any: what json.dumps takes


def attribute_data(board: Board, names: Sequence[str], rows: Iterable[int] | None = None) -> list[_Json]:
    """Returns the scores by each attribute that tells the episodes of a board apart.

    Args:
        board: The board.
        names: Which of the values that its protocol reports.
        rows: The methods, by number; None for all.

    Returns:
        For each attribute its name, what it says, its slices, all of them last, and for each method the episodes and
        the scores in each slice; null where it has none.
    """
    chosen = range(len(board.table.rows)) if rows is None else list(rows)
    return [
        {
            "name": found.attribute.name,
            "about": found.about,
            "slices": found.slices,
            "rows": [_row(found, found.rows[number], names) for number in chosen],
        }
        for found in board.breakdowns
    ]


def _row(found: Breakdown, row: Mapping[str, Slice], names: Sequence[str]) -> _Json:
    there = [row.get(label) for label in found.slices]
    parts = {name: found.table.about[name].scale / 100 for name in names}  # pages show a hundred times what they get
    return {
        "episodes": [0 if each is None else each.episodes for each in there],
        "scores": {
            name: [None if each is None else or_none(each.score[name] * part) for each in there]
            for name, part in parts.items()
        },
    }
