"""ReferFormer, and the parts that CMA shares with it."""

from typing import TYPE_CHECKING

from fsbench.lazy import lazy_names

if TYPE_CHECKING:
    from fsbench_baselines.checkpoints import save_checkpoint
    from fsbench_baselines.referformer.batch import Output
    from fsbench_baselines.referformer.batch import QueryBatch
    from fsbench_baselines.referformer.batch import SupportBatch
    from fsbench_baselines.referformer.checkpoint import load_checkpoint
    from fsbench_baselines.referformer.checkpoint import load_released
    from fsbench_baselines.referformer.config import ModelConfig
    from fsbench_baselines.referformer.model import ReferFormer

__all__ = [
    "ModelConfig",
    "Output",
    "QueryBatch",
    "ReferFormer",
    "SupportBatch",
    "load_checkpoint",
    "load_released",
    "save_checkpoint",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "fsbench_baselines.checkpoints": ("save_checkpoint",),
        "fsbench_baselines.referformer.batch": ("Output", "QueryBatch", "SupportBatch"),
        "fsbench_baselines.referformer.checkpoint": ("load_checkpoint", "load_released"),
        "fsbench_baselines.referformer.config": ("ModelConfig",),
        "fsbench_baselines.referformer.model": ("ReferFormer",),
    },
)
