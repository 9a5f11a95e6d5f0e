"""Filling models strictly, and checkpoints in our own form: `model.safetensors` beside `config.json`.

State dicts have canonical names; see `fsbench_baselines.released`.
"""

import json
import os
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from typing import Protocol
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import nn
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fsbench.errors import DataError
from fsbench.files import write_whole
from fsbench.methods.contract import Training
from fsbench.records import first_problem
from fsbench_baselines.configuration import Configuration
from fsbench_baselines.released import ALIAS
from fsbench_baselines.released import first_name

__all__ = [
    "Configured",
    "Model",
    "fill",
    "load_model",
    "random_model",
    "read_checkpoint",
    "save_checkpoint",
]

Model = TypeVar("Model", bound=nn.Module)
Config = TypeVar("Config", bound=Configuration)
# What a state dict may lack: an index that follows from the window size, and a count that nothing reads.
_DISPENSABLE = (".relative_position_index", ".num_batches_tracked")
_MODEL_FILE, _CONFIG_FILE = "model.safetensors", "config.json"
_VERSION = 1


class Configured(Protocol):
    """A model that knows its configuration."""

    @property
    def config(self) -> Configuration:
        """Returns what it was built from."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Returns its weights."""


def random_model(kind: Callable[[Config], Model], config: Config) -> Model:
    """Returns a model of a configuration with random weights.

    Raises:
        ValueError: The configuration describes no model, or one that this machine has no memory for.
    """
    _require_possible(kind, config)
    return kind(config)


def _require_possible(kind: Callable[[Config], Model], config: Config) -> None:
    """Raises ValueError if a configuration describes no model, or one that this machine has no memory for."""
    try:
        with torch.device("meta"), _Undrawn():  # a wrong number may ask for any amount of memory
            sketch = kind(config)
    except Exception as error:  # which kinds the layers of torch and transformers raise is theirs to choose
        kind_of_error = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(kind_of_error + " ".join(str(error).split())) from error
    size = sum(tensor.numel() * tensor.element_size() for tensor in sketch.state_dict().values())
    if size > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        raise ValueError(f"it has {size / 2**30:.0f} GiB of weights, more than this machine has memory")


class _Undrawn(TorchFunctionMode):
    """Fills with zeros what would be filled with random numbers: most of the time that making a model takes.

    Not with whatever lies in memory: torch draws again, until it has none, what is out of the bounds of a distribution.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,  # Any: what torch's functions take
    ) -> Any:
        named = kwargs or {}
        if func in _DRAWS:
            return nn.init.zeros_(args[0] if args else named["tensor"])
        return func(*args, **named)


_DRAWS = (Tensor.uniform_, Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_)


def load_model(kind: Callable[[Config], Model], config: Config, state: Mapping[str, Tensor], where: str) -> Model:
    """Returns a model of a configuration with a canonical state dict as its weights, in eval mode.

    Raises:
        DataError: if the configuration describes no model, or the weights are not of this one; see `fill`.
    """
    try:
        _require_possible(kind, config)
        with _Undrawn():
            model = kind(config)
        return fill(model, state, where).eval()
    except ValueError as error:
        raise DataError(f"{where}: its configuration describes no model ({error}). Save it again.") from error


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


def save_checkpoint(folder: Path, model: Configured, *, half: bool = False, training: Training | None = None) -> None:
    """Writes a model in our own form.

    Args:
        folder: Where to; made if it is not there.
        model: A ReferFormer, a CMA, or another model with a configuration.
        half: Store float16, half the size, where that does not overflow; loading gives float32 again.
        training: How the weights were made, if it is known.
    """
    record = {"version": _VERSION, "config": model.config.to_record()}
    record |= {} if training is None else {"training": asdict(training)}
    config = json.dumps(record, indent=2) + "\n"
    tensors = {
        name: _halved(tensor) if half else tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith(ALIAS)
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
    try:
        text = settings.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{settings} is not the configuration of a model: {error}. Save it again.") from error
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
    except ValidationError as error:
        raise DataError(
            f"{path} is not the configuration of a model: {first_problem(error)}. Save it again."
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is not the configuration of a model: {error}. Save it again.") from error
