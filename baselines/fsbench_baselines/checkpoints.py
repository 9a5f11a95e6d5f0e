"""Reading released checkpoints strictly and safely, and our own form: `model.safetensors` beside `config.json`.

A state dict here has *canonical names*: those of the released models, without the prefix of DistributedDataParallel
and without the second name of what is shared.
"""

import argparse
import json
import re
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from typing import Protocol
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from torch import nn
from torch import Tensor

from fsbench.errors import DataError
from fsbench.files import write_whole
from fsbench_baselines.configuration import Configuration

__all__ = [
    "CheckpointSource",
    "Configured",
    "Model",
    "fill",
    "first_name",
    "read_checkpoint",
    "read_released",
    "save_checkpoint",
]

Model = TypeVar("Model", bound=nn.Module)
Config = TypeVar("Config", bound=Configuration)
# Any: a checkpoint holds the arguments of its training beside the tensors.
CheckpointSource = str | PathLike[str] | Mapping[str, Any]
# With box refinement the decoder holds the box heads of the model under a second name.
_ALIAS = "transformer.decoder.bbox_embed."
_ALIASED = "bbox_embed."
# What a state dict may hold too much: a buffer of older transformers, and the counts that `thop` leaves behind.
_NOT_WEIGHTS = ("text_encoder.embeddings.position_ids", "total_params", "total_ops")
# What a state dict may lack: an index that follows from the window size, and a count that nothing reads.
_DISPENSABLE = (".relative_position_index", ".num_batches_tracked")
# Where training scripts put the state dict: those of this family, and DANet's.
_PLACES = ("model", "state_dict")
_MODEL_FILE, _CONFIG_FILE = "model.safetensors", "config.json"
_VERSION = 1


class Configured(Protocol):
    """A model that knows its configuration."""

    @property
    def config(self) -> Configuration:
        """Returns what it was built from."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Returns its weights."""


def read_released(source: CheckpointSource) -> tuple[dict[str, Tensor], str]:
    """Reads a state dict from a file, or takes it as it is, under canonical names.

    Returns:
        The state dict, and how to name its origin in messages.
    Raises:
        DataError: if there is no state dict, or reading it would mean to run code from the file.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content: Any = source if isinstance(source, Mapping) else _read_file(Path(source))  # Any: what a file holds
    if isinstance(content, Mapping):
        content = next((content[place] for place in _PLACES if isinstance(content.get(place), Mapping)), content)
    is_state = isinstance(content, Mapping) and all(isinstance(value, Tensor) for value in content.values())
    if not is_state or not content or not all(isinstance(name, str) for name in content):
        raise DataError(
            f"{where}: there is no state dict in it, neither under 'model' or 'state_dict' nor at the top. "
            "Pass a checkpoint as the released training scripts save it, or a mapping of names to tensors."
        )
    return _canonical(content, where), where


def _read_file(path: Path) -> object:
    """Returns the content of a file, without running any code that it may hold."""
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a released checkpoint. Load our own form with load_checkpoint.")
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint file. Check the path, or download the weights first.")
    with path.open("rb") as stream:
        is_safetensors = stream.read(9)[8:] == b"{"
    try:
        if is_safetensors:
            return safetensors.torch.load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # which kinds a damaged file raises is not documented: OSError to KeyError were seen
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused:
            raise DataError(
                f"{path} asks for {refused[1]} when it is read. A checkpoint needs tensors, numbers and "
                "argparse.Namespace only; nothing else in it is ever executed. Save the state dict alone instead."
            ) from error
        raise DataError(
            f"{path} is truncated or not a checkpoint ({type(error).__name__}). Download it again."
        ) from error


def _canonical(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Strips `module.`, and drops what is no weight and second names, which must agree with the first."""
    prefix = "module." if all(name.startswith("module.") for name in state) else ""
    named = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    kept = {name: tensor for name, tensor in named.items() if not name.endswith(_NOT_WEIGHTS)}
    for alias in [name for name in kept if name.startswith(_ALIAS)]:
        tensor = kept.pop(alias)
        first = kept.setdefault(first_name(alias), tensor)
        if first is not tensor and not torch.equal(first, tensor):
            raise DataError(f"{where}: {alias} and {first_name(alias)} differ, but are one tensor in the model.")
    return kept


def first_name(name: str) -> str:
    """Returns the canonical name of a tensor: the same but for what has two names."""
    return _ALIASED + name.removeprefix(_ALIAS) if name.startswith(_ALIAS) else name


def fill(model: Model, state: Mapping[str, Tensor], where: str) -> Model:
    """Copies a canonical state dict into a model, strictly, and gives the model back.

    Raises:
        DataError: if a tensor is missing, left over or of another shape.
    """
    own = model.state_dict()
    missing = [name for name in own if first_name(name) not in state and not name.endswith(_DISPENSABLE)]
    left = [name for name in state if name not in own]
    reshaped = [
        f"{name} {list(tensor.shape)} instead of {list(own[name].shape)}"
        for name, tensor in state.items()
        if name in own and tensor.shape != own[name].shape
    ]
    problems = {"missing": missing, "not part of the model": left, "of another shape": reshaped}
    if any(problems.values()):
        found = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in problems.items() if names)
        concerns_text = any(name.startswith("text_encoder.") for names in problems.values() for name in names)
        remedy = "Pass the text_config that they were made with" if concerns_text else "Check backbone and variant"
        raise DataError(f"{where}: the weights do not fit the model, of its tensors {found}. {remedy}.")
    model.load_state_dict({name: state.get(first_name(name), tensor) for name, tensor in own.items()})
    return model


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def save_checkpoint(folder: Path, model: Configured, *, half: bool = False) -> None:
    """Writes a model in our own form.

    Args:
        folder: Where to; made if it is not there.
        model: A ReferFormer, a CMA, or another model with a configuration.
        half: Store float16, half the size, where that does not overflow; loading gives float32 again.
    """
    config = json.dumps({"version": _VERSION, "config": json.loads(model.config.to_json())}, indent=2) + "\n"
    tensors = {
        name: _halved(tensor) if half else tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith(_ALIAS)
    }
    folder = Path(folder)
    # The weights carry their configuration, so that a pair of which only one file is new is found out.
    write_whole(folder / _MODEL_FILE, safetensors.torch.save(tensors, metadata={"config": config}))
    write_whole(folder / _CONFIG_FILE, config)


def _halved(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if torch.isfinite(half).all() else tensor


def read_checkpoint(folder: Path, kind: type[Config]) -> tuple[Config, dict[str, Tensor]]:
    """Returns the configuration and the state dict of a folder that `save_checkpoint` wrote.

    Args:
        folder: The folder.
        kind: Of the configuration.
    Raises:
        DataError: if a file is missing or damaged, or the two do not belong together.
    """
    weights, settings = Path(folder) / _MODEL_FILE, Path(folder) / _CONFIG_FILE
    for path in (weights, settings):
        if not path.is_file():
            raise DataError(f"{path} is not there. A checkpoint is a folder with {_MODEL_FILE} and {_CONFIG_FILE}.")
    text = settings.read_text(encoding="utf-8")
    try:
        with safetensors.safe_open(weights, framework="pt") as stream:
            written_with = (stream.metadata() or {}).get("config")
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except safetensors.SafetensorError as error:
        raise DataError(f"{weights} is damaged ({error}). Write or download it again.") from error
    if written_with != text:
        raise DataError(f"{settings} is not the configuration that {_MODEL_FILE} was written with. Save it again.")
    return _config(text, settings, kind), state


def _config(text: str, path: Path, kind: type[Config]) -> Config:
    try:
        record = json.loads(text)
        if record["version"] != _VERSION:
            raise ValueError(f"its version is {record['version']}, this program reads {_VERSION}")
        return kind.from_json(json.dumps(record["config"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not the configuration of a model: {error}. Save it again.") from error
