"""What a checkpoint of the family is of, and ReferFormers from released checkpoints and from our own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import RobertaConfig

from fsbench.errors import DataError
from fsbench_baselines.checkpoints import load_model
from fsbench_baselines.checkpoints import read_checkpoint
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_baselines.released import CheckpointSource
from fsbench_baselines.released import read_released

__all__ = ["ModelTraits", "identify", "load_checkpoint", "load_released", "require", "text_settings"]

_BODY = "backbone.0.body."


@dataclass(frozen=True)
class ModelTraits:
    """What a state dict tells about its model; it does not tell the affinity, whose variants have the same tensors.

    Attributes:
        backbone: Its name in `backbones.BACKBONES`, or a description of one that is not there.
        dab: Whether the decoder has DAB queries.
        has_affinity: Whether it is a CMA.
        num_queries: Object queries of a frame.
    """

    backbone: str
    dab: bool
    has_affinity: bool
    num_queries: int

    def __str__(self) -> str:
        family = "CMA" if self.has_affinity else "ReferFormer"
        return f"{family} with {self.backbone}, {'with' if self.dab else 'without'} DAB"


def load_released(
    source: CheckpointSource, *, backbone: str = "resnet50", text_config: RobertaConfig | None = None
) -> ReferFormer:
    """Returns a ReferFormer from released weights, in eval mode.

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
        raise DataError(
            f"{where}: these weights are of {found}. Run them by --method cma. In Python: fsbench_cma.load_released."
        )
    require(found, where, backbone=backbone, dab=False)
    config = ModelConfig(backbone=backbone, num_queries=found.num_queries, text=text_settings(text_config))
    return load_model(ReferFormer, config, state, where)


def text_settings(text_config: RobertaConfig | None) -> dict[str, Any] | None:
    """Returns the entries of a RobertaConfig that `ModelConfig.text` keeps; None for roberta-base."""
    if text_config is None:
        return None
    settings = text_config.to_diff_dict()
    return {name: value for name, value in settings.items() if name not in ("transformers_version", "model_type")}


def identify(state: Mapping[str, Tensor], where: str) -> ModelTraits:
    """Tells from names and shapes what model a canonical state dict is of.

    Raises:
        DataError: if it is of no model of the family.
    """
    dab = "tgt_embed.weight" in state
    queries = state.get("tgt_embed.weight" if dab else "query_embed.weight")
    backbone = _backbone(state)
    if backbone is None and any(name.startswith(_BODY) for name in state):
        raise DataError(
            f"{where}: these weights are of a backbone that their names and shapes do not tell. Pass the folder that "
            "'fsbench train' made, where config.json says what the model is."
        )
    if queries is None or backbone is None:
        lacks = f"{_BODY}*" if backbone is None else "query_embed.weight and tgt_embed.weight"
        names = ", ".join(sorted(state)[:3])
        raise DataError(
            f"{where}: these weights are of no ReferFormer or CMA: {lacks} is not among their names, which begin with "
            f"{names}. Pass a checkpoint of the whole model."
        )
    return ModelTraits(backbone, dab, "conv_q.weight" in state, queries.shape[0])


def _backbone(state: Mapping[str, Tensor]) -> str | None:
    """Returns the name of the backbone, by depth and width; None if there is none."""
    if f"{_BODY}layer3.0.conv3.weight" in state:
        blocks = _count(state, rf"{_BODY}layer3\.(\d+)\.")
        return {6: "resnet50", 23: "resnet101"}.get(blocks, f"a ResNet with {blocks} blocks in layer3")
    patches, table = (
        state.get(_BODY + name)
        for name in ("patch_embed.proj.weight", "layers.0.blocks.0.attn.relative_position_bias_table")
    )
    if patches is None or table is None:
        return None
    is_video = patches.ndim == 5
    width, blocks = patches.shape[0], _count(state, rf"{_BODY}layers\.2\.blocks\.(\d+)\.")
    size = {(96, 6): "t", (96, 18): "s", (128, 18): "b", (192, 18): "l"}.get((width, blocks), f"{width}x{blocks}")
    offsets = table.shape[0] / 15 if is_video else table.shape[0]  # 15 = 2 * 8 - 1 offsets in time
    window = (round(offsets**0.5) + 1) // 2
    return f"{'video_' if is_video else ''}swin_{size}_p{patches.shape[-1]}w{window}"


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """Returns how many different numbers the group of the pattern takes among the names."""
    return len({found[1] for name in state if (found := re.match(pattern, name))})


def require(found: ModelTraits, where: str, **wanted: object) -> None:
    """Raises a DataError that names the right arguments, if weights are not what the caller says they are."""
    right = {name: getattr(found, name) for name, value in wanted.items() if getattr(found, name) != value}
    if right:
        arguments = ", ".join(f"{name}={value!r}" for name, value in right.items())
        raise DataError(f"{where}: these weights are of {found}: pass {arguments}.")


def load_checkpoint(folder: Path) -> ReferFormer:
    """Reads a ReferFormer that `save_checkpoint` wrote, in eval mode.

    Raises:
        DataError: if a file is missing or damaged, or the model is a CMA.
    """
    config, state = read_checkpoint(folder, ModelConfig)
    if config.affinity is not None:
        raise DataError(f"{folder}: this is a CMA. Load it with fsbench_cma.load_checkpoint.")
    return load_model(ReferFormer, config, state, str(folder))
