"""A class or an instance that comes from Python instead of being named."""

import hashlib
import pickle
from typing import Any

from fsbench.errors import PluginError

__all__ = ["Handed"]


class Handed:
    """Something that is handed over as it is, and travels to other processes pickled.

    It is unpickled where it is used and not where it arrives, so that what cannot be is an error with a message instead
    of a process that dies. Two are equal if they are one object, or the same bytes.
    """

    def __init__(self, thing: Any) -> None:  # Any: a method or what makes one
        self._things = [thing]
        self._pickled: bytes | None = None

    @property
    def thing(self) -> Any:  # Any: see __init__
        """What was handed over. Raises PluginError if it cannot be unpickled in this process."""
        if not self._things:
            try:
                self._things.append(pickle.loads(self.pickled))
            except Exception as error:  # whatever its class does then
                raise PluginError(
                    f"The method cannot be rebuilt in another process ({error}). Define its class in a module, not in "
                    "a notebook or a session, or run with one worker."
                ) from error
        return self._things[0]

    @property
    def pickled(self) -> bytes:
        """It as bytes. Raises PluginError if it cannot be pickled."""
        if self._pickled is None:
            try:
                self._pickled = pickle.dumps(self._things[0])
            except Exception as error:  # whatever its class does then
                raise PluginError(
                    f"The {type(self._things[0]).__name__} cannot go to another process ({error}). Define its class at "
                    "the top of a module, or run with one worker."
                ) from error
        return self._pickled

    @property
    def digest(self) -> str:
        """SHA-256 of it as bytes. Raises PluginError if it cannot be pickled."""
        return hashlib.sha256(self.pickled).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handed):
            return NotImplemented
        if self._things and other._things and self._things[0] is other._things[0]:
            return True
        return self._pickled is not None and self._pickled == other._pickled

    def __hash__(self) -> int:
        return hash(Handed)  # a rare thing: no need to tell them apart

    def __getstate__(self) -> bytes:
        return self.pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._things, self._pickled = [], pickled
