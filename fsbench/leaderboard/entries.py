"""Leaderboard entries: what a method scores on the folds of a dataset, as a file that is committed."""

import math
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from typing import Any
from typing import Literal

from pydantic import ConfigDict
from pydantic import Field
from pydantic import model_serializer
from pydantic import model_validator
from pydantic import SerializerFunctionWrapHandler
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.names import is_web_address
from fsbench.leaderboard.names import name_problems
from fsbench.leaderboard.names import text_problems
from fsbench.leaderboard.seen import seen_classes
from fsbench.leaderboard.seen import training_text
from fsbench.methods.contract import ORACLE
from fsbench.methods.contract import Weights
from fsbench.protocol import declared_protocol
from fsbench.protocol import reported_names
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench.running.cost import total_cost
from fsbench.running.cost import UnitTiming
from fsbench.running.identity import differences
from fsbench.scores.episodes import Sample
from fsbench.scores.metrics import unbounded
from fsbench.scores.results import ClassResult
from fsbench.scores.results import DeclaredMethod
from fsbench.scores.results import DrawResult
from fsbench.scores.results import Intervals
from fsbench.scores.results import mean_score
from fsbench.scores.results import method_title
from fsbench.scores.results import require_names
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.scores.results import Score
from fsbench.scores.results import summarise
from fsbench.scores.results import Summary
from fsbench.scores.statistics import CHAIN
from fsbench.scores.statistics import intervals
from fsbench.splits.controls import Control

__all__ = [
    "PER_FOLD",
    "Entry",
    "FoldEntry",
    "entry_from_results",
    "has_chain",
    "intervals_of",
    "mean_of_draws",
    "mean_over_folds",
    "training_of",
]


PER_FOLD = ("fold", "checkpoint_sha256", "weights")
"""In what the runs of one entry may differ."""

_NOT_IN_ENTRIES = ("schema_version", "draws", "limit", "classes", "shard", "files", "source_sha256")
"""What of a run's identity an entry does not show."""

_LATER = ("peak_device_memory_bytes", "evaluated")
"""Fields that entries of their schema version did not have from the start."""


class FoldEntry(Record):
    """The scores of one fold; see `Result`.

    Attributes:
        fold: The fold.
        checkpoint_sha256, weights: As in the run's identity; a method may have weights of its own for each fold.
        score, draws, classes, episodes, frames: As in the run's result.
        failed: How many episodes failed; the scores stand for the others only.
    """

    fold: int
    checkpoint_sha256: str | None
    weights: Weights | None = None
    score: Summary
    draws: tuple[DrawResult, ...] = Field(min_length=1)
    classes: tuple[ClassResult, ...]
    episodes: int
    frames: int
    failed: int

    @property
    def init(self) -> str | None:
        """What names the weights that the training of its weights went on from; None if it is not known."""
        training = None if self.weights is None else self.weights.training
        return None if training is None else training.init

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON
        return {name: value for name, value in handler(self).items() if name != "weights" or value is not None}


class Entry(Record):
    """A method's place on the leaderboard of one dataset, manifest and protocol.

    It is refused if the folds are not in order, each once and expected, if a score is not in [0, 1] or has other values
    than the protocol reports, if `mean` is not what follows from the folds, if a name cannot be shown (see
    `name_problems`), or if a link is no web address.

    Attributes:
        schema_version: Of this record.
        dataset, manifest_version, manifest_digest: The episodes.
        protocol: The protocol's signature.
        method: What the method says of itself.
        variant, options, distribution, packages, commit: As in the runs' identity.
        expected_folds: The folds that a complete entry has, in order.
        folds: Those that were evaluated, in order.
        mean: See `mean_over_folds`.
        details_sha256: Of the details beside the entry; None if there are none.
        trained_classes: Classes that the weights have seen, as declared by whoever submitted the entry.
        links: To code, weights or a paper.
        details: What lies beside the entry. It is no part of the JSON.
        control: Of a run that is held against others and never written: what stood in for the support sets.
        trainings: The entries that this one joins, trained from several seeds; see `fsbench.leaderboard.families`. They
            are no part of the JSON: each lies by itself.
        seconds_per_frame, peak_memory_bytes, hardware, parameters, peak_device_memory_bytes, evaluated: See `Cost`. The
            last two are left out of the JSON where they are not known.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)  # details

    schema_version: Literal[5] = 5
    dataset: str
    manifest_version: str
    manifest_digest: str
    protocol: str
    method: DeclaredMethod
    variant: str
    options: dict[str, Any]  # Any: JSON scalars
    distribution: str
    packages: dict[str, str]
    commit: str | None
    expected_folds: tuple[int, ...]
    folds: tuple[FoldEntry, ...] = Field(min_length=1)
    mean: Summary | None
    details_sha256: str | None = None
    trained_classes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    seconds_per_frame: float | None
    peak_memory_bytes: int | None
    hardware: tuple[str, ...] = ()
    parameters: int | None = None
    peak_device_memory_bytes: int | None = None
    evaluated: date | None = None
    details: Details | None = Field(default=None, exclude=True, repr=False)
    control: Control | None = Field(default=None, exclude=True)
    trainings: tuple["Entry", ...] = Field(default=(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, record: Any) -> Any:  # Any: JSON
        """Version 1 had no variants and one checkpoint for all folds; version 2 nothing that has a default here.

        Up to version 3 a score said JF for J&F, which `Score` mends. Up to version 4 there were intervals, of which
        today's are others: they follow from the episodes.
        """
        if not isinstance(record, dict) or record.get("schema_version") not in (1, 2, 3, 4):
            return record
        version, record = record["schema_version"], {**record, "schema_version": 5}
        record.pop("intervals", None)
        if version == 1:
            digest = record.pop("checkpoint_sha256", None)
            folds = [{**fold, "checkpoint_sha256": digest} for fold in record.get("folds", ())]
            record |= {"variant": "", "folds": folds}
        return record

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON
        # So an entry of before these fields were there keeps its bytes.
        return {k: v for k, v in handler(self).items() if k not in _LATER or v is not None}

    @property
    def title(self) -> str:
        """The method's name, with the variant and the control if there are such."""
        return method_title(self.method.name, self.variant, self.control)

    def differs_from(self, other: "Entry") -> str:
        """Names the fields in which two entries differ, for messages."""
        first, second = self.model_dump(mode="json"), other.model_dump(mode="json")
        return ", ".join(name for name in first | second if first.get(name) != second.get(name)) or "nothing"

    @property
    def is_oracle(self) -> bool:
        """Whether it was made from the truth, to say what methods can reach."""
        return self.method.name.startswith(ORACLE)

    @property
    def known_details(self) -> Details:
        """The details. Raises RunError if it has none."""
        if self.details is None:
            raise RunError(f"{self.title}: the scores of its episodes are not there. Submit its runs again.")
        return self.details

    @property
    def sample(self) -> Sample:
        """The scores of its episodes, by each of its trainings. Raises RunError if it has none."""
        trainings = self.trainings or (self,)
        by_fold = {same[0].fold: same for same in zip(*(each.folds for each in trainings), strict=True)}
        digests = {fold: [each.checkpoint_sha256 for each in same] for fold, same in by_fold.items()}
        weights = {fold: tuple(filter(None, found)) if all(found) else None for fold, found in digests.items()}
        inits = {fold: {each.init for each in same} for fold, same in by_fold.items()}
        starts = {fold: found.pop() for fold, found in inits.items() if len(found) == 1}
        return Sample(tuple(each.known_details.prepared for each in trainings), weights, starts)

    @property
    def episodes_digest(self) -> str | None:
        """The SHA-256 of the episodes that it has scores of, the same for the same ones alone; None if it has none."""
        return None if self.details is None else self.details.prepared.keys_digest

    @property
    def training(self) -> str:
        """What was trained on, by what the method and its weights say."""
        return training_of(self.trainings or (self,))

    @property
    def _declared_training(self) -> str:
        """What the method says that it was trained on; empty if it says nothing, and its weights do."""
        if not self.method.trained_on and training_text(fold.weights for fold in self.folds):
            return ""
        # Before 0.2 nothing was also what a method said that said nothing, unless it came with fsbench.
        is_old = self.packages.get("fsbench", "").startswith("0.1.")
        if is_old and not self.method.trained_on and not re.fullmatch(r"fsbench \S+", self.distribution):
            return replace(self.method, trained_on=None).training
        return self.method.training

    @property
    def seen_novel(self) -> dict[str, str]:
        """Novel classes of the entry's folds that the weights have seen, each with where; see `seen_classes`."""
        declared = (*self.trained_classes, *(self.method.trained_on or ()))
        found: dict[str, str] = {}
        for fold in (fold for each in self.trainings or (self,) for fold in each.folds):
            found |= seen_classes([each.name for each in fold.classes], declared, fold.weights)
        return found

    @property
    def tuned_novel(self) -> tuple[str, ...]:
        """Novel classes of the entry's folds that the method was tuned on, in order."""
        names = [each.name for fold in self.folds for each in fold.classes]
        tuned = self.method.tuned_on
        return tuple(names if self.dataset in tuned else seen_classes(names, tuned, None))

    @property
    def clean_mean(self) -> Score | None:
        """The mean over folds of the mean over those classes that the weights have not seen.

        None if it is no other than `mean`, or if of a fold nothing is left.
        """
        if not self.seen_novel or self.mean is None:
            return None
        seen = self.seen_novel
        clean = [[c.score.mean for c in fold.classes if c.name not in seen] for fold in self.folds]
        return mean_score([mean_score(scores) for scores in clean]) if all(clean) else None

    @property
    def tuned_means(self) -> tuple[Score | None, Score | None]:
        """The mean over those classes that the method was tuned on, and that over the others.

        Of each fold its classes, then of the folds that have any; None if none has.
        """
        tuned = self.tuned_novel
        classes = [[(each.name in tuned, each.score.mean) for each in fold.classes] for fold in self.folds]
        means = []
        for wanted in (True, False):
            found = [[score for is_tuned, score in fold if is_tuned is wanted] for fold in classes]
            means.append(mean_score([mean_score(scores) for scores in found if scores]) if any(found) else None)
        return means[0], means[1]

    @model_validator(mode="after")
    def _check(self) -> "Entry":
        names = {"dataset": self.dataset, "method": self.method.name, "protocol": self.protocol.split("|", 1)[0]}
        names |= {"method's version": self.method.version, "manifest's version": self.manifest_version}
        names |= {"variant": self.variant} if self.variant else {}
        record = self.model_dump(mode="json")
        if problem := next(chain(name_problems(names), text_problems(record)), None):
            raise ValueError(problem)
        require_names(self, self.protocol)
        folds = [fold.fold for fold in self.folds]
        for name, numbers in (("expected_folds", self.expected_folds), ("folds", folds)):
            if list(numbers) != sorted(set(numbers)):
                raise ValueError(f"{name}: {list(numbers)} are not in order, each once")
        if unexpected := sorted(set(folds) - set(self.expected_folds)):
            raise ValueError(f"folds: {unexpected} are none of the expected folds {list(self.expected_folds)}")
        if not all(0 <= value <= 1 for fold in self.folds for value in _shares(fold, self.protocol)):
            raise ValueError("folds: a score is not in [0, 1]")
        for link in self.links:
            if not is_web_address(link):
                raise ValueError(f"links: {link!r} is not the address of a web page (http:// or https://)")
        if self.details is not None and self.details.digest != self.details_sha256:
            raise ValueError("details_sha256: is not the digest of the details")
        if not _agree(self.mean, mean_over_folds(self.folds, self.expected_folds)):
            raise ValueError("mean: does not follow from the folds")
        return self


def training_of(entries: Sequence[Entry]) -> str:
    """Returns what the weights of entries were trained on, by what methods and weights say; what is the same once."""
    declared = dict.fromkeys(entry._declared_training for entry in entries)
    by_weights = training_text(fold.weights for entry in entries for fold in entry.folds)
    return "; ".join(text for text in (*declared, by_weights) if text)


def mean_over_folds(folds: Sequence[FoldEntry], expected_folds: Sequence[int]) -> Summary | None:
    """Averages over the folds within each draw, then over the draws.

    Args:
        folds: At least one, in order.
        expected_folds: The folds that belong to the mean, in order.

    Returns:
        Mean, and standard deviation over draws; None if a fold is missing, has failed episodes, or has other draws.
    """
    by_draw = [{draw.draw: draw.score for draw in fold.draws} for fold in folds]
    is_complete = [fold.fold for fold in folds] == list(expected_folds) and not any(fold.failed for fold in folds)
    if not is_complete or any(scores.keys() != by_draw[0].keys() for scores in by_draw):
        return None
    return mean_of_draws(by_draw)


def mean_of_draws(folds: Sequence[Mapping[int, Score]]) -> Summary:
    """Averages over at least one fold, given its scores by draw, within each draw, then over the draws."""
    draws = sorted(set().union(*folds))
    return summarise([mean_score([scores[draw] for scores in folds if draw in scores]) for draw in draws])


def entry_from_results(
    results: Sequence[Result],
    expected_folds: Iterable[int],
    timing: Iterable[UnitTiming] = (),
    details: Details | None = None,
    *,
    trained_classes: Iterable[str] = (),
    links: Iterable[str] = (),
    evaluated: date | None = None,
) -> Entry:
    """Joins the results of one method on several folds.

    Args:
        results: One for each fold, in any order.
        expected_folds: The folds that the dataset has.
        timing: What the units of these runs cost, all together.
        details: Of the same runs.
        trained_classes, links: See `Entry`.
        evaluated: The day, where `timing` does not say.

    Returns:
        The entry; the same for any order of the arguments' items.

    Raises:
        RunError: Two results differ in more of their identity than the fold, a fold is there twice or is not expected.
    """
    if not results:
        raise RunError("A leaderboard entry needs at least one result. Run 'fsbench evaluate' first.")
    results = sorted(results, key=lambda result: result.identity.fold)
    identity = results[0].identity
    for other in results[1:]:
        same = {name: getattr(identity, name) for name in PER_FOLD}
        if changed := differences(identity, other.identity.model_copy(update=same)):
            raise RunError(
                f"Results of {identity.method.name!r} on {identity.dataset} are not of one entry: fold "
                f"{other.identity.fold} differs from fold {identity.fold} in {'; '.join(changed)}. Evaluate all folds "
                "in the same way."
            )
    folds = tuple(_fold_entry(result) for result in results)
    cost = total_cost(timing)
    expected = tuple(sorted(set(expected_folds)))
    try:
        return Entry(
            **{
                name: getattr(identity, name)
                for name in RunIdentity.model_fields.keys() - {*_NOT_IN_ENTRIES, *PER_FOLD}
            },
            expected_folds=expected,
            folds=folds,
            mean=mean_over_folds(folds, expected),
            details_sha256=None if details is None else details.digest,
            trained_classes=tuple(sorted(set(trained_classes))),
            links=tuple(links),
            details=details,
            **cost.model_dump() | {"evaluated": cost.evaluated or evaluated},
        )
    except ValidationError as error:
        message = f"Results of {identity.method.name!r} on {identity.dataset} make no entry: {first_problem(error)}."
        raise RunError(f"{message} Discard wrong runs with --restart.") from error


def has_chain(protocol: str) -> bool:
    """Tells whether a protocol, given by its signature, averages as `fsbench.scores.statistics` does."""
    return declared_protocol(protocol).chain == CHAIN


def intervals_of(entry: Entry) -> Intervals | None:
    """Returns the intervals of an entry's means.

    None without scores of episodes, and for a protocol that averages in another way than `fsbench.scores.statistics`.
    """
    if entry.details is None or not has_chain(entry.protocol):
        return None
    return intervals(entry.sample, reported_names(entry.protocol), unbounded(entry.protocol))


def _fold_entry(result: Result) -> FoldEntry:
    return FoldEntry(
        fold=result.identity.fold,
        checkpoint_sha256=result.identity.checkpoint_sha256,
        weights=result.identity.weights,
        score=result.score,
        draws=result.draws,
        classes=result.classes,
        episodes=result.episodes,
        frames=result.frames,
        failed=len(result.failures),
    )


def _shares(fold: FoldEntry, protocol: str) -> Iterator[float]:
    """Yields every share of a fold that applies, and what it is ranked by in any case; spreads are left out."""
    yield from (score.headline for score in (fold.score.mean, *(draw.score for draw in fold.draws)))
    for score in (fold.score.mean, *(draw.score for draw in fold.draws), *(c.score.mean for c in fold.classes)):
        others = (value for name, value in score.root.items() if name not in unbounded(protocol))
        yield from (value for value in others if not math.isnan(value))


def _agree(one: Summary | None, other: Summary | None) -> bool:
    """Tells whether two summaries are the same but for the last bits, which may differ between machines."""
    if one is None or other is None:
        return one is other
    return _close(one.mean, other.mean) and _close(one.sd_draws, other.sd_draws)


def _close(one: Score | None, other: Score | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.names == other.names and all(
        one[m] == other[m]
        or (math.isnan(one[m]) and math.isnan(other[m]))
        or math.isclose(one[m], other[m], abs_tol=1e-9)
        for m in one.names
    )
