"""From `module:attr` or `FILE.py:Class` to what it names."""

import hashlib
import importlib
import sys
import traceback
from importlib import import_module
from importlib.util import module_from_spec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from fsbench.errors import FsbenchError
from fsbench.errors import PluginError
from fsbench.errors import suggestion

__all__ = ["absolute", "failure", "load", "module_name"]


def absolute(target: str) -> str:
    """Returns a target that means the same from any working folder: of `FILE.py:Class` the path is made absolute."""
    place, sign, attribute = target.rpartition(":")
    return f"{Path(place).expanduser().resolve()}{sign}{attribute}" if place.endswith(".py") else target


def load(target: str, folder: str = "") -> Any:  # Any: whatever it is
    """Imports what a target names.

    Args:
        target: `module:attr`, or `FILE.py:Class` with an absolute path.
        folder: Where modules are looked for first, as `python -m` does with the working folder; empty for nowhere.

    Raises:
        PluginError: It is not there, or its import fails.
    """
    place, _, attribute = target.rpartition(":")
    is_file = place.endswith(".py")
    first = str(Path(place).parent) if is_file else folder
    if first and first not in sys.path:
        sys.path.insert(0, first)  # and there it stays: what a method imports later is found, too
    module: ModuleType | None = None
    try:
        module = _import_file(Path(place), module_name(target)) if is_file else import_module(place)
        found: Any = module
        for name in attribute.split("."):
            found = getattr(found, name)
    except FsbenchError:
        raise
    except (Exception, SystemExit) as error:  # a method's module may do whatever it likes
        if isinstance(error, AttributeError) and module is not None and error.obj is module:
            classes = [name for name, thing in vars(module).items() if _is_class_of(thing, module)]
            raise PluginError(
                f"{place}: there is no {error.name!r} in it. {suggestion(str(error.name), classes)}"
            ) from error
        where = f" (modules were also looked for in {folder})" if folder and isinstance(error, ImportError) else ""
        raise PluginError(f"{target} cannot be imported: {failure(error)}{where}.") from error
    return found


def module_name(target: str) -> str:
    """Returns the name that the module of a target has once it is imported, the same in every process."""
    place = target.rpartition(":")[0]
    if not place.endswith(".py"):
        return place
    return f"fsbench_method_{Path(place).stem}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def failure(error: BaseException) -> str:
    """Returns an error as part of a line: its type, what it says, and in which line of which file it arose."""
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".:")
    ways = ("<frozen", str(Path(importlib.__file__).parent), str(Path(__file__).parent))
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ways)]
    return f"{said} ({own[-1].filename}, line {own[-1].lineno})" if own else said


def _is_class_of(thing: object, module: ModuleType) -> bool:
    return isinstance(thing, type) and thing.__module__ == module.__name__


def _import_file(path: Path, name: str) -> ModuleType:
    """Imports a file under a name of its own, so that its objects can be pickled."""
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"{path}: there is no such file. --method takes a name, module:attr or FILE.py:Class.")
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it runs, as import does: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
