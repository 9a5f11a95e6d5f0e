"""What `fsbench evaluate` prints."""

import json
import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from fsbench.running.cost import Cost
from fsbench.running.cost import total_cost
from fsbench.running.cost import UnitTiming
from fsbench.scores.metrics import Column
from fsbench.scores.metrics import columns_of
from fsbench.scores.results import mean_score
from fsbench.scores.results import Result
from fsbench.scores.results import Score
from fsbench.scores.results import Summary
from fsbench.text import columns
from fsbench.text import duration

__all__ = ["results_frame", "results_json", "results_text"]


def results_text(results: Mapping[Path, Result], timing: Mapping[Path, Sequence[UnitTiming]]) -> str:
    """Returns the scores of every class and fold, with what they were made from and what that cost.

    Args:
        results: By the run's folder.
        timing: Of the same runs.
    """
    identity = next(iter(results.values())).identity
    names, about = next(iter(results.values())).score.mean.names, columns_of(identity.protocol)
    table = [["", *(about[name].title for name in names), "+-", "episodes"]]
    for result in results.values():
        for entry in result.classes:
            table.append([f"  {entry.name}", *_cells(entry.score.mean, about), _spread(entry.score.sd_draws), ""])
        row = [*_cells(result.score.mean, about), _spread(result.score.sd_draws), str(result.episodes)]
        table.append([f"fold {result.identity.fold}", *row])
    if len(results) > 1:
        mean = mean_score([result.score.mean for result in results.values()])
        table.append(["mean of folds", *_cells(mean, about), "", str(sum(r.episodes for r in results.values()))])
    head = [
        f"{identity.method.name} {identity.method.version} on {identity.dataset} {identity.manifest_version} "
        f"(digest {identity.manifest_digest[:12]}), {len(identity.draws)} support draws",
        f"protocol {identity.protocol}",
    ]
    if identity.part:
        parts = dict.fromkeys(result.identity.part for result in results.values())
        head.append(f"only {'; '.join(parts)}: for a look, and never an entry")
    if identity.control:
        head.append(f"control {identity.control}: the support sets are not the episodes' own; never an entry")
    foot = ["", "Per cent; +- is the standard deviation over support draws.", *_cost_text(timing), "Files:"]
    foot += [f"  {folder}" for folder in results]
    return "\n".join([*head, "", columns(table), *foot])


def results_json(results: Mapping[Path, Result], timing: Mapping[Path, Sequence[UnitTiming]]) -> str:
    """Returns the results at full precision: {"runs": [{"folder", ...result.json, "cost"}], "mean", "cost"}.

    Args:
        results: By the run's folder.
        timing: Of the same runs.
    """
    runs = [
        {
            "folder": str(folder),
            **result.model_dump(mode="json"),
            "cost": total_cost(timing[folder]).model_dump(mode="json"),
        }
        for folder, result in results.items()
    ]
    mean = mean_score([result.score.mean for result in results.values()])
    report = {"runs": runs, "mean": mean.model_dump(), "cost": _cost_of_all(timing).model_dump(mode="json")}
    return json.dumps(report, indent=1)


def results_frame(results: Iterable[Result], level: Literal["class", "fold"]) -> pd.DataFrame:
    """Returns the scores of every class, or of every fold, as a data frame.

    Returns:
        Columns fold, class (of classes), those of its scores (J, F, J&F), and sd_draws: the standard deviation of
        the last of these over draws.
    """
    rows = []
    for result in results:
        fold = result.identity.fold
        named: list[tuple[str | None, Summary]] = [(None, result.score)]
        if level == "class":
            named = [(entry.name, entry.score) for entry in result.classes]
        for name, score in named:
            spread = None if score.sd_draws is None else score.sd_draws.headline
            values = {**score.mean.root, "sd_draws": spread}
            rows.append({"fold": fold, **({} if name is None else {"class": name}), **values})
    return pd.DataFrame(rows)


def _cost_of_all(timing: Mapping[Path, Sequence[UnitTiming]]) -> Cost:
    return total_cost(unit for units in timing.values() for unit in units)


def _cost_text(timing: Mapping[Path, Sequence[UnitTiming]]) -> list[str]:
    cost = _cost_of_all(timing)
    if cost.seconds_per_frame is None or cost.peak_memory_bytes is None:
        return ["What it cost is not known: there is no timing.jsonl."]
    units = [unit for run in timing.values() for unit in run]
    seconds, frames = math.fsum(unit.seconds for unit in units), sum(unit.frames for unit in units)
    rate = frames / seconds if seconds else math.inf
    on_device = cost.peak_device_memory_bytes
    device = "" if on_device is None else f", {on_device / 1e9:.2f} GB on its accelerator"
    return [
        f"{cost.seconds_per_frame:.3g} s in the method per frame, sentence and draw; "
        f"{cost.peak_memory_bytes / 1e9:.2f} GB at most in a worker{device}.",
        f"{duration(seconds)} in the method for {frames:,} of these frames: "
        + (f"{rate:,.0f} a second." if rate >= 100 else f"{rate:.3g} a second."),
    ]


def _cells(score: Score, about: Mapping[str, Column]) -> list[str]:
    return ["-" if math.isnan(value) else f"{about[name].scale * value:.1f}" for name, value in score.root.items()]


def _spread(score: Score | None) -> str:
    return "-" if score is None else f"{100 * score.headline:.1f}"
