"""From what a user asks for to the results of each fold."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.methods.registry import find_method
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import named_protocol
from fsbench.running.engines import open_engine
from fsbench.running.fold import evaluate_fold
from fsbench.running.fold import RunOptions
from fsbench.scores.results import Result
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.manifest import Manifest

__all__ = ["Request", "evaluate_method"]


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        method: A registered name, or `module:attr`.
        dataset: Name of the dataset; None for the one under `data_root`, else the embedded one.
        data_root: Where datasets are.
        splits: A manifest or a folder of them; None looks in the usual places.
        folds: Empty for all.
        draws: None for all.
        options: Options of the method, as text.
        checkpoint: Weights; given to the method as its option `checkpoint`. "{fold}" in the path stands for the fold.
            None for those that the method brings along for dataset and fold, if it does.
        device: Given to the method as its option `device`, if it has one.
        protocol: Name of the protocol.
        variant: Name for this way of running the method, to tell its runs and entries apart; empty for the usual one.
        out: Folder of the run; None for `runs/<dataset>/<method>`, or `<method>.<variant>`.
    """

    method: str
    dataset: str | None = None
    data_root: Path = Path("data")
    splits: Path | None = None
    folds: Sequence[int] = ()
    draws: Sequence[int] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    device: str = "auto"
    protocol: str = "standard"
    variant: str = ""
    out: Path | None = None


def evaluate_method(request: Request, run: RunOptions) -> dict[Path, Result]:
    """Evaluates a method on the folds asked for.

    Returns:
        The result of each fold, by its run's folder.

    Raises:
        FsbenchError: Something asked for does not exist or does not fit; see `evaluate_fold`.
    """
    protocol = named_protocol(request.protocol)
    method = find_method(request.method)
    if request.variant and not re.fullmatch(r"[\w-]+", request.variant):
        raise RunError(f"The variant {request.variant!r} becomes part of file names: use letters, digits, - and _.")
    dataset, manifest = open_benchmark(request.dataset, request.data_root, request.splits, progress=run.progress)
    draws = tuple(request.draws) if request.draws is not None else _all_draws(manifest)
    name = ".".join(part for part in (method.info.name, request.variant) if part)
    out = request.out or Path("runs") / dataset.name / name
    folds = request.folds or manifest.folds
    options = {fold: method.pin(method.resolve(_given(request, method, dataset.name, fold))) for fold in folds}
    results = {}
    with open_engine(run.engine, run.workers) as run_units:
        for fold in folds:
            folder = out / f"fold-{fold}"
            results[folder] = evaluate_fold(
                manifest, dataset, fold, draws, method, options[fold], protocol, folder, run, run_units, request.variant
            )
    return results


def _given(request: Request, method: MethodFactory, dataset: str, fold: int) -> dict[str, str]:
    """Returns the options that the user or the method itself gives for a fold, as text."""
    given = dict(request.options)
    checkpoint = request.checkpoint or method.shipped_checkpoint(dataset, fold)
    if checkpoint is not None and "checkpoint" not in given:
        path = Path(str(checkpoint).replace("{fold}", str(fold)))
        if not path.exists():
            raise DataError(f"{path}: there is no checkpoint for fold {fold}. Check --checkpoint.")
        given["checkpoint"] = str(path)
    if "device" in method.parameters:
        given.setdefault("device", request.device)
    return given


def _all_draws(manifest: Manifest) -> tuple[int, ...]:
    return tuple(sorted({row["draw"] for row in manifest.rows("supports")}))
