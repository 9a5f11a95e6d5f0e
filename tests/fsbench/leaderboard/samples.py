"""Results with made-up scores."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import episodes_schema
from fsbench.leaderboard.details import gallery_schema
from fsbench.leaderboard.entries import entry_from_results
from fsbench.methods.contract import MethodInfo
from fsbench.scores.results import ClassResult
from fsbench.scores.results import DrawResult
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.scores.results import Score
from fsbench.scores.results import summarise

METRICS = ("J", "F")
EPISODES = episodes_schema(METRICS)
GALLERY = gallery_schema(METRICS)

STANDARD = "standard|size=native|tolerance=0.008|frames=all|mean=frame>expression>video>class"
RELEASED = "released|size=short360|tolerance=0.010|frames=all|mean=frame"

INFO = MethodInfo("copy", "1.0", "Copies the support mask", "Doe 2024", "Apache-2.0", ("ImageNet-1k",))


def identity(fold, draws=(0, 1), name="copy", **changes):
    fields = {
        "dataset": "shapes",
        "fold": fold,
        "draws": draws,
        "manifest_version": "v1",
        "manifest_digest": "0123456789abcdef" * 4,
        "protocol": STANDARD,
        "method": replace(INFO, name=name),
        "options": {"shots": 5, "rate": 0.1, "device": "cpu"},
        "checkpoint_sha256": None,
        "distribution": "fsbench 0.1.0",
        "packages": {"fsbench": "0.1.0", "numpy": "2.3.4"},
        "commit": None,
    }
    return RunIdentity(**(fields | changes))


def result(fold, scores=((0.5, 0.7), (0.6, 0.8)), failed=0, **changes):
    """The result of a fold with these (J, F), one for each draw."""
    found = [Score({"J": j, "F": f, "J&F": (j + f) / 2}) for j, f in scores]
    return Result(
        identity=identity(fold, tuple(range(len(found))), **changes),
        score=summarise(found),
        draws=tuple(DrawResult(draw=draw, score=score) for draw, score in enumerate(found)),
        classes=(ClassResult(name="mouse", score=summarise(found)),),
        episodes=12 - failed,
        frames=96,
        failures={f"f{fold}/mouse/d0/v{i}/0": "out of memory" for i in range(failed)},
    )


def entry(folds, expected=(1, 2), failed=(), **changes):
    """An entry with the (J, F) of each draw for each fold; one episode failed in each fold that is in `failed`."""
    results = [result(fold, scores, int(fold in failed), **changes) for fold, scores in folds.items()]
    return entry_from_results(results, expected)


def detailed(shifts, draws=2, variant=""):
    """Entries with details, by method the shift of every score: two folds of four classes with three videos."""
    found = []
    for name, shift in shifts.items():
        random = np.random.default_rng(7)
        scores = {}
        for fold in (1, 2):
            for number in range(4):
                centre = random.normal(0.5, 0.1)
                for video in range(3):
                    J, F = random.normal(centre, 0.05, 2)
                    for draw in range(draws):
                        scores[f"f{fold}/c{fold}-{number}/d{draw}/v{video}/0"] = (J + shift, F + shift)
        ids = sorted(scores)
        columns = {"episode_id": ids, "J": [scores[i][0] for i in ids], "F": [scores[i][1] for i in ids]}
        details = Details(pa.table(columns, schema=EPISODES), GALLERY.empty_table())
        results = [detailed_result(details, fold, draws, name=name, variant=variant) for fold in (1, 2)]
        found.append(entry_from_results(results, (1, 2), details=details))
    return found


def detailed_result(details, fold, draws, **changes):
    """The result of a fold that the details give."""
    rows = details.table.copy()
    rows = rows[rows["fold"] == fold]

    def summary(some):
        means = some.groupby("draw")[["J", "F"]].mean()
        return summarise([Score({"J": J, "F": F, "J&F": (J + F) / 2}) for J, F in means.itertuples(index=False)])

    per_draw = [summary(rows[rows["draw"] == draw]).mean for draw in range(draws)]
    return Result(
        identity=identity(fold, tuple(range(draws)), **changes),
        score=summarise(per_draw),
        draws=tuple(DrawResult(draw=draw, score=score) for draw, score in enumerate(per_draw)),
        classes=tuple(ClassResult(name=name, score=summary(some)) for name, some in rows.groupby("class")),
        episodes=len(rows),
        frames=8 * len(rows),
        failures={},
    )


def board():
    """Entries of two methods on two folds, one of them partial, and of the first by another protocol on one fold."""
    return [
        entry({1: [(0.5, 0.7), (0.6, 0.8)], 2: [(0.3, 0.4), (0.2, 0.5)]}),
        entry({1: [(0.4, 0.9), (0.4, 0.8)], 2: [(0.1, 0.1), (0.2, 0.1)]}, name="flow"),
        entry({1: [(0.9, 0.9)]}, failed=(1,), name="half"),
        entry({1: [(0.25, 0.5)]}, expected=(1,), protocol=RELEASED),
    ]
