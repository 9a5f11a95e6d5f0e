"""What is run, and who it is: what makes two runs the same."""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import fsbench
from fsbench.errors import DataError
from fsbench.files import content_digest
from fsbench.files import for_fold
from fsbench.files import named_path
from fsbench.methods.contract import Fold
from fsbench.methods.devices import Devices
from fsbench.methods.devices import read_devices
from fsbench.methods.registry import MethodFactory
from fsbench.packages import installed_versions
from fsbench.protocol import Protocol
from fsbench.scores.results import RunIdentity
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.controls import Control

__all__ = ["FoldRun", "asked_devices", "chosen_options", "differences", "extends", "method_identity"]

_PACKAGES = (
    "accelerate",
    "kernels",
    "numpy",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "pycocotools",
    "scikit-image",
    "scipy",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
)
"""Packages that masks or scores may depend on; some people have another OpenCV than the one that is asked for."""


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
        control: What stands in for the support sets; None for nothing.
        shard: (i, n): the i-th of n parts of the videos, i from 1; None for all of them.
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
    control: Control | None = None
    shard: tuple[int, int] | None = None

    def identity(self) -> RunIdentity:
        """Returns who the run is. Raises DataError if the checkpoint cannot be read."""
        info = self.benchmark.manifest.info
        return RunIdentity(
            dataset=info.dataset,
            fold=self.fold,
            draws=self.draws,
            manifest_version=info.version,
            manifest_digest=info.digest,
            protocol=self.protocol.signature,
            variant=self.variant,
            limit=self.limit,
            shard=self.shard,
            classes=self.classes,
            control=self.control,
            **method_identity(self.method, self.options),
        )


def method_identity(method: MethodFactory, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: fields of the record
    """Returns the fields of an identity that say how masks are made: method, options, checkpoint, code, packages.

    Raises:
        DataError: The checkpoint cannot be read.
    """
    paths = {key: path for key, value in options.items() if (path := named_path(value))}
    checkpoint = paths.pop("checkpoint", None)
    hidden = {"checkpoint"} if checkpoint or options.get("checkpoint") is None else set()
    return {
        "method": method.info,
        "options": {key: _portable(value) for key, value in options.items() if key not in hidden},
        "files": {key: content_digest(path) for key, path in paths.items()},
        "checkpoint_sha256": content_digest(checkpoint) if checkpoint else None,
        "weights": method.describe_checkpoint(checkpoint) if checkpoint else None,
        "source_sha256": method.source_sha256,
        "distribution": method.distribution,
        "packages": {"fsbench": fsbench.__version__, **installed_versions(_PACKAGES)},
        "commit": _commit(Path(fsbench.__file__).resolve().parents[1]),
    }


def asked_devices(given: Mapping[str, str], device: str) -> Devices:
    """Returns the devices that are asked for: by the option `device` of the method, or else by `device`.

    Raises:
        PluginError: That names no devices.
    """
    return read_devices(str(given.get("device", device)))


def chosen_options(
    method: MethodFactory, given: Mapping[str, str], checkpoint: Path | None, device: str, fold: Fold
) -> dict[str, Any]:  # Any: see MethodFactory.resolve
    """Returns all options of a method for a fold, as they stand now.

    Args:
        method: The method.
        given: Those that the user gives, as text.
        checkpoint: Weights, "{fold}" standing for the fold; None for those that the method brings along, if it does.
        device: Kind of device for a method that uses one; see `asked_devices`.
        fold: What it is to answer.

    Raises:
        DataError: There is no such checkpoint.
        PluginError: An option is unknown, missing, or of another type, or the weights that the method brings along are
            for other classes.
    """
    options = dict(given)
    if checkpoint is None and "checkpoint" not in options:
        checkpoint = method.brought_checkpoint(fold)
    if checkpoint is not None and "checkpoint" not in options:
        path = for_fold(checkpoint, fold.index)
        if not path.exists():
            raise DataError(f"{path}: there is no checkpoint for fold {fold.index}. Check --checkpoint.")
        options["checkpoint"] = str(path)
    if "device" in method.options:
        options["device"] = device
    return method.pin(method.resolve(options))


def _portable(value: object) -> object:
    """Returns an option as JSON has it, and of a path its name alone: where a file lies is nobody's business."""
    if isinstance(value, bool | int | float | None):
        return value
    path = value if isinstance(value, Path) else named_path(value)
    return str(value) if path is None else path.name


def differences(one: BaseModel, other: BaseModel) -> list[str]:
    """Returns what two identities differ in, as "field: one, now other"; of a field with keys those that differ."""
    first, second = one.model_dump(mode="json"), other.model_dump(mode="json")
    found = []
    for key in dict.fromkeys((*first, *second)):
        was, now = first.get(key), second.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            inner = dict.fromkeys((*was, *now))
            found += [f"{key}.{k}: {was.get(k)}, now {now.get(k)}" for k in inner if was.get(k) != now.get(k)]
        elif was != now:
            found.append(f"{key}: {was}, now {now}")
    return found


def extends(one: RunIdentity, other: RunIdentity) -> bool:
    """Returns whether one run is another with more support draws, and nothing else."""
    return set(one.draws) > set(other.draws) and one == other.model_copy(update={"draws": one.draws})


@cache  # what a process has loaded stays what it was
def _commit(checkout: Path) -> str | None:
    """Returns a checkout's commit, with a digest of what its code has beside it; None if the folder is no checkout."""
    if not (checkout / ".git").exists():
        return None
    code = [name for name in ("fsbench", "baselines", "cma") if (checkout / name).is_dir()]
    try:
        head = _git(checkout, "rev-parse", "HEAD").stdout.strip()
        changes = hashlib.sha256(_git(checkout, "diff", "HEAD", "--", *code).stdout.encode())
        others = _git(checkout, "ls-files", "--others", "--exclude-standard", "-z", "--", *code).stdout
        for name in sorted(filter(None, others.split("\0"))):
            changes.update(f"{name}\0".encode() + (checkout / name).read_bytes())
    except OSError:
        return None
    is_clean = changes.hexdigest() == hashlib.sha256().hexdigest()
    return (head if is_clean else f"{head}+{changes.hexdigest()[:12]}") or None


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, errors="replace", check=False
    )
