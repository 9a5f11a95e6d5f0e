"""The CMA model (Li et al., "Learning Cross-Modal Affinity for Referring Video Object Segmentation", ICCV 2023)."""

from typing import TYPE_CHECKING

from fsbench.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "fsbench_baselines.referformer.batch": ("Output", "QueryBatch", "SupportBatch"),
        "fsbench_baselines.referformer.config": ("ModelConfig",),
        "fsbench_cma.checkpoint": (
            "initialise_from_referformer",
            "load_checkpoint",
            "load_released",
            "save_checkpoint",
        ),
        "fsbench_cma.model": ("CMA",),
    },
)
