"""The attributes by which scores can be sliced: what each slice is called, and which values are in it.

The edges of numbers are fixed, so that slices of one benchmark mean the same in every run, and on every benchmark.
"""

from bisect import bisect_right
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from fsbench.errors import RunError
from fsbench.errors import suggestion

__all__ = ["ATTRIBUTES", "CLASS_WORDS", "UNKNOWN", "Attribute", "find_attribute", "slices_of_contrast"]

CLASS_WORDS = ("name", "synonym", "none")
"""What a sentence may have of its class: its name, another word for it, or neither; the first that holds."""

UNKNOWN = "not known"
"""The slice of what was not measured: a size, where a manifest was built without pixels."""


@dataclass(frozen=True)
class Attribute:
    """An attribute of sentences and their targets.

    Attributes:
        name: The column of a manifest's table `attributes`, where `fsbench.splits.schema.ABOUT` says what it is.
        labels: What its slices are called, in order; empty for what each dataset has names of its own for.
        edges: Of numbers, where one slice ends and the next begins, rising, one fewer than labels; a value on an edge
            is above it. Empty for what is no number.
    """

    name: str
    labels: tuple[str, ...] = ("no", "yes")
    edges: tuple[float, ...] = ()

    def in_order(self, slices: Iterable[str]) -> list[str]:
        """Returns those of its slices that are there, each once: as `labels` has them or by name, the unknown last."""
        places = {label: place for place, label in enumerate((*self.labels, UNKNOWN))}
        return sorted(set(slices), key=lambda label: (places.get(label, -1), label))

    def slice_of(self, value: str | bool | float | None) -> str:
        """Returns the slice that a value of the column is in."""
        if value is None:
            return UNKNOWN
        if isinstance(value, str):
            return value
        return self.labels[bisect_right(self.edges, value)] if self.edges else self.labels[value is True]


ATTRIBUTES: Mapping[str, Attribute] = {
    each.name: each
    for each in (
        Attribute("class_word", CLASS_WORDS),
        Attribute("names_other"),
        Attribute("class_objects", ("1", "2", "3", "4 or more"), (2, 3, 4)),
        Attribute("has_spatial"),
        Attribute("has_motion"),
        Attribute("has_colour"),
        Attribute("words", ("up to 4", "5 to 7", "8 to 10", "11 or more"), (5, 8, 11)),
        Attribute("absent_frames", ("0", "1 to 4", "5 or more"), (1, 5)),
        Attribute("is_unanswerable"),
        Attribute("size", ("under 1 %", "1 to 5 %", "5 to 20 %", "20 % or more"), (0.01, 0.05, 0.2)),
        Attribute("occlusion", ("under 5 %", "5 to 25 %", "25 to 50 %", "50 % or more"), (0.05, 0.25, 0.5)),
        Attribute("kind", ()),
    )
}
"""All columns of the table, in its order."""


def find_attribute(name: str) -> Attribute:
    """Returns an attribute. Raises RunError, with the near names, for an unknown one."""
    if name not in ATTRIBUTES:
        raise RunError(f"There is no attribute {name!r}. {suggestion(name, ATTRIBUTES)}")
    return ATTRIBUTES[name]


def slices_of_contrast(text: str) -> tuple[str, str, str]:
    """Returns the attribute and the two slices that `ATTRIBUTE=A,B` names. Raises RunError if it names no two."""
    name, _, labels = text.partition("=")
    here, _, there = (part.strip() for part in labels.partition(","))
    attribute = find_attribute(name.strip())
    if not here or not there or here == there:
        example = ",".join(attribute.labels[:2]) or "A,B"
        raise RunError(f"A contrast is of two slices, as in {attribute.name}={example}; not {text!r}.")
    return attribute.name, here, there
