"""Names of a package that are loaded when they are first used, so that importing the package loads nothing."""

import sys
from importlib import import_module

TYPE_CHECKING = False  # typing's own constant would cost most of the time that importing this takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: "Mapping[str, Sequence[str]]"
) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Returns the `__getattr__` and the `__dir__` of a package.

    Args:
        package: Its name.
        homes: By module, the names that the package takes from it.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> object:
        this = sys.modules[package]
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=this)
        value = getattr(import_module(home_of[name]), name)
        setattr(this, name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return find, listed
