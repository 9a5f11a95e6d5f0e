"""Released and own checkpoints of CMA, and its start from ReferFormer's weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from transformers import RobertaConfig

from fsbench.errors import DataError
from fsbench_baselines.checkpoints import fill
from fsbench_baselines.checkpoints import load_model
from fsbench_baselines.checkpoints import read_checkpoint
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.referformer.checkpoint import identify
from fsbench_baselines.referformer.checkpoint import require
from fsbench_baselines.referformer.checkpoint import text_settings
from fsbench_baselines.referformer.config import AffinityName
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.released import CheckpointSource
from fsbench_baselines.released import first_name
from fsbench_baselines.released import read_released
from fsbench_cma.model import CMA

__all__ = ["Initialisation", "initialise_from_referformer", "load_checkpoint", "load_released", "save_checkpoint"]


def load_released(
    source: CheckpointSource,
    *,
    backbone: str = "resnet50",
    affinity: AffinityName = "cross",
    dab: bool = True,
    text_config: RobertaConfig | None = None,
) -> CMA:
    """Returns a CMA from released weights, in eval mode, with everything else as released.

    Args:
        source: A checkpoint file (torch or safetensors), or a state dict with the released names.
        backbone: What the weights are of.
        affinity: The variant. All but "prior" have the same tensors, so the weights cannot contradict a wrong one.
        dab: Whether the decoder has DAB queries: the main training script has, those of the ablations have not.
        text_config: Of the text encoder; None for roberta-base.
    Raises:
        DataError: if the file cannot be read, or the weights are of another model, which the message names.
    """
    state, where = read_released(source)
    found = identify(state, where)
    if not found.has_affinity:
        raise DataError(
            f"{where}: these weights are of {found}. Start the training of a CMA from them ('fsbench train --init'), "
            "or run them by --method referformer. In Python: initialise_from_referformer, and "
            "fsbench_baselines.referformer.load_released."
        )
    require(found, where, backbone=backbone, dab=dab)
    config = ModelConfig(
        backbone=backbone,
        affinity=affinity,
        dab=dab,
        num_queries=found.num_queries,
        text=text_settings(text_config),
    )
    return load_model(CMA, config, state, where)


def load_checkpoint(folder: Path) -> CMA:
    """Reads a CMA that `save_checkpoint` wrote, in eval mode.

    Raises:
        DataError: if a file is missing or damaged, or the model is a ReferFormer.
    """
    config, state = read_checkpoint(folder, ModelConfig)
    if config.affinity is None:
        raise DataError(f"{folder}: this is a ReferFormer. Load it with fsbench_baselines.referformer.load_checkpoint.")
    return load_model(CMA, config, state, str(folder))


@dataclass(frozen=True)
class Initialisation:
    """What a model took over from other weights, by names of its state dict.

    Attributes:
        taken: Tensors that were copied.
        missing: Tensors of the model that kept their values.
        left: Tensors of the source that the model does not have or does not take.
    """

    taken: tuple[str, ...]
    missing: tuple[str, ...]
    left: tuple[str, ...]


def initialise_from_referformer(model: CMA, source: CheckpointSource) -> Initialisation:
    """Copies what fits from ReferFormer's weights into a CMA, as the released training does before its first step.

    The heads that score the queries (`class_embed`) are not taken: the released training starts them anew.

    Args:
        model: Is changed.
        source: A released checkpoint file, a state dict with the released names, or a folder of ours.
    Raises:
        DataError: if it cannot be read, is of another backbone, or a shared tensor has another shape; or if a folder
            holds a CMA.
    """
    state, where = _read_referformer(source, model.config.backbone)
    own = model.state_dict()
    usable = {name: tensor for name, tensor in state.items() if name in own and not name.startswith("class_embed.")}
    fill(model, {first_name(name): usable.get(first_name(name), tensor) for name, tensor in own.items()}, where)
    return Initialisation(
        taken=tuple(name for name in own if first_name(name) in usable),
        missing=tuple(name for name in own if first_name(name) not in usable),
        left=tuple(name for name in state if name not in usable),
    )


def _read_referformer(source: CheckpointSource, backbone: str) -> tuple[dict[str, Tensor], str]:
    """Returns a state dict with a backbone, and how to name its origin in messages."""
    if isinstance(source, Mapping) or not Path(source).is_dir():
        state, where = read_released(source)
        require(identify(state, where), where, backbone=backbone)
        return state, where
    config, state = read_checkpoint(Path(source), ModelConfig)
    if config.affinity is not None:
        raise DataError(f"{source}: this is a CMA. The training of a CMA starts from a ReferFormer.")
    if config.backbone != backbone:
        raise DataError(f"{source}: these weights are of a {config.backbone}, the model has a {backbone}.")
    return state, str(source)
