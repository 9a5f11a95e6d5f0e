"""Numbers of the released models: weights by their fill rule, inputs, and outputs to compare with."""

import functools
import importlib.util
import json
import types
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import RobertaConfig

from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.targets import Target
from fsbench_baselines.released import first_name as canonical

__all__ = [
    "MODELS",
    "TOLERANCES",
    "batches",
    "canonical",
    "entries",
    "filled",
    "sketch",
    "state",
    "target",
    "text_config",
]

# Tag of a golden model -> the arguments of load_released.
MODELS = {
    "cma_r50": {"backbone": "resnet50", "affinity": "cross", "dab": True},
    "cma_r50_nodab": {"backbone": "resnet50", "affinity": "cross", "dab": False},
    "base_cma_r50": {"backbone": "resnet50", "affinity": "add", "dab": False},
    "self_cma_r50": {"backbone": "resnet50", "affinity": "self", "dab": False},
    "cma_swin_t": {"backbone": "swin_t_p4w7", "affinity": "cross", "dab": True},
    "cma_vswin_t": {"backbone": "video_swin_t_p4w7", "affinity": "cross", "dab": True},
}
TOLERANCES = {"logits": 2e-5, "boxes": 5e-6, "masks": 5e-4, "reference_points": 5e-6}


def text_config(folder: Path) -> RobertaConfig:
    return RobertaConfig(**json.loads((folder / "configs.json").read_text())["text_encoder"])


def entries(folder: Path, tag: str) -> list[dict]:
    return json.loads((folder / f"names_{tag}.json").read_text())


def sketch(folder: Path, tag: str) -> dict[str, Tensor]:
    """The floating entries of a model by name and shape alone: zeros that take no memory."""
    floating = (entry for entry in entries(folder, tag) if entry["dtype"] == "float32")
    return {entry["name"]: torch.zeros(()).expand(entry["shape"]) for entry in floating}


def state(folder: Path, tag: str) -> dict[str, Tensor]:
    """The filled floating entries of a model; shared between callers, not to be written to."""
    return {name: filled(folder, name, tuple(tensor.shape)) for name, tensor in sketch(folder, tag).items()}


@functools.cache
def filled(folder: Path, name: str, shape: tuple[int, ...]) -> Tensor:
    """One entry of a model by the fill rule; shared between callers, not to be written to."""
    fill = _fill(folder)
    first = fill.canonical(name)
    return filled(folder, first, shape) if first != name else torch.from_numpy(fill.value(name, shape))


@functools.cache
def _fill(folder: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("golden_fill", folder / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batches(folder: Path, case: str) -> tuple[QueryBatch, SupportBatch]:
    inputs = np.load(folder / f"inputs_{case}.npz")
    divisor = int(inputs["pad_divisor"])
    frames, padding = _padded(inputs["q0_int8"], divisor)
    query = QueryBatch(frames, padding, *_tokens(inputs["q0_ids"]), torch.tensor([inputs["q0_int8"].shape[-2:]]))
    masks = torch.from_numpy(inputs["s_masks_uint8"]).float()[None]
    return query, SupportBatch(*_padded(inputs["s_int8"], divisor), *_tokens(inputs["s_ids"]), masks)


def target(folder: Path, case: str) -> Target:
    inputs = np.load(folder / f"inputs_{case}.npz")
    names = ("masks_uint8", "boxes_cxcywh", "valid", "labels")
    return Target(*(torch.from_numpy(inputs[f"tgt0_{name}"]) for name in names))


def _padded(frames: np.ndarray, divisor: int) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(frames).float() / 64
    count, _, height, width = images.shape
    below, right = -height % divisor, -width % divisor
    padding = torch.ones(count, height + below, width + right, dtype=torch.bool)
    padding[:, :height, :width] = False
    return torch.nn.functional.pad(images, (0, right, 0, below))[None], padding[None]


def _tokens(ids: np.ndarray) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(ids)[None]
    return ids, ids == 1
