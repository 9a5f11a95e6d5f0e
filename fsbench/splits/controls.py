"""Controls: the episodes of a manifest with supports that say nothing of their class.

What a method loses by one is what it has learnt from the supports. Both follow from the manifest, without any draw.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from typing import get_args
from typing import Literal

from fsbench.errors import ManifestError

__all__ = ["CONTROLS", "Control", "stand_ins"]

Control = Literal["other-class", "empty-support"]
"""`other-class` gives each class the support set that the next class of its fold, in the order of ids, has in the same
draw, and the last class that of the first. `empty-support` gives it its own, with masks that show nothing."""

CONTROLS: tuple[Control, ...] = get_args(Control)

_Row = Mapping[str, Any]  # Any: column values


def stand_ins(supports: Iterable[_Row], control: Control, where: Path) -> dict[str, _Row]:
    """Returns what stands in for each support set, by its id.

    Args:
        supports: Rows of the table `supports`, of whole folds.
        control: Which control.
        where: The manifest, for messages.

    Raises:
        ManifestError: A fold has a single class, and so there is no other.
    """
    if control == "empty-support":
        return {row["support_id"]: {**row, "shots": [_emptied(shot) for shot in row["shots"]]} for row in supports}
    found: dict[str, _Row] = {}
    ordered = sorted(supports, key=lambda row: (row["fold"], row["draw"], row["class_id"]))
    for (fold, draw), group in groupby(ordered, key=lambda row: (row["fold"], row["draw"])):
        rows = list(group)
        if len(rows) < 2:
            raise ManifestError(
                f"{where}: in fold {fold} one class alone has a support set for draw {draw}, so that there is none of "
                "another class. Take the control 'empty-support'."
            )
        found |= {row["support_id"]: other for row, other in zip(rows, [*rows[1:], rows[0]], strict=True)}
    return found


def _emptied(shot: _Row) -> _Row:
    return {**shot, "object_ids": []}
