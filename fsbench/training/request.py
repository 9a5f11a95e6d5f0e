"""From what a user asks for to a trained checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from pathlib import Path
from typing import Any

from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.errors import RunError
from fsbench.files import content_digest
from fsbench.files import for_fold
from fsbench.files import named_path
from fsbench.files import path_part
from fsbench.methods.registry import find_method
from fsbench.splits.benchmark import Benchmark
from fsbench.training.job import TrainingJob
from fsbench.training.job import TrainingOptions

__all__ = ["TrainingRequest", "train_method"]


@dataclass(frozen=True, kw_only=True)
class TrainingRequest(TrainingOptions):
    """What to train; "{fold}" in the path `init` stands for the fold.

    Attributes:
        method: What `find_method` takes.
        benchmark: Episodes and data.
        fold: The fold whose base classes to train on.
        options: Options of the method, as text.
        out: Folder of the training; None for `trainings/<dataset>/<method>/seed-<seed>/fold-<fold>`.
    """

    method: str
    benchmark: Benchmark
    fold: int
    options: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None


def train_method(request: TrainingRequest) -> Path:
    """Trains a method on the base classes of a fold.

    Returns:
        The checkpoint, as `--checkpoint` of `fsbench evaluate` takes it.

    Raises:
        FsbenchError: Something asked for does not exist or does not fit, or the method cannot be trained.
    """
    method = find_method(request.method)
    options = method.resolve(request.options)
    init = None if request.init is None else for_fold(request.init, request.fold)
    if init is not None and not init.exists():
        raise DataError(f"{init}: there are no weights to start from. Check --init.")
    benchmark = request.benchmark
    fold = benchmark.fold(request.fold)
    if not fold.base:
        raise ManifestError(f"{benchmark.manifest.path}: fold {request.fold} has no base classes to train on.")
    dataset, name = path_part(benchmark.name, "dataset", RunError), path_part(method.info.name, "method", RunError)
    place = Path(dataset) / name / f"seed-{request.seed}" / f"fold-{request.fold}"
    chosen = {entry.name: getattr(request, entry.name) for entry in fields(TrainingOptions)}
    job = TrainingJob(
        method=method.info.name,
        options={name: _by_content(value) for name, value in options.items()},
        benchmark=benchmark,
        fold=fold,
        out=request.out or Path("trainings") / place,
        **{**chosen, "init": init},
    )
    return method.train(options, job)


def _by_content(value: Any) -> str | int | float | bool | None:  # Any: whatever the method's annotations say
    """Returns an option's value: of a path, whether it is annotated as one or not, the digest of what lies there."""
    if isinstance(value, bool | int | float | None):
        return value
    path = named_path(value)
    return str(value) if path is None else content_digest(path)
