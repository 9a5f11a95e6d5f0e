"""From what a user asks for to the results of each fold."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.files import for_fold
from fsbench.methods.contract import Method
from fsbench.methods.registry import find_method
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import named_protocol
from fsbench.protocol import Protocol
from fsbench.running.engines import open_engine
from fsbench.running.fold import evaluate_fold
from fsbench.running.fold import RunOptions
from fsbench.running.identity import FoldRun
from fsbench.running.runs import Run
from fsbench.splits.benchmark import Benchmark

__all__ = ["Request", "evaluate_method"]


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        method: What `find_method` takes.
        benchmark: Episodes and data.
        folds: Empty for all.
        draws: None for all.
        options: Options of the method, as text.
        checkpoint: Weights; given to the method as its option `checkpoint`. "{fold}" in the path stands for the fold.
            None for those that the method brings along for dataset and fold, if it does.
        device: Given to the method as its option `device`, if it has one.
        protocol: The protocol, or its name.
        variant: Name for this way of running the method, to tell its runs and entries apart; empty for the usual one.
        out: Folder of the run; None for `runs/<dataset>/<method>`, or `<method>.<variant>`.
    """

    method: str | type | Method
    benchmark: Benchmark
    folds: Sequence[int] = ()
    draws: Sequence[int] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    device: str = "auto"
    protocol: str | Protocol = "standard"
    variant: str = ""
    out: Path | None = None


def evaluate_method(request: Request, run: RunOptions) -> Run:
    """Evaluates a method on the folds asked for.

    Returns:
        The result of each fold.

    Raises:
        FsbenchError: Something asked for does not exist or does not fit; see `evaluate_fold`.
    """
    protocol = named_protocol(request.protocol) if isinstance(request.protocol, str) else request.protocol
    method = find_method(request.method)
    if request.variant and not re.fullmatch(r"[\w-]+", request.variant):
        raise RunError(f"The variant {request.variant!r} becomes part of file names: use letters, digits, - and _.")
    benchmark = request.benchmark
    draws = benchmark.draws if request.draws is None else tuple(request.draws)
    name = ".".join(part for part in (method.info.name, request.variant) if part)
    out = request.out or Path("runs") / benchmark.name / name
    folds = request.folds or benchmark.folds
    options = {fold: method.pin(method.resolve(_given(request, method, fold))) for fold in folds}
    results = {}
    with open_engine(run.engine, run.workers) as run_units:
        for fold in folds:
            task = FoldRun(benchmark, fold, draws, method, options[fold], protocol, request.variant)
            results[out / f"fold-{fold}"] = evaluate_fold(task, out / f"fold-{fold}", run, run_units)
    return Run(results)


def _given(request: Request, method: MethodFactory, fold: int) -> dict[str, str]:
    """Returns the options that the user or the method itself gives for a fold, as text."""
    given = dict(request.options)
    checkpoint = request.checkpoint or method.shipped_checkpoint(request.benchmark.name, fold)
    if checkpoint is not None and "checkpoint" not in given:
        path = for_fold(checkpoint, fold)
        if not path.exists():
            raise DataError(f"{path}: there is no checkpoint for fold {fold}. Check --checkpoint.")
        given["checkpoint"] = str(path)
    if "device" in method.options:
        given.setdefault("device", request.device)
    return given
