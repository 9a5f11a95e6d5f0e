"""A training's folder: what it is (`training.json`), all that it needs to go on (`state.pt`), and the checkpoint."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import IO

import safetensors
import safetensors.torch
import torch
from pydantic import Field
from pydantic import ValidationError
from torch import nn
from torch import Tensor

from fsbench.errors import RunError
from fsbench.files import content_digest
from fsbench.files import whole_folder
from fsbench.files import write_whole
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench_baselines.training.task import Task

__all__ = [
    "TrainingIdentity",
    "TrainingRecord",
    "load_weights",
    "read_learnt",
    "read_record",
    "read_state",
    "save_model",
    "write_state",
]

_VERSION = 1


class TrainingIdentity(Record):
    """What makes two trainings the same. None goes on with the state of another.

    Attributes:
        method: The name of what is trained.
        options: What it was made with, files by content.
        model: What its model is built from, as JSON has it.
        recipe: The recipe, as JSON has it.
        seed: Of weights, episodes, augmentation and dropout.
        manifest_digest: Of the splits.
        processes: Of which each has a batch.
        precision: "no", "bf16" or "fp16".
        about: What else there is to say, such as method and fold.
    """

    # Trainings of version 0.1 recorded none of these three, and so are other trainings.
    method: str | None = None
    options: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)  # Any: JSON
    recipe: dict[str, Any]  # Any: JSON
    seed: int
    manifest_digest: str
    processes: int
    precision: str
    about: dict[str, str | int | None]

    def require_same(self, other: "TrainingIdentity", where: Path) -> None:
        """Raises RunError with all differences, if there are any, between this identity and one found in a folder."""
        now, found = _flat(self.model_dump(mode="json")), _flat(other.model_dump(mode="json"))
        names = [*now, *(name for name in found if name not in now)]
        changes = [f"{n}: {found.get(n)}, now {now.get(n)}" for n in names if found.get(n) != now.get(n)]
        if changes:
            raise RunError(
                f"{where}: is of another training ({'; '.join(changes)}). Resume with what it was started with, or "
                "give another --out."
            )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of nested mappings; an empty mapping is a leaf."""
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        is_branch = isinstance(value, Mapping) and value
        leaves |= _flat(value, f"{prefix}{name}.") if is_branch else {prefix + name: value}
    return leaves


class TrainingRecord(Record):
    """What a finished training leaves beside its checkpoint, as `training.json`.

    Attributes:
        schema_version: Of this record.
        identity: What was trained.
        packages: Versions of what it was trained with, at the end.
        steps: All steps.
        episodes: All episodes, each as often as it was seen.
        seconds: All steps together.
        checkpoint_sha256: Of the checkpoint's folder; None where version 0.1 wrote the record.
    """

    schema_version: int = _VERSION
    identity: TrainingIdentity
    packages: dict[str, str]
    steps: int
    episodes: int
    seconds: float
    checkpoint_sha256: str | None = None

    def describes(self, model: Path) -> bool:
        """Returns whether a checkpoint is there as it was written."""
        if self.checkpoint_sha256 is None:
            return model.is_dir() and any(model.iterdir())
        return model.is_dir() and content_digest(model) == self.checkpoint_sha256


def read_record(path: Path) -> TrainingRecord:
    """Reads `training.json`. Raises RunError if it is none."""
    try:
        return TrainingRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path}: is no record of a training ({first_problem(error)}). Give another --out.") from error


def write_state(path: Path, identity: TrainingIdentity, content: Mapping[str, Any]) -> None:
    """Writes a state whole: until the new one is complete, the old one stays.

    Args:
        path: The file.
        identity: Whose state it is.
        content: Tensors, numbers and strings in dictionaries and lists.
    """
    state = {"version": _VERSION, "identity": identity.model_dump_json(), **content}
    state["digest"] = _digest(state)

    def save(stream: IO[bytes]) -> None:
        try:
            torch.save(state, stream)
        except RuntimeError as error:  # torch hides behind it what a full disk said
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise

    write_whole(path, save)


def _digest(content: object) -> str:
    """Returns the SHA-256 of nested mappings and sequences of tensors, numbers and strings: torch checks no bytes."""
    digest = hashlib.sha256()
    _add(digest, content)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", value: object) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, Mapping | list | tuple):
        digest.update(f"{len(value)} of {'mapping' if isinstance(value, Mapping) else 'list'}\0".encode())
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            digest.update(f"{key!r}\0".encode())
            _add(digest, item)
    else:
        digest.update(f"{value!r}\0".encode())


def read_state(path: Path, identity: TrainingIdentity, *, mapped: bool = False) -> dict[str, Any]:
    """Reads a state on the CPU, without running any code that may be in it.

    Args:
        path: The file.
        identity: Whose state it has to be.
        mapped: Read no tensors before they are used; for as long as the file is not replaced.

    Raises:
        RunError: It cannot be read, or is of another training.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        found = TrainingIdentity.model_validate_json(state["identity"])
        if state.pop("digest") != _digest(state):
            raise ValueError("not the digest of the rest")
    except Exception as error:  # which kinds a damaged file raises is not documented
        raise RunError(
            f"{path}: is damaged or no state of a training ({type(error).__name__}). "
            "Bring it back from a copy, or train anew with another --out."
        ) from error
    identity.require_same(found, path)
    return state


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Fills a model in place. Raises RunError if the weights are of another model."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        problem = " ".join(str(error).split())[:300]
        raise RunError(f"{where}: is the state of another model ({problem}). Give another --out.") from error


def read_learnt(path: Path) -> dict[str, Tensor]:
    """Returns the tensors that a stage left. Raises RunError if they are gone or damaged."""
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(
            f"{path}: what was learnt before cannot be read ({error}). Bring it back from a copy, or train anew with "
            "another --out."
        ) from error


def save_model(task: Task, folder: Path) -> None:
    """Writes a task's checkpoint whole, in place of one that may be there."""
    with whole_folder(folder, replaces=True) as fresh:
        task.save(fresh)
