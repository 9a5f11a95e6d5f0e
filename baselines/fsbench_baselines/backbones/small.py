"""A ResNet with basic blocks and group norm, small enough to be trained from random weights on a CPU."""

from itertools import pairwise

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.backbones.backbone import Backbone

__all__ = ["SmallResNet"]

GROUPS = 8


class SmallResNet(Backbone):
    """Four levels of one basic block each; all of it is trained, and no norm depends on the batch.

    Args:
        width: channels of the stem and of the first level.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 4 * width)
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, width)
        blocks = [BasicBlock(inputs, outputs) for inputs, outputs in pairwise((width, *self.channels))]
        self.layer1, self.layer2, self.layer3, self.layer4 = blocks
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, frames: Tensor, num_frames: int) -> list[Tensor]:
        """Returns the maps of every frame, each on its own.

        Args:
            frames: normalised float [N, 3, H, W].
            num_frames: T; not used.
        Returns:
            Four maps [N, C, h, w] at strides 4, 8, 16, 32, not negative.
        """
        # Channels last spares a CPU half the time of the first convolutions.
        frames = frames.contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.norm1(self.conv1(frames)), inplace=True)
        maps = []
        for block in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = block(x)
            maps.append(x)
        return maps


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a projected shortcut; [N, inputs, h, w] to [N, outputs, h / 2, w / 2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.GroupNorm(GROUPS, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Applies the block."""
        shortcut = self.shortcut(x)
        x = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(self.norm2(self.conv2(x)) + shortcut, inplace=True)
