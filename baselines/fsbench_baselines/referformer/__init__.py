"""ReferFormer, and the parts that CMA shares with it."""

from importlib import import_module
from typing import TYPE_CHECKING

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

_HOMES = {
    "save_checkpoint": "fsbench_baselines.checkpoints",
    "Output": "fsbench_baselines.referformer.batch",
    "QueryBatch": "fsbench_baselines.referformer.batch",
    "SupportBatch": "fsbench_baselines.referformer.batch",
    "load_checkpoint": "fsbench_baselines.referformer.checkpoint",
    "load_released": "fsbench_baselines.referformer.checkpoint",
    "ModelConfig": "fsbench_baselines.referformer.config",
    "ReferFormer": "fsbench_baselines.referformer.model",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
