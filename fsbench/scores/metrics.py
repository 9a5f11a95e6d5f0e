"""The metrics that installed packages register, J and F among them."""

from fsbench.metrics.table import Metric
from fsbench.registry import Registry

__all__ = ["METRICS"]

METRICS = Registry("fsbench.metrics", Metric)
