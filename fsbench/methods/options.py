"""The options of a method: the keyword parameters of its factory, and what its docstring says about them."""

import inspect
import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from typing import Any
from typing import get_args
from typing import get_origin
from typing import Literal

from fsbench.errors import PluginError
from fsbench.methods.loading import failure

__all__ = ["REQUIRED", "Option", "read_options"]

REQUIRED = inspect.Parameter.empty  # the default of an option that has none
_ENTRY = re.compile(r"(\w+(?:, \w+)*)(?: \([^)]*\))?: (.*)")


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: As in `--option name=value`.
        annotation: Its type.
        default: `REQUIRED` if it has none.
        help: What the docstring says; empty if it says nothing.
    """

    name: str
    annotation: Any  # Any: what stands behind a colon
    default: Any  # Any: likewise
    help: str

    @property
    def type_name(self) -> str:
        """The type as text."""
        return _type_name(self.annotation)

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @property
    def shown_default(self) -> bool | int | float | str | None:
        """The default as JSON has it; None also without one."""
        is_plain = self.default is None or isinstance(self.default, bool | int | float | str)
        return None if self.is_required else self.default if is_plain else str(self.default)

    def read(self, value: Any) -> Any:  # Any: text, or already of the type
        """Returns a value converted to the option's type. Raises PluginError, which names no method, if it fails."""
        from pydantic import TypeAdapter
        from pydantic import ValidationError
        from pydantic.errors import PydanticUserError

        try:
            return TypeAdapter(self.annotation).validate_python(value)
        except ValidationError as error:
            raise PluginError(f"option {self.name}={value!r}: {error.errors()[0]['msg']}.") from error
        except (PydanticUserError, NameError) as error:
            what = f"option {self.name!r} is annotated {self.type_name}"
            raise PluginError(f"{what}, which cannot be read from text: use str, int, float, bool or Path.") from error


def read_options(factory: Any) -> dict[str, Option]:  # Any: a class or another callable
    """Returns the options of a factory by name. Raises PluginError, which names no method, if they cannot be read."""
    try:
        found = inspect.signature(factory, eval_str=True).parameters
    except Exception as error:  # annotations are evaluated: anything may happen
        raise PluginError(f"the parameters cannot be read: {failure(error)}.") from error
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    told = _told(factory)
    return {
        name: Option(name, Any if p.annotation is REQUIRED else p.annotation, p.default, told.get(name, ""))
        for name, p in found.items()
        if p.kind in kinds
    }


def _told(factory: Any) -> Mapping[str, str]:  # Any: see `read_options`
    """Returns what docstrings say of each parameter: the class's own go before those of its bases."""
    told: dict[str, str] = {}
    source = getattr(factory, "options", factory)  # a declaration is documented by its options
    if isinstance(source, partial):
        source = source.func
    for owner in inspect.getmro(source) if isinstance(source, type) else (source,):
        for documented in (vars(owner).get("__init__"), owner):
            for name, text in _entries(inspect.cleandoc(getattr(documented, "__doc__", None) or "")):
                told.setdefault(name, text)
    return told


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    """Yields name and text of the entries under `Args:` or `Attributes:` of a docstring of Google's convention."""
    inside, names, text = False, "", ""
    for line in [*docstring.splitlines(), "end"]:
        indent = len(line) - len(line.lstrip())
        if inside and line.strip() and (indent <= 4 or not names):
            for name in filter(None, names.split(", ")):
                yield name, text
            entry = _ENTRY.fullmatch(line.strip()) if indent == 4 else None
            names, text = entry.groups() if entry else ("", "")
        elif inside:
            text = f"{text} {line.strip()}".strip()
        if line.strip() and indent == 0:
            inside = line.strip() in ("Args:", "Attributes:")


def _type_name(annotation: Any) -> str:  # Any: what stands behind a colon
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if annotation is Any:
        return "any"
    if args := get_args(annotation):
        joined = [_type_name(arg) for arg in args if arg is not type(None)]
        is_union = not isinstance(annotation, type) and "[" not in str(annotation)
        return " | ".join(joined) if is_union or "Optional" in str(annotation) else str(annotation)
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
