"""What `fsbench list` prints of what can be named; `fsbench.splits.contents` has what a manifest holds."""

from collections.abc import Sequence
from typing import Any
from typing import Literal

from fsbench.datasets.catalogue import DATASETS
from fsbench.datasets.catalogue import fallback_spec
from fsbench.errors import PluginError
from fsbench.methods.refining import registered_trackers
from fsbench.methods.registry import MethodFactory
from fsbench.methods.registry import registered_methods
from fsbench.protocol import PROTOCOLS
from fsbench.registry import source
from fsbench.splits.binning import ATTRIBUTES
from fsbench.text import columns

__all__ = ["Kind", "listing", "method_records", "records"]

Kind = Literal["methods", "trackers", "datasets", "protocols", "metrics", "attributes"]

_HEADS = {
    "methods": ("method", "version", "what it is", "needs"),
    "trackers": ("tracker", "version", "what it is", "needs"),
    "datasets": ("dataset", "what it is", "shows", "from"),
    "protocols": ("protocol", "what it is", "signature"),
    "metrics": (
        "metric",
        "what it is",
        "unit",
        "better",
        "of a",
        "needs",
        "both empty",
        "truth empty",
        "prediction empty",
        "from",
    ),
    "attributes": ("attribute", "what it says of a sentence and its target", "slices"),
}


def records(what: Kind) -> list[dict[str, Any]]:  # Any: JSON
    """Returns the methods, trackers, datasets, protocols, metrics or attributes that can be named, as JSON has them."""
    if what == "datasets":
        return [
            {"name": spec.name, "summary": spec.title, "shows": spec.shows, "from": source(DATASETS.points[spec.name])}
            for spec in DATASETS.usable()
        ]
    if what == "protocols":
        return [{"name": p.name, "summary": p.about, "signature": p.signature} for p in PROTOCOLS.usable()]
    if what == "attributes":
        return _attribute_records()
    return method_records(what) if what in ("methods", "trackers") else _metric_records()


def method_records(what: Literal["methods", "trackers"] = "methods") -> list[dict[str, Any]]:  # Any: JSON
    """Returns every registered method or tracker: who it is, what it needs, and what of that is missing here.

    What a method needs may depend on the dataset; the embedded set counts.
    """
    dataset = fallback_spec().name
    made = registered_methods() if what == "methods" else registered_trackers()
    return [_method_record(name, method, dataset) for name, method in made.items()]


def _method_record(name: str, method: MethodFactory, dataset: str) -> dict[str, Any]:  # Any: JSON
    try:
        return {
            "name": name,
            "version": method.info.version,
            "summary": method.info.summary,
            "needs": list(method.needs),
            "missing": method.missing(dataset),
            "options": list(method.options),
            "from": method.distribution,
        }
    except PluginError as error:
        return {"name": name, "error": str(error), "from": method.distribution}


def _metric_records() -> list[dict[str, Any]]:  # Any: JSON
    from fsbench.scores.metrics import METRICS  # brings what scores, which methods are listed without

    return [
        {
            "name": metric.name,
            "summary": metric.long_name,
            "unit": metric.unit,
            "better": metric.is_better,
            "scope": metric.scope,
            "needs": list(metric.needs),
            **{name: _given(getattr(metric, name)) for name in ("both_empty", "truth_empty", "pred_empty")},
            "from": source(METRICS.points[metric.name]),
        }
        for metric in METRICS.usable()
    ]


def _attribute_records() -> list[dict[str, Any]]:  # Any: JSON
    from fsbench.splits.schema import ABOUT  # brings pyarrow

    return [
        {"name": each.name, "summary": ABOUT[f"attributes.{each.name}"], "slices": list(each.labels)}
        for each in ATTRIBUTES.values()
    ]


def _given(value: float | None) -> float | str | None:
    """Returns what a metric gives, for JSON: null where it does not apply."""
    from fsbench.metrics import or_none  # numpy, which methods are listed without

    return "varies" if value is None else or_none(value)


def listing(what: Kind, width: int | None = None) -> str:
    """Returns a table of the methods, trackers, datasets, protocols, metrics or attributes.

    Args:
        what: Which.
        width: Columns of the terminal; None for as many as it takes.
    """
    if what in ("methods", "trackers"):
        head = (*_HEADS[what], f"runs now on {fallback_spec().name}")
        return columns([head, *map(_method_row, records(what))], width)
    return columns([_HEADS[what], *(tuple(map(_shown, record.values())) for record in records(what))], width)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _method_row(record: dict[str, Any]) -> Sequence[str]:  # Any: JSON
    if "error" in record:
        return record["name"], "-", f"cannot be used: {record['error']}", "-", "no"
    missing = "; ".join(record["missing"])
    runs = f"no, without {missing}" if missing else "yes"
    return record["name"], record["version"], record["summary"], "; ".join(record["needs"]) or "-", runs
