"""What a method's code is, by content: the digest of its module and of what that imports from its own package."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from functools import partial
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fsbench.methods.compiled import described

__all__ = ["source_digest"]


def source_digest(factory: Any, named: str = "") -> str:  # Any: a class, a function, a declaration or a method
    """Returns the SHA-256 of a method's code.

    That is the module which defines it, the one that its attribute `code` names (`module:class`), the one that a user
    names, and whatever these import, directly or not, from their own package; a module that is in none, from its own
    folder. Which modules those are is read from the source, so that it does not depend on what has run. What has no
    source, as in a notebook, counts by its compiled code, and by what the names in that stand for.

    Args:
        factory: What makes the method, or the method itself.
        named: The module where a user finds it; empty where it is handed over.
    """
    given = factory
    while isinstance(factory, partial):
        factory = factory.func
    kind = factory if inspect.isclass(factory) or inspect.isfunction(factory) else type(factory)
    code = getattr(factory, "code", None)
    parts: dict[str, bytes] = {}
    if isinstance(given, partial):
        parts["partial"] = b"".join(described(given, _has_source))
    declared = [code.partition(":")[0]] if isinstance(code, str) else []
    for module in {kind.__module__, *declared, *filter(None, [named])}:
        path = _file(module)
        if path is None:
            parts[f"{module}:{kind.__qualname__}"] = b"".join(described(kind, _has_source))
            continue
        package = module.partition(".")[0]
        levels = module.count(".") + (path.name == "__init__.py")
        home = path.parents[levels - 1] if levels else path.parent
        found = _files(module, path, home, package if levels else "")
        parts |= {f"{package if levels else ''}/{place}": content for place, content in found.items()}
    digest = hashlib.sha256()
    for name, content in sorted(parts.items()):
        digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _files(module: str, path: Path, home: Path, package: str) -> dict[str, bytes]:
    """Returns the content of a module and of those below `home` that it leads to, by their places there.

    Args:
        module, path: The module and its file.
        home: The folder of its package, or of the module itself.
        package: The name of the package; empty for a module that is in none.
    """
    found: dict[str, bytes] = {}
    todo = [(module, path)]
    while todo:
        name, file = todo.pop()
        place = file.relative_to(home).as_posix()
        if place in found:
            continue
        found[place] = file.read_bytes()
        imports = _imports(found[place], name, is_package=file.name == "__init__.py") if file.suffix == ".py" else ()
        for imported in _with_parents([name, *imports]):
            if package and imported.partition(".")[0] != package:
                continue
            other = _file(imported)
            if other is not None and other.is_relative_to(home):
                todo.append((imported, other))
    return found


def _with_parents(modules: Iterable[str]) -> set[str]:
    """Returns modules with the packages that they are in, which are imported before them."""
    return {name.rsplit(".", depth)[0] for name in modules for depth in range(name.count(".") + 1)}


def _imports(source: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Yields the names of all modules that a source may import, wherever in it; of `from a import b` a and a.b."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # it cannot be imported either, and says so then
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package and node.level == 1 else is_package - node.level]
                base = ".".join([*above, *filter(None, [node.module])])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    """Returns the file of a module, without importing it; None if it has none or is not there."""
    if place := getattr(sys.modules.get(module), "__file__", None):
        return Path(place).resolve()
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        return None
    if spec is None or not (places := spec.submodule_search_locations or (spec.origin and [spec.origin])):
        return None
    base = Path(next(iter(places)))
    below = base.joinpath(*rest) if spec.submodule_search_locations else base
    kinds = [below.with_name(below.name + suffix) for suffix in all_suffixes()] if rest else []
    found = [below, below / "__init__.py", *kinds]
    return next((path.resolve() for path in found if path.is_file()), None)


def _has_source(module: str) -> bool:
    return module in sys.stdlib_module_names or _file(module) is not None
