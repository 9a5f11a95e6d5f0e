"""What a run comes to: the records in `run.json` and `result.json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field
from pydantic import model_serializer
from pydantic import SerializerFunctionWrapHandler

from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Weights
from fsbench.records import Record

__all__ = [
    "ClassResult",
    "DrawResult",
    "Interval",
    "Intervals",
    "Result",
    "RunIdentity",
    "Score",
    "Summary",
    "mean_score",
    "summarise",
]


class Score(Record):
    """Values in [0, 1], or the spread of such values.

    Attributes:
        J: Region similarity.
        F: Contour accuracy.
        JF: Their mean, J&F; of spreads, the spread of J&F.
    """

    J: float
    F: float
    JF: float


class Summary(Record):
    """What the scores of several support draws come to.

    Attributes:
        mean: Over the draws.
        sd_draws: Standard deviation (n - 1) between the draws; None for a single one.
    """

    mean: Score
    sd_draws: Score | None


class Interval(Record):
    """A 95 % confidence interval of each value.

    Attributes:
        low, high: The ends.
    """

    low: Score
    high: Score


class Intervals(Record):
    """Intervals of means; None where too little was seen for one.

    Attributes:
        mean: Of the mean over folds.
        folds: By fold.
        classes: By class name.
    """

    mean: Interval | None
    folds: dict[int, Interval | None]
    classes: dict[str, Interval | None]


class DrawResult(Record):
    """The score of a fold with one support draw.

    Attributes:
        draw: The draw.
        score: The score.
    """

    draw: int
    score: Score


class ClassResult(Record):
    """The score of a class.

    Attributes:
        name: The class.
        score: The score.
    """

    name: str
    score: Summary


class RunIdentity(Record):
    """What makes two runs the same run. Parts of another identity are never mixed in.

    Attributes:
        schema_version: Of this record.
        dataset, fold, draws: What is evaluated.
        manifest_version, manifest_digest: The episodes.
        protocol: The protocol's signature.
        method: What the method says of itself.
        variant: The user's name for this way of running the method; empty for the usual one.
        limit: Query videos that were taken, the first of the plan; None, and not in the JSON, for all.
        classes: Names of the classes that were taken, sorted; None, and not in the JSON, for all.
        options: All its options, the defaults included; of a path its name. A checkpoint on disk is not among them.
        files: SHA-256 of what options name that is a file or folder, but for the checkpoint, by option.
        checkpoint_sha256: Of the file, or of the files in the folder, that the option `checkpoint` names.
        source_sha256: Of the method's code, see `fsbench.methods.sources`; None for a run of before fsbench 0.2.
        weights: What the checkpoint says of itself; None, and not in the JSON, if it says nothing.
        distribution: The package that registers the method.
        packages: Versions of the packages that a score may depend on.
        commit: Of the checkout that fsbench runs from, with "+" and a digest of the changes if its code has any.
    """

    schema_version: int = 1
    dataset: str
    fold: int
    draws: tuple[int, ...]
    manifest_version: str
    manifest_digest: str
    protocol: str
    method: MethodInfo
    variant: str = ""
    limit: int | None = None
    classes: tuple[str, ...] | None = None
    options: dict[str, Any]  # Any: JSON scalars
    files: dict[str, str] = Field(default_factory=dict)
    checkpoint_sha256: str | None
    source_sha256: str | None = None
    weights: Weights | None = None
    distribution: str
    packages: dict[str, str]
    commit: str | None

    @property
    def part(self) -> str:
        """Which part of the fold was run, for people; empty for all of it."""
        of = f"class {', '.join(self.classes)}" if self.classes is not None else ""
        first = f"the first {self.limit} videos" if self.limit is not None else ""
        return f"{first} of {of}" if first and of else first or of

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON
        # So a run of before these fields were there keeps its bytes.
        unused = [name for name in ("limit", "classes", "weights", "source_sha256") if getattr(self, name) is None]
        unused += [] if self.files else ["files"]
        return {name: value for name, value in handler(self).items() if name not in unused}


class Result(Record):
    """`result.json`: the scores of a method on one fold.

    Attributes:
        schema_version: Of this record.
        identity: Whose scores these are.
        score: The fold's score.
        draws: The score of each support draw.
        classes: The score of each class, in class-id order.
        episodes, frames: How many were scored.
        failures: Message by episode id; a result with failures stands for the other episodes only.
    """

    schema_version: int = 1
    identity: RunIdentity
    score: Summary
    draws: tuple[DrawResult, ...]
    classes: tuple[ClassResult, ...]
    episodes: int
    frames: int
    failures: dict[str, str]


def summarise(scores: Sequence[Score]) -> Summary:
    """Returns mean and standard deviation (n - 1) of one score per draw."""
    if len(scores) < 2:
        return Summary(mean=mean_score(scores), sd_draws=None)
    spread = {name: float(np.std([getattr(s, name) for s in scores], ddof=1)) for name in Score.model_fields}
    return Summary(mean=mean_score(scores), sd_draws=Score(**spread))


def mean_score(scores: Sequence[Score]) -> Score:
    """Returns the mean of at least one score."""
    return Score(**{name: float(np.mean([getattr(s, name) for s in scores])) for name in Score.model_fields})
