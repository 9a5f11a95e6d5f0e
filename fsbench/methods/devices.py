"""Names of devices that are there."""

from importlib import import_module
from typing import Any

from fsbench.errors import PluginError

__all__ = ["real_device"]


def real_device(name: str) -> str:
    """Returns the device of a name: of "auto", "cuda" where there is one, else "mps", else "cpu".

    This imports torch, which only a method with a device does, too.

    Raises:
        PluginError: It is not there.
    """
    torch: Any = import_module("torch")  # Any: fsbench itself does without it
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
