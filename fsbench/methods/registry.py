"""How methods are found: by entry points of installed packages, as `module:attr` or `FILE.py:Class`, or as they are."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from functools import cached_property
from importlib.metadata import entry_points
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from fsbench.errors import FsbenchError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.files import whole_folder
from fsbench.methods.checking import check_method
from fsbench.methods.checking import check_names
from fsbench.methods.contract import Convertible
from fsbench.methods.contract import Fold
from fsbench.methods.contract import HasNeeds
from fsbench.methods.contract import IgnoresSupport
from fsbench.methods.contract import KnowsMissing
from fsbench.methods.contract import KnowsWeights
from fsbench.methods.contract import LearnsFromDraws
from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import ORACLE
from fsbench.methods.contract import Pins
from fsbench.methods.contract import ReadsTruth
from fsbench.methods.contract import RecallsMasks
from fsbench.methods.contract import ShipsCheckpoint
from fsbench.methods.contract import Shrinks
from fsbench.methods.contract import Trainable
from fsbench.methods.contract import Weights
from fsbench.methods.contract import WorksInParts
from fsbench.methods.devices import real_device
from fsbench.methods.handed import Handed
from fsbench.methods.loading import absolute
from fsbench.methods.loading import failure
from fsbench.methods.loading import load
from fsbench.methods.loading import module_name
from fsbench.methods.options import Option
from fsbench.methods.options import read_options
from fsbench.methods.options import REQUIRED
from fsbench.methods.sources import source_digest
from fsbench.registry import source

if TYPE_CHECKING:
    from fsbench.training.job import TrainingJob

__all__ = ["GROUP", "WEIGHTS", "MethodFactory", "find_method", "registered", "registered_methods"]

GROUP = "fsbench.methods"
WEIGHTS = "weights: --checkpoint"  # what a method needs that takes a checkpoint and states no needs of its own


@dataclass(frozen=True)
class MethodFactory:
    """A method that can be made, not made yet. It is small, and means the same in any process and working folder.

    Attributes:
        target: `module:attr` or `FILE.py:Class` of the factory; of what is handed over, its class.
        distribution: Name and version of the package that registers it; empty for one named by the user.
        name: The name that it is registered under; empty for one named by the user.
        folder: Where its module is looked for first; empty for one that is installed.
        handed: A class, or a method itself, that comes from Python.
    """

    target: str
    distribution: str
    name: str = ""
    folder: str = ""
    handed: Handed | None = None

    def __getstate__(self) -> dict[str, Any]:  # Any: fields
        """Leaves out what was imported: another process does that by itself."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @cached_property
    def factory(self) -> Any:  # Any: a callable that makes methods, with whatever the contract's optional half has
        """The factory itself, or the method if one was handed over. Raises PluginError if it cannot be imported."""
        try:
            made: Any = self.handed.thing if self.handed else load(self.target, self.folder)
        except PluginError as error:
            raise PluginError(f"{self.who}: {error}") from error.__cause__
        if not (callable(made) or isinstance(getattr(made, "info", None), MethodInfo)):
            raise PluginError(f"{self.who} is a {type(made).__name__}. See docs/guides/my-method.md.")
        check_names(made, self.who)
        return made

    @property
    def who(self) -> str:
        """The method in messages."""
        source = f" (registered by {self.distribution})" if self.distribution else ""
        return f"Method {self.name or self.target!r}{source}"

    @property
    def is_made(self) -> bool:
        """Whether it is a method already, which takes no options any more."""
        return self.handed is not None and not isinstance(self.factory, type) and isinstance(self.factory, Method)

    @property
    def info(self) -> MethodInfo:
        """What the factory says of its method.

        Raises:
            PluginError: It says nothing, or another name than the one that it is registered under.
        """
        info = getattr(self.factory, "info", None)
        if not isinstance(info, MethodInfo):
            raise PluginError(f"{self.who} has no attribute 'info' of type MethodInfo. See docs/guides/my-method.md.")
        if self.name and info.name != self.name:
            raise PluginError(f"{self.who} calls itself {info.name!r} in its info. Give both the same name.")
        return info

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """The method's options by name: the factory's keyword parameters. Raises PluginError if they cannot be read."""
        try:
            return {} if self.is_made else read_options(self.factory)
        except PluginError as error:
            raise PluginError(f"{self.who}: {error}") from error.__cause__

    @cached_property
    def source_sha256(self) -> str:
        """What its code is, by content: see `source_digest`. Raises PluginError if it cannot be imported."""
        return source_digest(self.factory, "" if self.handed else module_name(self.target))

    @property
    def ignores_support(self) -> bool:
        """Whether the method does without support sets, as its factory says."""
        return isinstance(self.factory, IgnoresSupport) and self.factory.ignores_support

    @property
    def needs(self) -> tuple[str, ...]:
        """What the method cannot do without: the factory's `needs`, or weights and options without a default."""
        if isinstance(self.factory, HasNeeds):
            return tuple(self.factory.needs)
        return ((WEIGHTS,) if "checkpoint" in self.options else ()) + self._must_be_given

    @property
    def works_in_parts(self) -> bool:
        """Whether the method needs no video as a whole, as the factory says; see the contract."""
        return isinstance(self.factory, WorksInParts) and bool(self.factory.works_in_parts)

    @property
    def recalls_masks(self) -> bool:
        """Whether the method has masks that were made elsewhere, as the factory says; see the contract."""
        return isinstance(self.factory, RecallsMasks) and bool(self.factory.recalls_masks)

    @property
    def reads_truth(self) -> bool:
        """Whether the method is an oracle, as the factory says; PluginError if its name does not say so, or says it."""
        says = isinstance(self.factory, ReadsTruth) and bool(self.factory.reads_truth)
        if says != self.info.name.startswith(ORACLE):
            raise PluginError(f"{self.who}: the name of what reads the truth begins with {ORACLE!r}, and no other's.")
        return says

    @property
    def learns_from_draws(self) -> bool:
        """Whether the method is adapted to all classes of a draw at once, as the factory says; see the contract."""
        return isinstance(self.factory, LearnsFromDraws) and bool(self.factory.learns_from_draws)

    def missing(self, dataset: str) -> list[str]:
        """Returns what of `needs` is not there, so that the method cannot run on a dataset with no option given.

        The factory's `missing(dataset)` knows; without one, weights are missing that the method does not bring along,
        and options without a default; all else that it needs is taken to be there.
        """
        if isinstance(self.factory, KnowsMissing):
            return list(self.factory.missing(dataset))
        # Folds count from 1, but the one of a cross-domain set is 0.
        is_shipped = any(self.shipped_checkpoint(dataset, fold) for fold in (0, 1))
        weights = [] if is_shipped or "checkpoint" not in self.options else [WEIGHTS]
        return [*weights, *self._must_be_given]

    @property
    def _must_be_given(self) -> tuple[str, ...]:
        named = (name for name, option in self.options.items() if option.is_required and name != "checkpoint")
        return tuple(f"--option {name}=VALUE" for name in named)

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: whatever the factory's annotations say
        """Returns all options of the method: those given, converted to the annotated type, and the defaults.

        Raises:
            PluginError: An option is unknown, missing, or of another type.
        """
        name = self.info.name
        if self.is_made:
            if options:
                raise PluginError(f"Method {name!r} is made already: give {', '.join(options)} to its constructor.")
            return self._state()
        for key in options:
            if key not in self.options:
                raise PluginError(f"Method {name!r} has no option {key!r}. {suggestion(key, self.options)}")
        resolved: dict[str, Any] = {}
        for key, option in self.options.items():
            if key not in options:
                if option.default is REQUIRED:
                    raise PluginError(f"Method {name!r} needs the option {key!r}: give --option {key}=VALUE.")
                resolved[key] = option.default
                continue
            try:
                resolved[key] = option.read(options[key])
            except PluginError as error:
                raise PluginError(f"Method {name!r}: {error}") from error.__cause__
        return resolved

    def _state(self) -> dict[str, Any]:  # Any: see `resolve`
        """Returns what tells a method that was handed over from others of its class."""
        assert self.handed is not None, "only such a method is made already"
        own = read_options(type(self.factory))
        known = {key: getattr(self.factory, key) for key in own if hasattr(self.factory, key)}
        if len(known) == len(own) and all(
            isinstance(v, bool | int | float | str | Path | None) for v in known.values()
        ):
            return known
        return {"state": self.handed.digest}

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see `resolve`
        """Returns resolved options in which what can move is named by what it is now: the factory's `pin(options)`.

        Raises:
            PluginError: What the options name is not to be had.
        """
        return self.factory.pin(options) if isinstance(self.factory, Pins) and not self.is_made else dict(options)

    def smaller_options(self, options: Mapping[str, Any]) -> dict[str, Any] | None:  # Any: see `resolve`
        """Returns resolved options that take less memory, to the same masks; None if the factory knows of none."""
        if self.is_made or not isinstance(self.factory, Shrinks):
            return None
        smaller = self.factory.smaller_options(options)
        return None if smaller is None else dict(smaller)

    def create(self, options: Mapping[str, Any]) -> Method:  # Any: see `resolve`
        """Makes the method, in the process and on the machine where it is to work.

        Raises:
            PluginError: Options are wrong, a device is not there, the constructor fails, or what it makes is no method.
        """
        made: Method = self.make(options)
        check_method(made, self.who)
        return made

    def make(self, options: Mapping[str, Any]) -> Any:  # Any: see `resolve`; whatever the factory makes
        """Makes what the factory makes, unchecked; see `create`."""
        if self.is_made:
            return self.factory
        given = self.resolve(options)
        if isinstance(given.get("device"), str):
            given["device"] = real_device(given["device"])
        try:
            return self.factory(**given)
        except FsbenchError:
            raise
        except (Exception, SystemExit) as error:  # a method's constructor may do whatever it likes
            raise PluginError(f"{self.who} cannot be made: {failure(error)}.") from error

    def shipped_checkpoint(self, dataset: str, fold: int) -> Path | None:
        """Returns the weights that the method brings along for a fold of a dataset; None if it brings none."""
        if self.is_made or not isinstance(self.factory, ShipsCheckpoint):
            return None
        return self.factory.shipped_checkpoint(dataset, fold)

    def brought_checkpoint(self, fold: Fold) -> Path | None:
        """Returns the weights that the method brings along for a fold; None if it brings none.

        Raises:
            PluginError: They are trained on classes of this dataset that are no base classes of the fold: on another
                version of it, whose folds hold other classes.
        """
        found = self.shipped_checkpoint(fold.dataset, fold.index)
        weights = None if found is None else self.describe_checkpoint(found)
        training = None if weights is None else weights.training
        if training is None or training.dataset != fold.dataset or set(training.classes).issubset(fold.base):
            return found
        version = training.manifest_version
        raise PluginError(
            f"{self.who} brings weights along that are trained on {fold.dataset} {version}, and the classes of these "
            f"episodes are others. Give --checkpoint, or take the version of {fold.dataset} that they are for."
        )

    def describe_checkpoint(self, checkpoint: Path) -> Weights | None:
        """Returns what a checkpoint says of itself; None if the factory cannot tell, or it says nothing."""
        return self.factory.describe_checkpoint(checkpoint) if isinstance(self.factory, KnowsWeights) else None

    def train(self, options: Mapping[str, Any], job: "TrainingJob") -> Path:  # Any: see `resolve`
        """Trains the method: its method `train(job)`.

        Returns:
            What `--checkpoint` takes.

        Raises:
            PluginError: The method cannot be trained.
        """
        method = self.create(options)
        if not isinstance(method, Trainable):
            raise PluginError(f"Method {self.info.name!r} cannot be trained.")
        return method.train(job)

    def convert(self, options: Mapping[str, Any], out: Path, *, half: bool = False) -> None:  # Any: see `resolve`
        """Writes the method's checkpoint in the method's own form, if it has one: its method `convert(out, half=half)`.

        Args:
            options: Of the method, resolved.
            out: Folder, empty or not there yet; it is whole when it appears.
            half: In half precision, half the size.

        Raises:
            PluginError: The method has no form of its own.
            RunError: The folder is, or lies in, the checkpoint, or holds something.
        """
        checkpoint, out = options.get("checkpoint"), out.resolve()
        if checkpoint is not None and Path(checkpoint).resolve() in (out, *out.parents):
            raise RunError(f"{out}: is the checkpoint that is to be converted, or lies in it. Give another folder.")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RunError(f"{out}: is there already. Give a folder that is empty or not there.")
        method = self.create(options)
        if not isinstance(method, Convertible):
            raise PluginError(f"Method {self.info.name!r} has no checkpoints of its own form.")
        with whole_folder(out) as fresh:
            method.convert(fresh, half=half)


def registered_methods(found: Iterable[EntryPoint] | None = None) -> dict[str, MethodFactory]:
    """Returns the registered methods by name, without importing any.

    Args:
        found: Entry points; None asks the installed packages.

    Raises:
        PluginError: Two packages register one name.
    """
    return registered(GROUP, found)


def registered(group: str, found: Iterable[EntryPoint] | None = None) -> dict[str, MethodFactory]:
    """Returns what is registered under a group and made as methods are; see `registered_methods`."""
    methods: dict[str, MethodFactory] = {}
    for point in sorted(entry_points(group=group) if found is None else found):
        method = MethodFactory(point.value, source(point), point.name)
        other = methods.setdefault(point.name, method)
        if other != method:
            raise PluginError(
                f"{group}: {point.name!r} is registered twice: by {other.distribution} ({other.target}) and by "
                f"{method.distribution} ({point.value}). Uninstall one, or name the one that you mean as module:attr."
            )
    return methods


def find_method(method: str | type | Method) -> MethodFactory:
    """Returns the method that is meant.

    Args:
        method: A registered name; `module:attr`, where the module may be in the working folder; `FILE.py:Class`; or,
            from Python, a class, or a method itself, which is used as it is (in other processes as a pickled copy).

    Raises:
        PluginError: There is none of this name.
    """
    if not isinstance(method, str):
        kind = method if isinstance(method, type) else type(method)
        return MethodFactory(f"{kind.__module__}:{kind.__qualname__}", "", handed=Handed(method))
    if ":" in method:
        return MethodFactory(absolute(method), "", folder=str(Path.cwd()))
    methods = registered_methods()
    if method not in methods:
        at = f" A file's method is {method}:CLASS." if method.endswith(".py") else ""
        raise PluginError(f"There is no method {method!r}.{at} {suggestion(method, methods)}")
    return methods[method]
