"""Devices: which are asked for, which of them a worker gets, and what one has no memory for."""

import gc
import re
import sys
from contextlib import AbstractContextManager
from contextlib import nullcontext
from importlib import import_module
from typing import Any
from typing import NamedTuple

from fsbench.errors import PluginError

__all__ = ["Devices", "is_out_of_memory", "on_device", "peak_device_bytes", "read_devices", "real_device", "release"]

_NO_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""What torch's errors say, of whatever class, where the memory of an accelerator or of the processor does not do."""


class Devices(NamedTuple):
    """Devices of one kind, which workers are dealt out over.

    Attributes:
        kind: "auto", "cpu", "cuda", "mps", or another name of torch's. Masks may depend on it.
        numbers: Which devices of the kind; empty for all. Masks do not depend on them.
    """

    kind: str
    numbers: tuple[int, ...] = ()

    def of_worker(self, worker: int) -> str:
        """Returns the device of a worker, given its number, by turns: "cuda:1", say, or the kind where there is one.

        This imports torch, which only a method with a device does, too.

        Raises:
            PluginError: The kind of device is not there.
        """
        kind = real_device(self.kind)
        count = _torch().cuda.device_count() if kind == "cuda" else 1
        numbers = self.numbers or (tuple(range(count)) if count > 1 else ())
        return f"{kind}:{numbers[worker % len(numbers)]}" if numbers else kind


def read_devices(text: str) -> Devices:
    """Reads "cuda", "cuda:1" or "cuda:0,2,3". Raises PluginError if it is of no such form."""
    kind, colon, listed = text.partition(":")
    numbers = tuple(map(int, listed.split(","))) if re.fullmatch(r"\d{1,4}(,\d{1,4})*", listed, re.ASCII) else ()
    if not kind or (colon and not numbers) or len(set(numbers)) < len(numbers) or (numbers and kind == "auto"):
        raise PluginError(
            f"{text!r} names no devices. Pass --device auto, cpu, cuda or mps, or some of a kind: --device cuda:0,1."
        )
    return Devices(kind, numbers)


def real_device(name: str) -> str:
    """Returns the device of a name: of "auto", "cuda" where there is one, else "mps", else "cpu".

    This imports torch, which only a method with a device does, too.

    Raises:
        PluginError: It is not there.
    """
    torch = _torch()
    there = [kind for kind, found in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if found.is_available()]
    there.append("cpu")
    if name == "auto":
        return there[0]
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        others = " or ".join(f"--device {kind}" for kind in there)
        raise PluginError(f"There is no device {name!r} on this machine. Pass {others}, or --device auto.") from error
    return name


def on_device(name: str | None) -> AbstractContextManager[object]:
    """Makes a device of several the one that code means which names none ("cuda"); None and others change nothing."""
    return _torch().cuda.device(name) if name and name.startswith("cuda:") else nullcontext()


def peak_device_bytes(name: str | None) -> int | None:
    """Returns the most memory that this process's tensors took on a device so far; None where torch does not tell."""
    return int(_torch().cuda.max_memory_allocated(name)) if name and name.startswith("cuda") else None


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether an error of a method says that memory does not do, an accelerator's or the processor's."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)
    )


def release() -> None:
    """Gives back the memory, an accelerator's too, of what nothing refers to any more."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _torch() -> Any:  # Any: fsbench itself does without it
    return import_module("torch")
