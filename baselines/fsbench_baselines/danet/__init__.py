"""DANet: few-shot video object segmentation by a domain agent, without text."""

from typing import TYPE_CHECKING

from fsbench.lazy import lazy_names

if TYPE_CHECKING:
    from fsbench_baselines.danet.checkpoint import load_checkpoint
    from fsbench_baselines.danet.checkpoint import load_released
    from fsbench_baselines.danet.checkpoint import save_checkpoint
    from fsbench_baselines.danet.config import DANetConfig
    from fsbench_baselines.danet.model import DANet

__all__ = ["DANet", "DANetConfig", "load_checkpoint", "load_released", "save_checkpoint"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "fsbench_baselines.danet.checkpoint": ("load_checkpoint", "load_released", "save_checkpoint"),
        "fsbench_baselines.danet.config": ("DANetConfig",),
        "fsbench_baselines.danet.model": ("DANet",),
    },
)
