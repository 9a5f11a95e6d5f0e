"""DANet: few-shot video object segmentation by a domain agent, without text."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsbench_baselines.danet.checkpoint import load_checkpoint
    from fsbench_baselines.danet.checkpoint import load_released
    from fsbench_baselines.danet.checkpoint import save_checkpoint
    from fsbench_baselines.danet.config import DANetConfig
    from fsbench_baselines.danet.model import DANet

__all__ = ["DANet", "DANetConfig", "load_checkpoint", "load_released", "save_checkpoint"]

_HOMES = {
    "load_checkpoint": "fsbench_baselines.danet.checkpoint",
    "load_released": "fsbench_baselines.danet.checkpoint",
    "save_checkpoint": "fsbench_baselines.danet.checkpoint",
    "DANetConfig": "fsbench_baselines.danet.config",
    "DANet": "fsbench_baselines.danet.model",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
