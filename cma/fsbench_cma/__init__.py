"""The CMA model (Li et al., "Learning Cross-Modal Affinity for Referring Video Object Segmentation", ICCV 2023)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsbench_baselines.referformer.batch import Output
    from fsbench_baselines.referformer.batch import QueryBatch
    from fsbench_baselines.referformer.batch import SupportBatch
    from fsbench_baselines.referformer.config import ModelConfig
    from fsbench_cma.checkpoint import initialise_from_referformer
    from fsbench_cma.checkpoint import load_checkpoint
    from fsbench_cma.checkpoint import load_released
    from fsbench_cma.checkpoint import save_checkpoint
    from fsbench_cma.model import CMA

__all__ = [
    "CMA",
    "ModelConfig",
    "Output",
    "QueryBatch",
    "SupportBatch",
    "initialise_from_referformer",
    "load_checkpoint",
    "load_released",
    "save_checkpoint",
]

_HOMES = {
    "Output": "fsbench_baselines.referformer.batch",
    "QueryBatch": "fsbench_baselines.referformer.batch",
    "SupportBatch": "fsbench_baselines.referformer.batch",
    "ModelConfig": "fsbench_baselines.referformer.config",
    "initialise_from_referformer": "fsbench_cma.checkpoint",
    "load_checkpoint": "fsbench_cma.checkpoint",
    "load_released": "fsbench_cma.checkpoint",
    "save_checkpoint": "fsbench_cma.checkpoint",
    "CMA": "fsbench_cma.model",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
