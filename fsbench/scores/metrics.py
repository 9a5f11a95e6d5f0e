"""The metrics that installed packages register, J and F among them."""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from fsbench.metrics.table import Metric
from fsbench.protocol import label_of
from fsbench.protocol import reported_metrics
from fsbench.protocol import reported_names
from fsbench.registry import Registry

__all__ = [
    "METRICS",
    "Column",
    "always_applies",
    "columns_of",
    "count_columns",
    "count_name",
    "installed_metrics",
    "is_count",
    "is_share",
    "metrics_of_sums",
    "unbounded",
]

METRICS = Registry("fsbench.metrics", Metric)

_COUNT = "count:"


def installed_metrics(names: Iterable[str]) -> dict[str, Metric | None]:
    """Returns metrics by what they stand as in tables; None for one whose package is not installed here."""
    return {label_of(name): METRICS.get(name) if name in METRICS.points else None for name in names}


def metrics_of_sums(names: Iterable[str]) -> tuple[Metric, ...]:
    """Returns those metrics that are computed from sums over episodes; see `Metric.of_sums`."""
    return tuple(metric for metric in installed_metrics(names).values() if metric is not None and metric.of_sums)


def count_columns(names: Iterable[str], present: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns the columns that tables of episodes have for the sake of `metrics_of_sums`: the counts that these need.

    Args:
        names: Of the metrics that are reported.
        present: Columns of a table that was read. Its counts are among those returned, whether or not the package of
            the metric that they are for is installed here.
    """
    needed = [count_name(need) for metric in metrics_of_sums(names) for need in metric.needs]
    return tuple(dict.fromkeys([*needed, *filter(is_count, present)]))


def count_name(need: str) -> str:
    """Returns the column of a count, such as that of "union"."""
    return _COUNT + need


def is_count(column: str) -> bool:
    """Tells whether a column of a table of episodes is a count, and no metric."""
    return column.startswith(_COUNT)


def is_share(metric: Metric | None) -> bool:
    """Returns whether values of a metric are shares of 1, which are shown in per cent; if it is not known, yes."""
    return metric is None or metric.unit == "share"


def always_applies(metric: Metric | None) -> bool:
    """Returns whether a metric has a value in every frame; if it is not known, no."""
    if metric is None or metric.scope != "frame":
        return False
    return not any(
        value is not None and math.isnan(value) for value in (metric.both_empty, metric.truth_empty, metric.pred_empty)
    )


@dataclass(frozen=True)
class Column:
    """What stands under a name in tables.

    Attributes:
        name: The metric's, or the headline's.
        title: The name, with the unit where that is not per cent.
        about: In words.
        scale: What a value is multiplied by to be shown: 100 for shares, which are shown in per cent, otherwise 1.
        is_better: Which values are.
    """

    name: str
    title: str
    about: str
    scale: int = 100
    is_better: Literal["higher", "lower"] = "higher"


@lru_cache(maxsize=64)
def columns_of(protocol: str) -> Mapping[str, Column]:
    """Returns what stands under each of `reported_names` of a protocol, given by its signature.

    Of a metric whose package is not installed here no more is known than its name; it is shown as a share.
    """
    metrics = installed_metrics(reported_metrics(protocol))
    found = {}
    for name in reported_names(protocol):
        metric = metrics.get(name)
        if metric is not None:
            title, scale = (name, 100) if is_share(metric) else (f"{name} ({metric.unit})", 1)
            about = metric.long_name if metric.is_better == "higher" else f"{metric.long_name}; lower is better"
            found[name] = Column(name, title, _capital(about), scale, metric.is_better)
        elif name in metrics:
            found[name] = Column(name, name, name)
        else:
            parts = [found[part].about.lower() if part in found else part for part in name.split("&")]
            found[name] = Column(name, name, f"Mean of {' and '.join(parts)}")
    return MappingProxyType(found)


def unbounded(protocol: str) -> tuple[str, ...]:
    """Returns those of `reported_names` of a protocol, given by its signature, that are no shares of 1."""
    return tuple(column.name for column in columns_of(protocol).values() if column.scale != 100)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
