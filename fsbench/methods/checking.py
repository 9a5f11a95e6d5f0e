"""Whether what is registered keeps the contract: names that are nearly right, and signatures that do not fit."""

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

from fsbench.errors import PluginError
from fsbench.methods.contract import OPTIONAL

__all__ = ["check_method", "check_names"]

_CALLS: Mapping[str, tuple[str, ...]] = {
    "prepare": ("fold",),
    "adapt": ("support",),
    "segment": ("adapted", "clip", "expressions"),
}
_ALIKE = 0.88


def check_names(thing: Any, who: str) -> None:  # Any: to be checked
    """Checks what a factory or a method has of the contract's optional half.

    Raises:
        PluginError: A name is nearly one of the contract's, or what it names is of another kind.
    """
    present = {name for name in dir(thing) if not name.startswith("_")}
    for known in (*_CALLS, "info", *OPTIONAL):
        if known not in present:
            for name in sorted(present):
                if _is_nearly(name, known):
                    raise PluginError(f"{who} has {name!r}, which means nothing. Is it meant to be {known!r}?")
    for name, is_called in OPTIONAL.items():
        if is_called and name in present and not callable(getattr(thing, name)):
            raise PluginError(f"{who}: {name!r} is to be called, but is a {type(getattr(thing, name)).__name__}.")
    if not isinstance(told := getattr(thing, "ignores_support", False), bool):
        raise PluginError(f"{who}: 'ignores_support' is a {type(told).__name__}, expected True or False.")
    if isinstance(getattr(thing, "needs", ()), str):
        raise PluginError(f"{who}: 'needs' is a text, expected a tuple of texts: needs = ({thing.needs!r},).")


def check_method(method: Any, who: str) -> None:  # Any: to be checked
    """Checks that an object has the three calls of a method, with their parameters.

    Raises:
        PluginError: It has not.
    """
    check_names(method, who)
    for name, parameters in _CALLS.items():
        call = getattr(method, name, None)
        if not callable(call):
            raise PluginError(f"{who} made a {type(method).__name__}, which lacks {name}({', '.join(parameters)}).")
        try:
            inspect.signature(call).bind(*parameters)
        except TypeError as error:
            raise PluginError(f"{who}: {name}{inspect.signature(call)} is called with {parameters}: {error}.") from None
        except ValueError:  # of what is not written in Python nothing is known
            continue


def _is_nearly(name: str, known: str) -> bool:
    """Returns whether a name is another one with a slip of the pen: a letter more, less, wrong, or two exchanged."""
    if name == known or name[0] != known[0] or min(len(name), len(known)) < 4:
        return False
    start = _shared(name, known)
    end = _shared(name[start:][::-1], known[start:][::-1])
    one, other = name[start : len(name) - end], known[start : len(known) - end]
    if max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1]):
        return True
    return difflib.SequenceMatcher(None, name, known).ratio() >= _ALIKE


def _shared(one: str, other: str) -> int:
    """Returns how many letters two names have in common from their beginning on."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
