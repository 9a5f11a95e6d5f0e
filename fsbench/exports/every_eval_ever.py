"""A leaderboard entry, or a method's runs, as a record of Every Eval Ever, the shared store of evaluation results."""

import hashlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from fsbench.exports.writing import write_out
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import intervals_of
from fsbench.protocol import reported_metrics
from fsbench.scores.metrics import columns_of
from fsbench.scores.metrics import installed_metrics
from fsbench.scores.metrics import is_share
from fsbench.scores.results import Interval
from fsbench.scores.results import Summary

__all__ = ["SCHEMA_VERSION", "export_every_eval_ever", "record"]

SCHEMA_VERSION = "0.3.0"
"""The version of their schema that records are written by."""

_UNKNOWN = "unknown"

_Json = dict[str, Any]  # Any: JSON


def export_every_eval_ever(source: Path, out: Path) -> str:
    """Writes `data/<dataset>/<package>/<method>/<uuid>.json`, where their store wants it.

    The same entry gives the same file name, whenever it is written.

    Args:
        source: An entry's JSON, or the folder of a method's finished runs.
        out: The folder to make, or a zip.

    Returns:
        What was written, in a line.

    Raises:
        RunError: It holds no such thing, or `out` is there already.
    """
    entry = as_entry(source)
    content = record(entry, int(time.time()))
    name = UUID(bytes=hashlib.sha256(entry.model_dump_json().encode("utf-8")).digest()[:16], version=4)
    path = f"data/{entry.dataset}/{content['model_info']['id']}/{name}.json"
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_out(out, [(path, text.encode("utf-8"))])
    return f"{out / path}: {entry.title} on {entry.dataset}, {len(content['evaluation_results'])} results"


def record(entry: Entry, now: int) -> _Json:
    """Returns an entry's record: each value of its mean, its folds and its classes is a result.

    Values that do not apply are left out: a result is a number. So is what an entry does not say, such as whether who
    evaluated the method also made it.

    Args:
        entry: The entry.
        now: Seconds since 1970, as the time at which the record was made.
    """
    # What registers a method is the only party that an entry names.
    developer = entry.distribution.partition(" ")[0] or _UNKNOWN
    model = f"{developer}/{'.'.join(filter(None, (entry.method.name, entry.variant)))}"
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{entry.dataset}/{model}/{now}",
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "fsbench",
            "source_type": "evaluation_run",
            "source_organization_name": _UNKNOWN,
            "evaluator_relationship": "other",
        },
        "eval_library": {
            "name": "fsbench",
            "version": entry.packages.get("fsbench", _UNKNOWN),
            "additional_details": _texts({"protocol": entry.protocol, "commit": entry.commit, **entry.packages}),
        },
        "model_info": {
            "name": entry.title,
            "id": model,
            "developer": developer,
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": _UNKNOWN,
                **_texts(
                    {
                        "version": entry.method.version,
                        "summary": entry.method.summary,
                        "paper": entry.method.paper,
                        "licence": entry.method.licence,
                        "trained_on": entry.training,
                        "tuned_on": ", ".join(entry.method.tuned_on),
                        "links": " ".join(entry.links),
                        "options": json.dumps(entry.options, sort_keys=True) if entry.options else None,
                    }
                ),
            },
        },
        "evaluation_results": list(_results(entry)),
    }


def _texts(details: dict[str, str | None]) -> dict[str, str]:
    """Their details are texts; what is not known is left out."""
    return {name: value for name, value in details.items() if value}


def _results(entry: Entry) -> Iterator[_Json]:
    known = intervals_of(entry)
    if entry.mean is not None:
        yield from _values(entry, "mean", "mean over folds", entry.mean, known.mean if known else None)
    for fold in entry.folds:
        interval = known.folds.get(fold.fold) if known else None
        counted = {"episodes": str(fold.episodes), "failed_episodes": str(fold.failed), "frames": str(fold.frames)}
        yield from _values(entry, f"fold-{fold.fold}", f"fold {fold.fold}", fold.score, interval, counted)
        for each in fold.classes:
            interval = known.classes.get(each.name) if known else None
            yield from _values(entry, f"class/{each.name}", f"class {each.name}", each.score, interval)


def _values(
    entry: Entry,
    place: str,
    words: str,
    score: Summary,
    interval: Interval | None,
    details: dict[str, str] | None = None,
) -> Iterator[_Json]:
    """Yields a result for each value that applies."""
    for name in score.mean.names:
        if math.isnan(score.mean[name]):
            continue
        spread = None if score.sd_draws is None else score.sd_draws[name]
        known = spread is not None and not math.isnan(spread)
        found = {
            "score": score.mean[name],
            "details": {**(details or {}), **({"sd_draws": str(spread)} if known else {})},
        }
        if interval is not None and not math.isnan(interval.low[name] + interval.high[name]):
            ends = {"lower": interval.low[name], "upper": interval.high[name], "confidence_level": 0.95}
            found["uncertainty"] = {"confidence_interval": ends}
        yield {
            "evaluation_result_id": f"{place}/{name}",
            "evaluation_name": f"{entry.dataset}, {words}",
            "source_data": {
                "dataset_name": entry.dataset,
                "source_type": "other",
                "additional_details": {
                    "manifest_version": entry.manifest_version,
                    "manifest_digest": entry.manifest_digest,
                },
            },
            "metric_config": _metric(entry.protocol, name),
            "score_details": found,
        }


def _metric(protocol: str, name: str) -> _Json:
    """Describes what stands under a name of a protocol, given by its signature; what is no share may be any number."""
    column = columns_of(protocol)[name]
    metric = installed_metrics(reported_metrics(protocol)).get(name)
    bounds = (0.0, 1.0) if column.scale == 100 else ("-Infinity", "Infinity")
    return {
        "evaluation_description": column.about,
        "metric_id": f"fsbench.{name}",
        "metric_name": name,
        "metric_unit": "proportion" if metric is None or is_share(metric) else metric.unit,
        "lower_is_better": column.is_better == "lower",
        "score_type": "continuous",
        "min_score": bounds[0],
        "max_score": bounds[1],
    }
