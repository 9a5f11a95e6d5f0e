"""What would separate two methods: how large an evaluation finds a lead, as text and JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.leaderboard.compare import samples_of
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.slices import find_slicer
from fsbench.protocol import reported_names
from fsbench.scores.metrics import columns_of
from fsbench.scores.power import Design
from fsbench.scores.power import enough
from fsbench.scores.power import Lever
from fsbench.scores.power import LEVERS
from fsbench.scores.power import Parts
from fsbench.scores.power import parts_of
from fsbench.scores.power import power_of
from fsbench.scores.power import smallest_lead
from fsbench.scores.separation import SIGNIFICANT
from fsbench.splits.binning import find_attribute
from fsbench.splits.binning import slices_of_contrast
from fsbench.text import columns

__all__ = ["Plan", "plan"]

_OF_TRAININGS = {
    "none": "Nothing was trained, so there are no trainings to vary.",
    "several": "Differences between trainings are those of the entries' own.",
    "by start": "All trainings of a fold went on from the same weights: what those change is told from the folds, is "
    "uncertain,\nand is lowered by no more trainings that go on from them.",
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
        of: What the lead is of: the headline, or its contrast of two slices.
        rows: Evaluations by what they are: as it was, with more of one thing alone until the power is reached (None if
            it never is), and as it was asked for.
    """

    one: Entry
    other: Entry
    lead: float
    wanted: float
    level: float
    parts: Parts
    of: str
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
            "of": self.of,
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
                f"{100 * self.lead:.1f} points of {self.of}, p below {self.level:g}, power {self.wanted:g}",
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
    contrast: str | None = None,
    data_root: Path = Path("data"),
    splits: Path | None = None,
    asked: Mapping[Lever, int | None] | None = None,
) -> Plan:
    """Says what would separate two methods.

    Args:
        one, other: The methods, evaluated on the same episodes.
        lead: What is to be found, a share.
        wanted: How probable it shall be.
        level: What p must be below.
        contrast: Two slices of an attribute, as in `has_motion=yes,no`: the lead is then by how much more the first
            method leads in the first than in the second, of the videos that have both.
        data_root, splits: Where it is known what the sentences are like; see `find_slicer`.
        asked: Numbers of classes, videos, draws or trainings of an evaluation to look at.

    Raises:
        RunError: They were not evaluated in the same way, classes or videos are too few to tell what varies, the
            headline is no share, or there are no such slices.
        ManifestError: It is not known what the sentences are like.
    """
    name = reported_names(one.protocol)[-1]
    if columns_of(one.protocol)[name].scale != 100:
        raise RunError(f"{name} is no share, and points are of shares.")
    (first, second), of = samples_of(one, other), name
    if contrast is not None:
        attribute, *slices = slices_of_contrast(contrast)
        slicer = find_slicer(one.dataset, one.manifest_digest, data_root, splits)
        labels = slicer.labels(first.first.keys, find_attribute(attribute)).to_numpy()
        if missing := [each for each in slices if each not in labels]:
            known = suggestion(missing[0], set(labels))
            raise RunError(f"No episode is in a slice {missing[0]!r} of {attribute}. {known}")
        here, there = (labels == each for each in slices)
        first, second = first.contrast(here, there), second.contrast(here, there)
        of = f"{name}, {slices[0]} less {slices[1]}"
    parts, design = parts_of(first, second, name)
    rows: dict[str, Design | None] = {"as evaluated": design}
    start = design
    if changed := {lever: number for lever, number in (asked or {}).items() if number is not None}:
        rows["as asked"] = start = replace(design, **changed)
    if power_of(parts, start, lead, level) < wanted:
        levers = [lever for lever in LEVERS if lever != "trainings" or parts.how not in ("none", "one")]
        rows |= {f"more {lever} alone": enough(parts, start, lever, lead, wanted, level) for lever in levers}
    return Plan(one, other, lead, wanted, level, parts, of, rows)
