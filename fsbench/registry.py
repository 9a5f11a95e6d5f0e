"""What installed packages offer under an entry-point group, by name; each is imported when it is asked for."""

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from functools import cached_property
from functools import lru_cache
from importlib.metadata import Distribution
from importlib.metadata import entry_points
from importlib.metadata import EntryPoint
from typing import Generic
from typing import TypeVar

from fsbench.errors import FsbenchError
from fsbench.errors import PluginError
from fsbench.errors import suggestion

__all__ = ["Registry", "source"]

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Registry(Generic[T]):
    """A dictionary with manners: names are known without importing anything, objects are checked when they come in."""

    def __init__(
        self,
        group: str,
        kind: type[T],
        *,
        unknown: type[FsbenchError] = PluginError,
        found: Iterable[EntryPoint] | None = None,
    ) -> None:
        """Says where to look; nothing is read yet.

        Args:
            group: The entry-point group, e.g. "fsbench.datasets".
            kind: What every object must be an instance of; it has a `name`.
            unknown: The error for a name that nobody registers.
            found: Entry points; None asks the installed packages.
        """
        self.group = group
        self._kind = kind
        self._unknown = unknown
        self._found = found
        self._loaded: dict[str, T] = {}

    @cached_property
    def points(self) -> dict[str, EntryPoint]:
        """The entry points by name, sorted. Raises PluginError if two packages register one name."""
        points: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=self.group) if self._found is None else self._found):
            other = points.setdefault(point.name, point)
            if (other.value, source(other)) != (point.value, source(point)):
                raise PluginError(
                    f"{self.group}: {point.name!r} is registered twice: by {source(other)} ({other.value}) and by "
                    f"{source(point)} ({point.value}). Uninstall one."
                )
        return points

    def get(self, name: str) -> T:
        """Returns the object of a name.

        Raises:
            FsbenchError: Nobody registers the name; of the registry's own kind.
            PluginError: It cannot be imported, is of another type, or is itself called otherwise.
        """
        if not self.points:
            raise PluginError(
                f"No package registers a {self.noun}. Install fsbench again (pip install -e . in a clone)."
            )
        if name not in self.points:
            raise self._unknown(f"There is no {self.noun} {name!r}. {suggestion(name, self.points)}")
        if name not in self._loaded:
            self._loaded[name] = self._load(self.points[name])
        return self._loaded[name]

    def usable(self) -> Iterator[T]:
        """Yields the objects in the order of their names; warns of those that cannot be used and goes on."""
        for name in self.points:
            try:
                yield self.get(name)
            except PluginError as error:
                logger.warning("Without the %s %r: %s", self.noun, name, error)

    @property
    def noun(self) -> str:
        """What one of them is called: the group's last word, without its s."""
        return self.group.rpartition(".")[2].removesuffix("s")

    def _load(self, point: EntryPoint) -> T:
        where = f"{point.value} (registered by {source(point) or 'nobody'} as {self.noun} {point.name!r})"
        try:
            loaded = point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(f"{where} cannot be imported: {error}. Install what it needs.") from error
        if not isinstance(loaded, self._kind):
            raise PluginError(f"{where} is a {type(loaded).__name__}, expected a {self._kind.__name__}.")
        if (own := getattr(loaded, "name", None)) != point.name:
            raise PluginError(f"{where} calls itself {own!r}. Give the entry point this name.")
        return loaded


def source(point: EntryPoint) -> str:
    """Returns name and version of the package that registers an entry point; empty if it belongs to none."""
    return _named(point.dist) if point.dist else ""


@lru_cache(maxsize=64)  # all points of a package share one, and reading it takes longest
def _named(package: Distribution) -> str:
    return f"{package.name} {package.version}"
