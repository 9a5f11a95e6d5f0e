"""From what a user asks for to the results of each fold."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from fsbench.errors import RunError
from fsbench.files import path_part
from fsbench.methods.contract import Method
from fsbench.methods.refining import refined
from fsbench.methods.registry import find_method
from fsbench.protocol import named_protocol
from fsbench.protocol import Protocol
from fsbench.running.engines import open_engine
from fsbench.running.fold import evaluate_fold
from fsbench.running.fold import RunOptions
from fsbench.running.identity import asked_devices
from fsbench.running.identity import chosen_options
from fsbench.running.identity import FoldRun
from fsbench.running.runs import Run
from fsbench.running.shards import shard_folder
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.contents import chosen_classes
from fsbench.splits.controls import Control

__all__ = ["Request", "evaluate_method"]


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        method: What `find_method` takes.
        benchmark: Episodes and data.
        folds: Empty for all.
        draws: None for all.
        refine: Name of a tracker that propagates the method's masks; empty for none.
        options: Options of the method, as text.
        checkpoint: Weights; given to the method as its option `checkpoint`. "{fold}" in the path stands for the fold.
            None for those that the method brings along for dataset and fold, if it does.
        device: Given to the method as its option `device`, if it has one: "auto", a kind, or of a kind some numbers
            ("cuda:0,1"), over which workers are dealt out and on which the identity does not depend.
        protocol: The protocol, or its name.
        tolerance: Another contour tolerance than the protocol's; None for its own.
        variant: Name for this way of running the method, to tell its runs and entries apart; empty for the usual one.
        limit: Query videos to take of each fold, the first ones in the order class, video, each with all its sentences
            and draws; None for all. Such a run is never an entry.
        classes: Names of the classes to take; folds that have none of them are left out. Empty for all. Such a run is
            never an entry.
        shard: (i, n): take the i-th of n parts of the videos, i from 1; see `shards.gather`. None for all.
        control: What stands in for the support sets; None for nothing. Such a run is never an entry.
        out: Folder of the run; None for `runs/<dataset>/<method>`, followed by what sets the run apart:
            `.<variant>`, `.control-<name>`, `.class-<names>`, `.limit-<n>`. A shard's is followed by
            `.shard-<i>-of-<n>`, whoever names it.
    """

    method: str | type | Method
    benchmark: Benchmark
    folds: Sequence[int] = ()
    draws: Sequence[int] | None = None
    refine: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    device: str = "auto"
    protocol: str | Protocol = "standard"
    tolerance: float | None = None
    variant: str = ""
    limit: int | None = None
    classes: Sequence[str] = ()
    shard: tuple[int, int] | None = None
    control: Control | None = None
    out: Path | None = None


def evaluate_method(request: Request, run: RunOptions) -> Run:
    """Evaluates a method on the folds asked for.

    Returns:
        The result of each fold.

    Raises:
        FsbenchError: Something asked for does not exist or does not fit; see `evaluate_fold`.
    """
    protocol = named_protocol(request.protocol) if isinstance(request.protocol, str) else request.protocol
    protocol = protocol.with_tolerance(request.tolerance).on(has_target_free=request.benchmark.has_target_free)
    method = find_method(request.method)
    method = refined(method, request.refine) if request.refine else method
    if request.variant and not re.fullmatch(r"[\w-]+", request.variant):
        raise RunError(f"The variant {request.variant!r} becomes part of file names: use letters, digits, - and _.")
    benchmark = request.benchmark
    draws = benchmark.draws if request.draws is None else tuple(sorted(set(request.draws)))
    out = request.out or _default_folder(method.info.name, request)
    if request.shard is not None:
        number, count = request.shard
        if not 1 <= number <= count:
            raise RunError(f"There is no shard {number} of {count}: the first is 1, the last {count}.")
        out = shard_folder(out, number, count)
    classes = _classes(request)
    folds = list(classes)
    devices = asked_devices(request.options, request.device)
    run = run.on(devices)
    options = {
        fold: chosen_options(method, request.options, request.checkpoint, devices.kind, benchmark.fold(fold))
        for fold in folds
    }
    results = {}
    with open_engine(run.engine, run.workers, run.cluster) as run_units:
        for fold in folds:
            task = FoldRun(
                benchmark,
                fold,
                draws,
                method,
                options[fold],
                protocol,
                request.variant,
                request.limit,
                classes[fold],
                request.control,
                request.shard,
            )
            results[out / f"fold-{fold}"] = evaluate_fold(task, out / f"fold-{fold}", run, run_units)
    return Run(results)


def _default_folder(method: str, request: Request) -> Path:
    classes = re.sub(r"[^\w-]", "_", "-".join(["class", *sorted(request.classes)])) if request.classes else ""
    limit = f"limit-{request.limit}" if request.limit is not None else ""
    control = f"control-{request.control}" if request.control is not None else ""
    parts = (path_part(method, "method", RunError), request.variant, control, classes, limit)
    name = ".".join(part for part in parts if part)
    dataset = path_part(request.benchmark.name, "dataset", RunError)
    return Path("runs") / dataset / path_part(name, "folder of the run", RunError)


def _classes(request: Request) -> dict[int, tuple[str, ...] | None]:
    """Returns the classes to take of each fold that has any of those asked for; None for all."""
    folds = request.folds or request.benchmark.folds
    if not request.classes:
        return dict.fromkeys(folds)
    chosen = chosen_classes(request.benchmark.manifest, folds, request.classes)
    found: dict[int, tuple[str, ...] | None] = {}
    for fold in folds:
        rows = [row for row in request.benchmark.manifest.rows("classes") if row["fold"] == fold]
        if names := tuple(sorted(row["name"] for row in rows if row["class_id"] in chosen)):
            found[fold] = names
    return found
