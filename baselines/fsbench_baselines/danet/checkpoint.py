"""Released and own checkpoints of DANet, and the weights of its backbone alone."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from fsbench.errors import DataError
from fsbench_baselines.checkpoints import load_model
from fsbench_baselines.checkpoints import read_checkpoint
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.danet.config import DANetConfig
from fsbench_baselines.danet.model import DANet
from fsbench_baselines.released import CheckpointSource
from fsbench_baselines.released import read_released

__all__ = ["initial_state", "load_checkpoint", "load_released", "save_checkpoint"]

# Modules of a ResNet with a deep stem, as its ImageNet weights name them -> their places in the encoder.
_STEM = {"conv1": "layer0.0", "bn1": "layer0.1", "conv2": "layer0.3", "bn2": "layer0.4"}
_STEM |= {"conv3": "layer0.6", "bn3": "layer0.7"}
_STAGES = ("layer1", "layer2", "layer3")


def load_released(source: CheckpointSource) -> DANet:
    """Returns a DANet from released weights, in eval mode.

    Args:
        source: A checkpoint file (torch or safetensors), or a state dict with the released names.
    Raises:
        DataError: if the file cannot be read, or the weights are of another model.
    """
    state, where = read_released(source)
    _require_danet(state, where)
    return load_model(DANet, DANetConfig(), state, where)


def load_checkpoint(folder: Path) -> DANet:
    """Reads a DANet that `save_checkpoint` wrote, in eval mode.

    Raises:
        DataError: if a file is missing or damaged, or of another model.
    """
    config, state = read_checkpoint(folder, DANetConfig)
    return load_model(DANet, config, state, str(folder))


def initial_state(source: Path, model: DANet) -> dict[str, Tensor]:
    """Reads what a training starts from.

    Args:
        source: A released checkpoint, a folder of ours, or ImageNet weights of the released backbone.
        model: What the training begins with; the backbone's weights are put into its state.
    Raises:
        DataError: if it cannot be read or is none of these.
    """
    if source.is_dir():
        return load_checkpoint(source).state_dict()
    state, where = read_released(source)
    if "layer1.0.conv1.weight" not in state:
        _require_danet(state, where)
        return state
    return model.state_dict() | _encoder_state(state)


def _require_danet(state: Mapping[str, Tensor], where: str) -> None:
    if "encoder.layer0.0.weight" not in state or "Decoder.pred2.weight" not in state:
        names = ", ".join(sorted(state)[:3])
        raise DataError(
            f"{where}: these weights are of no DANet: its names encoder.* and Decoder.* are not among theirs, which "
            f"begin with {names}. Pass a checkpoint of github.com/scutpaul/DANet."
        )


def _encoder_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns a ResNet's weights under the encoder's names, without its last stage and classifier."""
    places = _STEM | {name: name for name in _STAGES}
    split = {name: name.split(".", 1) for name in state}
    return {
        f"encoder.{places[parts[0]]}.{parts[1]}": state[name] for name, parts in split.items() if parts[0] in places
    }
