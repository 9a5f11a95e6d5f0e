"""ResNet with bottleneck blocks and frozen batch norm (He et al., 2016; strides in the 3x3 convolutions)."""

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.backbones.backbone import Backbone
from fsbench_baselines.linear import Conv2d

__all__ = ["FrozenBatchNorm", "ResNet", "fold_batch_norm"]

EXPANSION = 4  # output channels of a bottleneck over its inner channels
EPSILON = 1e-5

Module = TypeVar("Module", bound=nn.Module)


class FrozenBatchNorm(nn.Module):
    """Batch norm as a fixed affine map of each channel: all four vectors are buffers, in training too."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises maps [N, C, h, w]."""
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPSILON)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Returns scale and shift, float64 [C] each, with output = scale * input + shift."""
        scale = self.weight.double() * (self.running_var.double() + EPSILON).rsqrt()
        return scale, self.bias.double() - self.running_mean.double() * scale


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution beside a shortcut; [N, inputs, h, w] to [N, 4 * width, h / stride, w / stride]."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = Conv2d(inputs, width, 1, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(width)
        self.conv3 = Conv2d(width, outputs, 1, bias=False)
        self.bn3 = FrozenBatchNorm(outputs)
        self.downsample: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Applies the block."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        return functional.relu(self.bn3(self.conv3(x)).add_(shortcut), inplace=True)


class ResNet(Backbone):
    """Four-level ResNet whose stem and first stage are not trained.

    Args:
        depths: number of blocks of each stage.
    """

    channels = (256, 512, 1024, 2048)

    def __init__(self, depths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm(64)
        self.layer1 = _stage(64, 64, depths[0], stride=1)
        self.layer2 = _stage(256, 128, depths[1], stride=2)
        self.layer3 = _stage(512, 256, depths[2], stride=2)
        self.layer4 = _stage(1024, 512, depths[3], stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # As in DETR: the low levels keep their ImageNet weights.
        self.conv1.requires_grad_(False)
        self.layer1.requires_grad_(False)

    def forward(self, frames: Tensor, num_frames: int) -> list[Tensor]:
        """Returns the maps of every frame, each on its own.

        Args:
            frames: normalised float [N, 3, H, W].
            num_frames: T; not used.
        Returns:
            Four maps [N, C, h, w] at strides 4, 8, 16, 32, not negative.
        """
        parts = frames.split(1) if _by_frames(frames) else (frames,)
        return [torch.cat(level) for level in zip(*map(self._maps, parts), strict=True)]

    def _maps(self, frames: Tensor) -> list[Tensor]:
        # Channels last, a 1x1 convolution need not turn the maps around.
        frames = frames.contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.bn1(self.conv1(frames)), inplace=True)
        x = functional.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


def fold_batch_norm(module: Module) -> Module:
    """Folds every frozen batch norm into the convolution registered before it, for faster evaluation.

    Args:
        module: any module; it is left as it is.
    Returns:
        A copy with equal outputs up to rounding (about 1e-5). Its parameter names differ: convolutions have biases and
        the norms are gone, so load and save checkpoints with the original; no folded parameter takes a gradient.
    """
    folded = deepcopy(module)
    for parent in list(folded.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if isinstance(norm, FrozenBatchNorm) and isinstance(conv, nn.Conv2d):
                setattr(parent, conv_name, _scaled(conv, norm))
                setattr(parent, norm_name, nn.Identity())
    return folded


@torch.no_grad()
def _scaled(conv: nn.Conv2d, norm: FrozenBatchNorm) -> nn.Conv2d:
    """Returns one convolution that equals `norm(conv(x))`; `conv` has no bias."""
    scale, shift = norm.affine()
    conv.weight.copy_(conv.weight.double() * scale[:, None, None, None])
    conv.bias = nn.Parameter(shift.to(conv.weight))
    return conv.requires_grad_(False)


def _by_frames(frames: Tensor) -> bool:
    """Says whether frames go one at a time: on a CPU, without gradients, what one needs stays in the cache."""
    return frames.is_cpu and not torch.is_grad_enabled()


def _stage(inputs: int, width: int, depth: int, stride: int) -> nn.Sequential:
    outputs = EXPANSION * width
    blocks = [Bottleneck(inputs, width, stride)]
    blocks += [Bottleneck(outputs, width, 1) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)
