"""ReferFormer, and the parts that CMA shares with it."""

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
