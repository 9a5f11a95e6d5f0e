"""What is run, and who it is: what makes two runs the same."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fsbench
from fsbench.files import content_digest
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import Protocol
from fsbench.scores.results import RunIdentity
from fsbench.splits.benchmark import Benchmark

__all__ = ["FoldRun", "differences", "extends"]

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pycocotools",
    "scikit-image",
    "scipy",
    "torch",
    "transformers",
)


@dataclass(frozen=True)
class FoldRun:
    """A fold that a method is run over.

    Attributes:
        benchmark: The episodes and their data.
        fold, draws: Which of them.
        method: The method.
        options: Its options, resolved.
        protocol: How masks are scored.
        variant: The user's name for this way of running the method; empty for the usual one.
        limit: Query videos of the plan to take, the first ones; None for all.
        classes: Names of the classes to take, sorted; None for all.
    """

    benchmark: Benchmark
    fold: int
    draws: tuple[int, ...]
    method: MethodFactory
    options: Mapping[str, Any]  # Any: see MethodFactory.resolve
    protocol: Protocol
    variant: str = ""
    limit: int | None = None
    classes: tuple[str, ...] | None = None

    def identity(self) -> RunIdentity:
        """Returns who the run is. Raises DataError if the checkpoint cannot be read."""
        checkpoint = self.options.get("checkpoint")
        info = self.benchmark.manifest.info
        return RunIdentity(
            dataset=info.dataset,
            fold=self.fold,
            draws=self.draws,
            manifest_version=info.version,
            manifest_digest=info.digest,
            protocol=self.protocol.signature,
            method=self.method.info,
            variant=self.variant,
            limit=self.limit,
            classes=self.classes,
            options={key: _portable(value) for key, value in self.options.items() if key != "checkpoint"},
            checkpoint_sha256=content_digest(checkpoint) if isinstance(checkpoint, Path) else None,
            distribution=self.method.distribution,
            packages={"fsbench": fsbench.__version__, **{name: v for name in _PACKAGES if (v := _version(name))}},
            commit=_commit(),
        )


def _portable(value: object) -> object:
    """Returns an option as JSON has it, and of a path its name alone: where a file lies is nobody's business."""
    if isinstance(value, bool | int | float | None):
        return value
    return value.name if isinstance(value, Path) else str(value)


def differences(one: RunIdentity, other: RunIdentity) -> list[str]:
    """Returns what two identities differ in, as "field: one, other"."""
    first, second = one.model_dump(mode="json"), other.model_dump(mode="json")
    pairs = {key: (first.get(key), second.get(key)) for key in (*first, *second)}
    return [f"{key}: {_brief(was)}, now {_brief(now)}" for key, (was, now) in pairs.items() if was != now]


def extends(one: RunIdentity, other: RunIdentity) -> bool:
    """Returns whether one run is another with more support draws, and nothing else."""
    return set(one.draws) > set(other.draws) and one == other.model_copy(update={"draws": one.draws})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    package = Path(fsbench.__file__).resolve().parent
    if not (package.parent / ".git").exists():
        return None
    code = [name for name in ("fsbench", "baselines", "cma") if (package.parent / name).is_dir()]
    try:
        head = _git(package.parent, "rev-parse", "HEAD").stdout.strip()
        changed = _git(package.parent, "status", "--porcelain", "--", *code).stdout.strip()
    except OSError:
        return None
    return (head + ("+changes" if changed else "")) or None


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
