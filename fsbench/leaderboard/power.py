"""What would separate two methods: how large an evaluation finds a lead, as text and JSON."""

import json
import math
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from fsbench.errors import RunError
from fsbench.leaderboard.compare import samples_of
from fsbench.leaderboard.entries import Entry
from fsbench.protocol import reported_names
from fsbench.scores.metrics import columns_of
from fsbench.scores.power import Design
from fsbench.scores.power import enough
from fsbench.scores.power import LEVERS
from fsbench.scores.power import Parts
from fsbench.scores.power import parts_of
from fsbench.scores.power import power_of
from fsbench.scores.power import smallest_lead
from fsbench.scores.separation import SIGNIFICANT
from fsbench.text import columns

__all__ = ["Plan", "plan"]

_OF_TRAININGS = {
    "none": "Nothing was trained, so there are no trainings to vary.",
    "several": "Differences between trainings are those of the entries' own.",
    "by fold": "A single training for each fold: what trainings change is told from the folds, and uncertain; that of "
    "classes\nis with the classes.",
    "one": "A single training: differences between trainings are in none of these numbers.",
}


@dataclass(frozen=True)
class Plan:
    """How large an evaluation finds a lead of one method over another.

    Attributes:
        one, other: The methods.
        lead: The lead, a share.
        wanted: The power that is wanted.
        level: What p must be below.
        parts: Of the variance of their difference.
        rows: Evaluations by what they are: as it was, with more of one thing alone until the power is reached (None if
            it never is), and as it was asked for.
    """

    one: Entry
    other: Entry
    lead: float
    wanted: float
    level: float
    parts: Parts
    rows: dict[str, Design | None]

    @property
    def known(self) -> Design:
        """How large the evaluation was."""
        found = self.rows["as evaluated"]
        assert found is not None, "it is how the entries were made"
        return found

    @property
    def smallest(self) -> float:
        """The smallest lead, a share, that the evaluation as it was finds with the power; infinite if none."""
        return smallest_lead(self.parts, self.known, self.wanted, self.level)

    def power(self, design: Design) -> float:
        """Returns the power of an evaluation."""
        return power_of(self.parts, design, self.lead, self.level)

    def to_json(self) -> str:
        """Returns all of it: leads in points, parts in squares of these; a row that never finds the lead has nulls."""
        rows = [
            {"what": what, **(asdict(design) if design else {}), "power": design and self.power(design)}
            for what, design in self.rows.items()
        ]
        found: dict[str, Any] = {  # Any: JSON
            "dataset": self.one.dataset,
            "manifest_digest": self.one.manifest_digest,
            "protocol": self.one.protocol,
            "methods": [self.one.title, self.other.title],
            "points": round(100 * self.lead, 9),
            "wanted": self.wanted,
            "level": self.level,
            "trainings": self.parts.how,
            "smallest": None if math.isinf(self.smallest) else 100 * self.smallest,
            "parts": {name: 1e4 * value for name, value in self.parts.listed().items()},
            "rows": rows,
        }
        return json.dumps(found, indent=1)

    def __str__(self) -> str:
        table: list[tuple[str, ...]] = [("evaluation", *LEVERS, "power")]
        for what, design in self.rows.items():
            numbers = ["-"] * len(LEVERS) if design is None else [str(asdict(design)[lever]) for lever in LEVERS]
            table.append((what, *numbers, "not enough" if design is None else f"{self.power(design):.2f}"))
        smallest = "none" if math.isinf(self.smallest) else f"{100 * self.smallest:.1f} points"
        spreads = ", ".join(f"{name} {100 * value**0.5:.1f}" for name, value in self.parts.listed().items() if value)
        return "\n".join(
            [
                f"{self.one.title} and {self.other.title} on {self.one.dataset} {self.one.manifest_version}: a lead of "
                f"{100 * self.lead:.1f} points of {reported_names(self.one.protocol)[-1]}, p below {self.level:g}, "
                f"power {self.wanted:g}",
                "",
                columns(table),
                "",
                f"The smallest lead that the evaluation as it was finds with this power: {smallest}.",
                f"Standard deviations of the difference, in points: {spreads or 'none'}.",
                _OF_TRAININGS[self.parts.how],
                "Videos and draws are of each class, classes are of all folds, trainings of each method.",
            ]
        )


def plan(
    one: Entry,
    other: Entry,
    lead: float,
    wanted: float = 0.8,
    level: float = SIGNIFICANT,
    **asked: int | None,
) -> Plan:
    """Says what would separate two methods.

    Args:
        one, other: The methods, evaluated on the same episodes.
        lead: What is to be found, a share.
        wanted: How probable it shall be.
        level: What p must be below.
        asked: Numbers of classes, videos, draws or trainings of an evaluation to look at.

    Raises:
        RunError: They were not evaluated in the same way, classes or videos are too few to tell what varies, or the
            headline is no share.
    """
    name = reported_names(one.protocol)[-1]
    if columns_of(one.protocol)[name].scale != 100:
        raise RunError(f"{name} is no share, and points are of shares.")
    parts, design = parts_of(*samples_of(one, other), name)
    rows: dict[str, Design | None] = {"as evaluated": design}
    changed = {lever: number for lever, number in asked.items() if number is not None}
    if changed:
        rows["as asked"] = replace(design, **changed)
    start = rows["as asked"] if changed else design
    assert start is not None, "a design"
    if power_of(parts, start, lead, level) < wanted:
        levers = [lever for lever in LEVERS if lever != "trainings" or parts.how in ("several", "by fold")]
        rows |= {f"more {lever} alone": enough(parts, start, lever, lead, wanted, level) for lever in levers}
    return Plan(one, other, lead, wanted, level, parts, rows)
