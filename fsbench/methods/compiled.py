"""What a value of a notebook or a session is, by content: code that has no source, and all that it refers to."""

import pickle
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import partial
from inspect import isclass
from inspect import isfunction
from inspect import ismodule
from types import CodeType
from typing import Any

__all__ = ["described"]

_BOOKKEEPING = {"__dict__", "__weakref__", "__module__", "__doc__", "__firstlineno__", "__static_attributes__"}


def described(value: Any, has_source: Callable[[str], bool]) -> Iterator[bytes]:  # Any: whatever a name may stand for
    """Yields what a value is, the same in every process that comes to it in the same way.

    A function is its code, wherever that was typed, its defaults, and what the names in it stand for; a class is its
    bases and attributes; of either that has a source its name is enough.

    Args:
        value: The value.
        has_source: Whether what is defined in a module has one.
    """
    yield from _described(value, has_source, {})


# Any: as above
def _described(value: Any, has_source: Callable[[str], bool], seen: dict[int, Any]) -> Iterator[bytes]:
    if id(value) in seen:
        return
    if isclass(value) or isfunction(value) or isinstance(value, Mapping | list):
        seen[id(value)] = value  # held, so that nothing else gets its id
    name = _name(value)
    is_known = has_source(value.__module__ or "") if isclass(value) or isfunction(value) else ismodule(value)
    inner = [] if is_known else _inner(value)
    yield f"{type(value).__name__} {name} {len(inner)}\0".encode()
    if not (name or inner):
        yield _plain(value)
        inner = [type(value)]
    for each in inner:
        yield from _described(each, has_source, seen)


def _name(value: Any) -> str:  # Any: as above
    if ismodule(value):
        return str(value.__name__)
    return f"{value.__module__}:{value.__qualname__}" if isclass(value) or isfunction(value) else ""


def _inner(value: Any) -> list[Any]:  # Any: as above
    """Returns what a value is made of; nothing if that is not known, or there is nothing."""
    if isclass(value):
        return [value.__bases__, {key: each for key, each in vars(value).items() if key not in _BOOKKEEPING}]
    if isfunction(value):
        code, names = value.__code__, value.__globals__
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_bound(cell)]
        named = {name: names[name] for name in _names(code) if name in names}
        return [code, value.__defaults__, value.__kwdefaults__, cells, named]
    if isinstance(value, CodeType):  # not where it was typed, which a notebook's kernel names anew
        counts = [value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags]
        return [value.co_code, value.co_exceptiontable, *counts, value.co_names, value.co_varnames, value.co_consts]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, Mapping):
        return sorted(value.items(), key=repr)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, list | tuple) else []


def _names(code: CodeType) -> Iterator[str]:
    """Yields the names that code, and the code in it, looks up somewhere."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _names(const)


def _is_bound(cell: Any) -> bool:  # Any: a cell has no public type
    try:
        return cell.cell_contents is not cell
    except ValueError:  # its name is bound later
        return False


def _plain(value: Any) -> bytes:  # Any: as above
    if isinstance(value, bool | int | float | complex | str | bytes | None):
        return repr(value).encode("utf-8", "backslashreplace")
    try:
        return pickle.dumps(value)
    except Exception:  # whatever its class does then
        return b""
