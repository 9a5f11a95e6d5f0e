"""Reading released checkpoints strictly and safely, and our own form: `model.safetensors` beside `config.json`.

A state dict here has *canonical names*: those of the released models, without the prefix of DistributedDataParallel
and without the second name of what is shared.
"""

import argparse
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
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
from transformers import RobertaConfig

from fsbench.errors import DataError
from fsbench.files import write_whole
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import ReferFormer

__all__ = [
    "Source",
    "Weights",
    "fill",
    "first_name",
    "identify",
    "load_checkpoint",
    "load_released",
    "read_checkpoint",
    "read_released",
    "require",
    "save_checkpoint",
    "text_settings",
]

Model = TypeVar("Model", bound=nn.Module)
Config = TypeVar("Config", bound="Configuration")
Source = str | PathLike[str] | Mapping[str, Any]  # Any: a checkpoint holds its training arguments beside the tensors

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


class Configuration(Protocol):
    """What a model is built from, in a form that a folder can hold."""

    def to_json(self) -> str:
        """Returns a JSON object."""

    @classmethod
    def from_json(cls: type[Config], text: str) -> Config:
        """Reads it. Raises ValueError, or TypeError, if it is of another model."""


class Configured(Protocol):
    """A model that knows its configuration."""

    config: Configuration

    def state_dict(self) -> Mapping[str, Tensor]:
        """Returns its weights."""


@dataclass(frozen=True)
class Weights:
    """What a state dict tells about its model; it does not tell the affinity, whose variants have the same tensors."""

    backbone: str
    dab: bool
    has_affinity: bool
    num_queries: int

    def __str__(self) -> str:
        family = "CMA" if self.has_affinity else "ReferFormer"
        return f"{family} with {self.backbone}, {'with' if self.dab else 'without'} DAB"


def load_released(
    source: Source, *, backbone: str = "resnet50", text_config: RobertaConfig | None = None
) -> ReferFormer:
    """Build a ReferFormer from released weights, in eval mode.

    Args:
        source: A checkpoint file (torch or safetensors), or a state dict with the released names.
        backbone: What the weights are of; see `backbones.BACKBONES`.
        text_config: Of the text encoder; None for roberta-base.
    Raises:
        DataError: if the file cannot be read, or the weights are of another model, which the message names.
    """
    state, where = read_released(source)
    found = identify(state, where)
    if found.has_affinity:
        raise DataError(f"{where}: these weights are of {found}. Load them with fsbench_cma.load_released.")
    require(found, where, backbone=backbone, dab=False)
    config = ModelConfig(backbone=backbone, num_queries=found.num_queries, text=text_settings(text_config))
    return fill(ReferFormer(config), state, where).eval()


def text_settings(text_config: RobertaConfig | None) -> dict[str, Any] | None:
    """The entries of a RobertaConfig that `ModelConfig.text` keeps; None for roberta-base."""
    if text_config is None:
        return None
    settings = text_config.to_diff_dict()
    return {name: value for name, value in settings.items() if name not in ("transformers_version", "model_type")}


def read_released(source: Source) -> tuple[dict[str, Tensor], str]:
    """Read a state dict from a file, or take it as it is, under canonical names.

    Returns:
        The state dict, and how to name its origin in messages.
    Raises:
        DataError: if there is no state dict, or reading it would mean to run code from the file.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else _read_file(Path(source))
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
    """The content of a file, without running any code that it may hold."""
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
    """Strip `module.`, and drop what is no weight and second names, which must agree with the first."""
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
    """The canonical name of a tensor: the same but for what has two names."""
    return _ALIASED + name.removeprefix(_ALIAS) if name.startswith(_ALIAS) else name


def identify(state: Mapping[str, Tensor], where: str) -> Weights:
    """Tell from names and shapes what model a canonical state dict is of.

    Raises:
        DataError: if it is of no model of the family.
    """
    dab = "tgt_embed.weight" in state
    queries = state.get("tgt_embed.weight" if dab else "query_embed.weight")
    backbone = _backbone(state)
    if queries is None or backbone is None:
        lacks = "backbone.0.body.*" if backbone is None else "query_embed.weight and tgt_embed.weight"
        names = ", ".join(sorted(state)[:3])
        raise DataError(
            f"{where}: these weights are of no ReferFormer or CMA: {lacks} is not among their names, which begin with "
            f"{names}. Pass a checkpoint of the whole model."
        )
    return Weights(backbone, dab, "conv_q.weight" in state, queries.shape[0])


def _backbone(state: Mapping[str, Tensor]) -> str | None:
    """The name of the backbone, by depth and width; None if there is none."""
    body = "backbone.0.body."
    if f"{body}layer3.0.conv3.weight" in state:
        blocks = _count(state, rf"{body}layer3\.(\d+)\.")
        return {6: "resnet50", 23: "resnet101"}.get(blocks, f"a ResNet with {blocks} blocks in layer3")
    patches, table = (
        state.get(body + name)
        for name in ("patch_embed.proj.weight", "layers.0.blocks.0.attn.relative_position_bias_table")
    )
    if patches is None or table is None:
        return None
    is_video = patches.ndim == 5
    width, blocks = patches.shape[0], _count(state, rf"{body}layers\.2\.blocks\.(\d+)\.")
    size = {(96, 6): "t", (96, 18): "s", (128, 18): "b", (192, 18): "l"}.get((width, blocks), f"{width}x{blocks}")
    offsets = table.shape[0] / 15 if is_video else table.shape[0]  # 15 = 2 * 8 - 1 offsets in time
    window = (round(offsets**0.5) + 1) // 2
    return f"{'video_' if is_video else ''}swin_{size}_p{patches.shape[-1]}w{window}"


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """How many different numbers the group of the pattern takes among the names."""
    return len({found[1] for name in state if (found := re.match(pattern, name))})


def require(found: Weights, where: str, **wanted: object) -> None:
    """Raise a DataError that names the right arguments, if weights are not what the caller says they are."""
    right = {name: getattr(found, name) for name, value in wanted.items() if getattr(found, name) != value}
    if right:
        arguments = ", ".join(f"{name}={value!r}" for name, value in right.items())
        raise DataError(f"{where}: these weights are of {found}: pass {arguments}.")


def fill(model: Model, state: Mapping[str, Tensor], where: str) -> Model:
    """Copy a canonical state dict into a model, strictly, and give the model back.

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
    """Write a model in our own form.

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


def load_checkpoint(folder: Path) -> ReferFormer:
    """Read a ReferFormer that `save_checkpoint` wrote, in eval mode.

    Raises:
        DataError: if a file is missing or damaged, or the model is a CMA.
    """
    config, state = read_checkpoint(folder, ModelConfig)
    if config.affinity is not None:
        raise DataError(f"{folder}: this is a CMA. Load it with fsbench_cma.load_checkpoint.")
    return fill(ReferFormer(config), state, str(folder)).eval()


def read_checkpoint(folder: Path, kind: type[Config]) -> tuple[Config, dict[str, Tensor]]:
    """The configuration and the state dict of a folder that `save_checkpoint` wrote.

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
