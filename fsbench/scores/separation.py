"""Which of several methods a test separates, and the groups of those that it does not."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from itertools import count
from string import ascii_lowercase

__all__ = ["SIGNIFICANT", "holm", "letters"]

SIGNIFICANT = 0.05  # p, over all pairs together, below which a test separates two methods

Pair = tuple[int, int]


def holm(p: Mapping[Pair, float], level: float = SIGNIFICANT) -> set[Pair]:
    """Returns the pairs that are separated, by the method of Holm (Scandinavian Journal of Statistics 6, 1979).

    Args:
        p: Of each pair that was tested; NaN, which separates nothing, counts as a test.
        level: How often any pair is separated that does not differ, at most.
    """
    found = set()
    for place, (each, value) in enumerate(sorted(p.items(), key=lambda item: (item[1] != item[1], item[1]))):
        if not value * (len(p) - place) < level:
            break
        found.add(each)
    return found


def letters(number: int, separated: Iterable[Pair]) -> list[str]:
    """Returns for each of several methods, the best first, the letters of its groups.

    No group holds two methods that are separated, and any two that are not have a group in common (insert and absorb;
    Piepho, Journal of Computational and Graphical Statistics 13, 2004). Groups are in the order of their members.
    """
    groups = [frozenset(range(number))] if number else []
    for one, other in sorted(separated):
        split = [
            part
            for group in groups
            for part in ([group - {one}, group - {other}] if {one, other} <= group else [group])
            if part
        ]
        whole = sorted(set(split), key=lambda group: (-len(group), sorted(group)))
        groups = [group for place, group in enumerate(whole) if not any(group < larger for larger in whole[:place])]
    named = list(zip(_names(), sorted(groups, key=sorted), strict=False))
    return ["".join(name for name, group in named if each in group) for each in range(number)]


def _names() -> Iterator[str]:
    """Yields a to z, then a2 to z2 and so on."""
    for turn in count(1):
        yield from (f"{letter}{turn if turn > 1 else ''}" for letter in ascii_lowercase)
