"""What `fsbench list` prints."""

from fsbench.datasets.catalogue import DATASETS
from fsbench.datasets.catalogue import fallback_spec
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import PluginError
from fsbench.methods.registry import MethodFactory
from fsbench.methods.registry import registered_methods
from fsbench.metrics.table import Metric
from fsbench.protocol import PROTOCOLS
from fsbench.registry import source
from fsbench.scores.metrics import METRICS
from fsbench.text import columns

__all__ = ["listing", "method_records"]


def listing(what: str) -> str:
    """Returns a table of the methods, datasets, protocols or metrics."""
    if what == "datasets":
        return columns([("dataset", "what it is", "shows", "from"), *map(_dataset_row, DATASETS.usable())])
    if what == "protocols":
        named = ((p.name, p.about, p.signature) for p in PROTOCOLS.usable())
        return columns([("protocol", "what it is", "signature"), *named])
    if what == "metrics":
        about = (
            "metric",
            "what it is",
            "unit",
            "better",
            "of a",
            "both empty",
            "truth empty",
            "prediction empty",
            "from",
        )
        return columns([about, *map(_metric_row, METRICS.usable())])
    embedded = fallback_spec().name
    rows = ((name, *_describe(method, embedded), method.distribution) for name, method in registered_methods().items())
    head = ("method", "version", "what it is", "needs", f"runs now on {embedded}", "options", "from")
    return columns([head, *rows])


def method_records() -> list[dict[str, str]]:
    """Returns name, version, summary, needs and origin of every registered method, as text."""
    records = []
    for name, method in registered_methods().items():
        version, summary, needs, *_ = _describe(method, fallback_spec().name)
        records.append(
            {"name": name, "version": version, "summary": summary, "needs": needs, "from": method.distribution}
        )
    return records


def _describe(method: MethodFactory, dataset: str) -> tuple[str, ...]:
    try:
        missing = method.missing(dataset)
        return (
            method.info.version,
            method.info.summary,
            "; ".join(method.needs) or "-",
            f"no, without {'; '.join(missing)}" if missing else "yes",
            " ".join(method.parameters) or "-",
        )
    except PluginError as error:
        return "-", f"cannot be used: {error}", "-", "no", "-"


def _dataset_row(spec: DatasetSpec) -> tuple[str, ...]:
    return spec.name, spec.title, spec.shows, source(DATASETS.points[spec.name])


def _metric_row(metric: Metric) -> tuple[str, ...]:
    empty = (f"{value:g}" for value in (metric.both_empty, metric.truth_empty, metric.pred_empty))
    what = (metric.name, metric.long_name, metric.unit, metric.is_better, metric.scope)
    return *what, *empty, source(METRICS.points[metric.name])
