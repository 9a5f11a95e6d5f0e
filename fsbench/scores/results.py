"""What a run comes to: the records in `run.json` and `result.json`."""

import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Annotated
from typing import Any

import numpy as np
from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import ConfigDict
from pydantic import Field
from pydantic import model_serializer
from pydantic import model_validator
from pydantic import PlainSerializer
from pydantic import RootModel
from pydantic import SerializerFunctionWrapHandler
from pydantic import WrapSerializer

from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Weights
from fsbench.metrics import mean
from fsbench.metrics import or_none
from fsbench.protocol import mean_of_metrics
from fsbench.protocol import reported_names
from fsbench.records import Record
from fsbench.splits.controls import Control

__all__ = [
    "ClassResult",
    "DeclaredMethod",
    "DrawResult",
    "Interval",
    "Intervals",
    "Result",
    "RunIdentity",
    "Score",
    "Summary",
    "mean_score",
    "method_title",
    "require_names",
    "summarise",
]

_RENAMED = {"JF": "J&F"}


def _or_nan(value: Any) -> Any:  # Any: JSON
    return math.nan if value is None else value


def _one_nan(value: float) -> float:
    return math.nan if math.isnan(value) else value  # the same object, so that records of equal values are equal


_Value = Annotated[float, BeforeValidator(_or_nan), AfterValidator(_one_nan), PlainSerializer(or_none)]


def _without_untuned(info: MethodInfo, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON
    # So a record of before the field was there keeps its bytes.
    return {name: value for name, value in handler(info).items() if name != "tuned_on" or value}


DeclaredMethod = Annotated[MethodInfo, WrapSerializer(_without_untuned)]
"""What a method says of itself, as records have it."""


class Score(RootModel[dict[str, _Value]]):
    """Values by the name of the metric, or the spread of such values; see `Protocol.names` for their order.

    NaN, in JSON null, is the value of what does not apply. A headline that is the mean of several metrics is computed
    from their values; of spreads, it is the spread of the headline.
    """

    model_config = ConfigDict(frozen=True)
    root: dict[str, _Value] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:  # Any: JSON
        """Before 0.2 the headline was spelled JF."""
        return {_RENAMED.get(name, name): v for name, v in values.items()} if isinstance(values, dict) else values

    @classmethod
    def of(cls, values: Mapping[str, float], names: Sequence[str]) -> "Score":
        """Returns the score with these names, given the values of the metrics."""
        return cls({name: float(mean_of_metrics(name, values)) for name in names})

    def __getitem__(self, name: str) -> float:
        return self.root[name]

    @property
    def names(self) -> tuple[str, ...]:
        """What it has values of, the headline last."""
        return tuple(self.root)

    @property
    def headline_name(self) -> str:
        """What methods are ranked by."""
        return self.names[-1]

    @property
    def headline(self) -> float:
        """The value that methods are ranked by."""
        return self.root[self.headline_name]


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


def method_title(name: str, variant: str, control: Control | None) -> str:
    """Returns a method's name, and in brackets what sets a way of running it apart: "cma (seed-1, other-class)"."""
    apart = ", ".join(filter(None, (variant, control)))
    return f"{name} ({apart})" if apart else name


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
        control: What stood in for the support sets; None, and not in the JSON, for nothing.
        shard: (i, n): the i-th of n parts of the videos, i from 1; None, and not in the JSON, for all of them.
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
    method: DeclaredMethod
    variant: str = ""
    limit: int | None = None
    classes: tuple[str, ...] | None = None
    control: Control | None = None
    shard: tuple[int, int] | None = None
    options: dict[str, Any]  # Any: JSON scalars
    files: dict[str, str] = Field(default_factory=dict)
    checkpoint_sha256: str | None
    source_sha256: str | None = None
    weights: Weights | None = None
    distribution: str
    packages: dict[str, str]
    commit: str | None

    @property
    def title(self) -> str:
        """The method's name, with the variant and the control if there are such."""
        return method_title(self.method.name, self.variant, self.control)

    @property
    def part(self) -> str:
        """Which part of the fold was run, for people; empty for all of it."""
        of = f"class {', '.join(self.classes)}" if self.classes is not None else ""
        first = f"the first {self.limit} videos" if self.limit is not None else ""
        shard = f"shard {self.shard[0]} of {self.shard[1]}" if self.shard is not None else ""
        return " of ".join(filter(None, (shard, first, of)))

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON
        # So a run of before these fields were there keeps its bytes.
        optional = ("limit", "classes", "control", "shard", "weights", "source_sha256")
        unused = [name for name in optional if getattr(self, name) is None]
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

    @model_validator(mode="after")
    def _check(self) -> "Result":
        require_names(self, self.identity.protocol)
        return self


def require_names(record: Record, protocol: str) -> None:
    """Raises ValueError if a score anywhere in a record has other values than its protocol reports.

    Args:
        record: Holds scores at any depth.
        protocol: The protocol's signature.
    """
    wanted = reported_names(protocol)
    for score in _scores_in(record):
        if score.names != wanted:
            raise ValueError(f"a score has {', '.join(score.names)}, and the protocol reports {', '.join(wanted)}")


def _scores_in(value: object) -> Iterator[Score]:
    if isinstance(value, Score):
        yield value
    elif isinstance(value, Record):
        yield from _scores_in(tuple(vars(value).values()))
    elif isinstance(value, Mapping):
        yield from _scores_in(tuple(value.values()))
    elif isinstance(value, tuple):
        for each in value:
            yield from _scores_in(each)


def summarise(scores: Sequence[Score]) -> Summary:
    """Returns mean and standard deviation (n - 1) of one score per draw, of each value where it applies."""
    if len(scores) < 2:
        return Summary(mean=mean_score(scores), sd_draws=None)
    spread = {name: _sd_where_known([score[name] for score in scores]) for name in scores[0].names}
    return Summary(mean=mean_score(scores), sd_draws=Score(spread))


def mean_score(scores: Sequence[Score]) -> Score:
    """Returns the mean of at least one score, of each value over those scores in which it applies."""
    return Score({name: mean(np.array([score[name] for score in scores])) for name in scores[0].names})


def _sd_where_known(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
