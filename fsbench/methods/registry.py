"""How methods are found: entry points of installed packages, or `module:attr` named by the user."""

import inspect
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from fsbench.errors import PluginError
from fsbench.errors import suggestion
from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo

if TYPE_CHECKING:
    from fsbench.training.job import TrainingJob

__all__ = ["GROUP", "WEIGHTS", "MethodFactory", "find_method", "registered_methods"]

GROUP = "fsbench.methods"
WEIGHTS = "weights: --checkpoint"  # what a method needs that takes a checkpoint and states no needs of its own


@dataclass(frozen=True)
class MethodFactory:
    """A registered method, not made yet.

    Attributes:
        target: `module:attr` of the factory.
        distribution: Name and version of the package that registers it; empty for one named by the user.
    """

    target: str
    distribution: str

    @cached_property
    def factory(self) -> Callable[..., Method]:
        """The factory itself. Raises PluginError if it cannot be imported."""
        module, _, attribute = self.target.partition(":")
        try:
            factory: Any = import_module(module)
            for name in attribute.split("."):
                factory = getattr(factory, name)
        except (ImportError, AttributeError) as error:
            source = f" (registered by {self.distribution})" if self.distribution else ""
            raise PluginError(f"{self.target}{source} cannot be imported: {error}. Install what it needs.") from error
        made: Callable[..., Method] = factory
        return made

    @property
    def info(self) -> MethodInfo:
        """What the factory says of its method. Raises PluginError if it says nothing."""
        info = getattr(self.factory, "info", None)
        if not isinstance(info, MethodInfo):
            raise PluginError(
                f"{self.target} has no attribute 'info' of type MethodInfo. See 'Your method' in the README."
            )
        return info

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The factory's keyword parameters: the options of the method."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        found = inspect.signature(self.factory).parameters
        return {name: parameter for name, parameter in found.items() if parameter.kind in kinds}

    @property
    def needs(self) -> tuple[str, ...]:
        """What the method cannot do without: the factory's `needs`, or weights if it takes a checkpoint."""
        default = (WEIGHTS,) if "checkpoint" in self.parameters else ()
        return tuple(getattr(self.factory, "needs", default))

    def missing(self, dataset: str) -> list[str]:
        """Returns what of `needs` is not there, so that the method cannot run on a dataset with no option given.

        The factory's `missing(dataset)` knows; without one, weights are missing that the method does not bring along,
        and all else that it needs is taken to be there.
        """
        find: Callable[[str], Iterable[str]] | None = getattr(self.factory, "missing", None)
        if find is not None:
            return list(find(dataset))
        # Folds count from 1, but the one of a cross-domain set is 0.
        is_shipped = any(self.shipped_checkpoint(dataset, fold) for fold in (0, 1))
        return [] if is_shipped or "checkpoint" not in self.parameters else [WEIGHTS]

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: whatever the factory's annotations say
        """Returns all options of the method: those given, converted to the annotated type, and the defaults.

        Raises:
            PluginError: An option is unknown, missing, or of another type.
        """
        from pydantic import TypeAdapter
        from pydantic import ValidationError

        from fsbench.records import first_problem

        parameters = self.parameters
        name = self.info.name
        for key in options:
            if key not in parameters:
                raise PluginError(f"Method {name!r} has no option {key!r}. {suggestion(key, parameters)}")
        resolved: dict[str, Any] = {}
        for key, parameter in parameters.items():
            if key not in options:
                if parameter.default is inspect.Parameter.empty:
                    raise PluginError(f"Method {name!r} needs the option {key!r}: give --option {key}=VALUE.")
                resolved[key] = parameter.default
                continue
            annotation = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
            try:
                resolved[key] = TypeAdapter(annotation).validate_python(options[key])
            except ValidationError as error:
                what = first_problem(error)
                raise PluginError(f"Method {name!r}: option {key}={options[key]!r}: {what}.") from error
        return resolved

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see `resolve`
        """Returns resolved options in which what can move is named by what it is now: the factory's `pin(options)`.

        Raises:
            PluginError: What the options name is not to be had.
        """
        pin: Callable[[Mapping[str, Any]], dict[str, Any]] | None = getattr(self.factory, "pin", None)
        return pin(options) if pin else dict(options)

    def create(self, options: Mapping[str, Any]) -> Method:  # Any: see `resolve`
        """Makes the method. Raises PluginError for wrong options, or for an object that is no method."""
        method = self.factory(**self.resolve(options))
        if not isinstance(method, Method):
            raise PluginError(f"{self.target} made a {type(method).__name__}, which lacks prepare, adapt or segment.")
        return method

    def shipped_checkpoint(self, dataset: str, fold: int) -> Path | None:
        """Returns the weights that the method brings along for a fold of a dataset; None if it brings none."""
        find: Callable[[str, int], Path | None] | None = getattr(self.factory, "shipped_checkpoint", None)
        return find(dataset, fold) if find else None

    def train(self, options: Mapping[str, Any], job: "TrainingJob") -> Path:  # Any: see `resolve`
        """Trains the method: its method `train(job)`.

        Returns:
            What `--checkpoint` takes.

        Raises:
            PluginError: The method cannot be trained.
        """
        train: Callable[[TrainingJob], Path] | None = getattr(self.create(options), "train", None)
        if train is None:
            raise PluginError(f"Method {self.info.name!r} cannot be trained.")
        return train(job)

    def convert(self, options: Mapping[str, Any], out: Path, *, half: bool = False) -> None:  # Any: see `resolve`
        """Writes the method's checkpoint in the method's own form, if it has one: its method `convert(out, half=half)`.

        Args:
            options: Of the method, resolved.
            out: Folder.
            half: In half precision, half the size.

        Raises:
            PluginError: The method has no form of its own.
        """
        convert = getattr(self.create(options), "convert", None)
        if convert is None:
            raise PluginError(f"Method {self.info.name!r} has no checkpoints of its own form.")
        convert(out, half=half)


def registered_methods(found: Iterable[EntryPoint] | None = None) -> dict[str, MethodFactory]:
    """Returns the registered methods by name, without importing any.

    Args:
        found: Entry points; None asks the installed packages.

    Raises:
        PluginError: Two packages register one name.
    """
    methods: dict[str, MethodFactory] = {}
    for point in sorted(entry_points(group=GROUP) if found is None else found):
        source = f"{point.dist.name} {point.dist.version}" if point.dist else ""
        method = MethodFactory(point.value, source)
        other = methods.setdefault(point.name, method)
        if other != method:
            raise PluginError(
                f"Method {point.name!r} is registered twice: by {other.distribution} ({other.target}) and by "
                f"{source} ({point.value}). Uninstall one, or name the one that you mean as module:attr."
            )
    return methods


def find_method(name: str) -> MethodFactory:
    """Returns the method of a registered name or of a `module:attr`. Raises PluginError if there is none."""
    if ":" in name:
        return MethodFactory(name, "")
    methods = registered_methods()
    if name not in methods:
        raise PluginError(f"There is no method {name!r}. {suggestion(name, methods)}")
    return methods[name]
