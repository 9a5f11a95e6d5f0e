"""Values that are computed once, as long as there is room for them."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from dataclasses import fields
from dataclasses import is_dataclass
from threading import Lock
from typing import Any
from typing import TypeVar

__all__ = ["Memo"]

T = TypeVar("T")


class Memo:
    """Keeps values by key until their arrays and tensors come to a limit; nothing that is kept is given up again.

    Several threads may ask at once: what two of them compute is kept once.

    Attributes:
        room: Bytes that are left.
    """

    def __init__(self, limit: int) -> None:
        self._values: dict[Hashable, Any] = {}  # Any: whatever a caller computes
        self._limit = self.room = limit
        self._changing = Lock()

    def __call__(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Returns the value that is kept under a key, or else `compute()`, which is kept if there is room for it."""
        if key in self._values:
            kept: T = self._values[key]
            return kept
        value = compute()
        size = _num_bytes(value)
        with self._changing:
            if size <= self.room and key not in self._values:
                self.room -= size
                self._values[key] = value
        return value

    def __reduce__(self) -> tuple[type["Memo"], tuple[int]]:
        """Another process begins with nothing kept: what is copied there would cost more than it saves."""
        return Memo, (self._limit,)


def _num_bytes(value: object) -> int:
    """Returns the size of the arrays and tensors in a value: in containers and in the fields of dataclasses, too."""
    if isinstance(size := getattr(value, "nbytes", 0), int) and size:
        return size
    if isinstance(value, Mapping):
        return sum(map(_num_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_num_bytes, value))
    if is_dataclass(value):
        return sum(_num_bytes(getattr(value, field.name)) for field in fields(value))
    return 0
