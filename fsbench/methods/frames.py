"""The frames of a video as a sequence that reads what is indexed."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

__all__ = ["Frames"]

_Bytes = npt.NDArray[np.uint8]


class Frames:
    """The frames of a video, uint8 [T, H, W, 3], RGB: read-only, and read where they are indexed.

    An index means what it means to an array, and what comes of it is an array of the caller's own: `frames[t]` is
    [H, W, 3], `frames[2:5]` and `frames[[0, 4]]` are [t, H, W, 3]. Only frames that the first index names are read:
    `frames[:]`, `np.asarray(frames)` and an index that begins with `...` read all.

    Attributes:
        shape: (T, H, W, 3).
        ndim: 4.
        dtype: uint8.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(self, read: Callable[[int], _Bytes], shape: tuple[int, int, int, int]) -> None:
        """Reads nothing yet.

        Args:
            read: Gives a frame by its number, uint8 [H, W, 3].
            shape: (T, H, W, 3).
        """
        self._read = read
        self.shape = shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[_Bytes]:
        return (self[t] for t in range(len(self)))

    def __getitem__(self, index: Any) -> _Bytes:  # Any: whatever numpy takes
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        is_known = isinstance(first, slice | SupportsIndex | list) and not isinstance(first, bool)
        if not is_known or (not isinstance(first, slice) and np.ndim(first) > 1):
            whole: _Bytes = np.asarray(self)[index]
            return whole
        places = np.arange(len(self))[first]
        found = np.empty((places.size, *self.shape[1:]), np.uint8)
        for i, t in enumerate(places.ravel().tolist()):
            found[i] = self._read(t)
        within: Any = slice(None)  # Any: whatever numpy takes
        if places.ndim == 0:
            within = 0
        elif rest and not isinstance(first, slice):
            within = np.arange(len(found))  # by the rules of numpy for several arrays in an index
        part: _Bytes = found[(within, *rest)]
        return part

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("Frames are read, not held: they cannot be had without a copy.")
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)
