"""What `fsbench evaluate` prints."""

import json
from collections.abc import Mapping
from pathlib import Path

from fsbench.evaluation.results import mean_score
from fsbench.evaluation.results import Result
from fsbench.evaluation.results import Score
from fsbench.text import columns

__all__ = ["results_json", "results_text"]


def results_text(results: Mapping[Path, Result]) -> str:
    """Returns the scores of every class and fold, with what they were made from."""
    identity = next(iter(results.values())).identity
    table = [["", "J", "F", "J&F", "+-", "episodes"]]
    for result in results.values():
        for entry in result.classes:
            table.append([f"  {entry.name}", *_cells(entry.score.mean), _spread(entry.score.sd_draws), ""])
        row = [*_cells(result.score.mean), _spread(result.score.sd_draws), str(result.episodes)]
        table.append([f"fold {result.identity.fold}", *row])
    if len(results) > 1:
        mean = mean_score([result.score.mean for result in results.values()])
        table.append(["mean of folds", *_cells(mean), "", str(sum(r.episodes for r in results.values()))])
    head = [
        f"{identity.method.name} {identity.method.version} on {identity.dataset} {identity.manifest_version} "
        f"(digest {identity.manifest_digest[:12]}), {len(identity.draws)} support draws",
        f"protocol {identity.protocol}",
    ]
    foot = ["", "Per cent; +- is the standard deviation over support draws.", *(str(folder) for folder in results)]
    return "\n".join([*head, "", columns(table), *foot])


def results_json(results: Mapping[Path, Result]) -> str:
    """Returns the results at full precision: {"runs": [{"folder", ...result.json}], "mean": of folds}."""
    runs = [{"folder": str(folder), **result.model_dump(mode="json")} for folder, result in results.items()]
    mean = mean_score([result.score.mean for result in results.values()])
    return json.dumps({"runs": runs, "mean": mean.model_dump()}, indent=1)


def _cells(score: Score) -> list[str]:
    return [f"{100 * value:.1f}" for value in (score.J, score.F, score.JF)]


def _spread(score: Score | None) -> str:
    return "-" if score is None else f"{100 * score.JF:.1f}"
