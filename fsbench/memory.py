"""How memory is taken and given back."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keep_freed_memory", "peak_bytes", "without_collector"]

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kibibytes on Linux
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def keep_freed_memory(size: int) -> None:
    """Lets this process keep memory that it frees, for what it takes next; does nothing but on Linux with glibc.

    What is given back and taken again for each frame costs a page fault for every 4 KiB, half of the time of a frame.

    Args:
        size: How much each of malloc's arenas may keep, in bytes.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, size)
        mallopt(_MMAP_THRESHOLD, min(size, 32 << 20))  # the most that there can be


def peak_bytes() -> int:
    """Returns this process's largest resident memory so far."""
    import resource  # which Unix alone has, and only runs ask

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


@contextmanager
def without_collector() -> Iterator[None]:
    """Makes records without looking for cycles of them, which takes a third of the time: they have none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()  # both together make what there is old; else it would all be looked through at once
                gc.unfreeze()
            gc.enable()
