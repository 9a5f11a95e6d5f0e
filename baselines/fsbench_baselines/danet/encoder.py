"""The backbones of DANet: three levels, the last of which keeps the stride of the second and is dilated instead.

Axes: N frames, H W pixels, C channels of a level.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import cast

from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.backbones.small import SmallResNet

__all__ = ["ENCODERS", "Encoder", "build_encoder", "small_encoder"]

EXPANSION = 4  # output channels of a bottleneck over its inner channels


class Encoder(nn.Module):
    """A stem and three stages.

    Args:
        stem: frames to maps at the stride of the first stage, or twice that resolution.
        stages: three modules, of which the last does not shrink its maps.
        channels: of the maps that the stages give.
    """

    def __init__(self, stem: nn.Module, stages: tuple[nn.Module, ...], channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.layer0 = stem
        self.layer1, self.layer2, self.layer3 = stages
        self.channels = channels

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns maps [N, C, h, w] at strides 4, 8 and 8, not negative, of normalised frames [N, 3, H, W]."""
        fine, middle = self.low(frames)
        return fine, middle, self.layer3(middle)

    def low(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first two levels alone."""
        fine = self.layer1(self.layer0(frames))
        return fine, self.layer2(fine)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution beside a shortcut; [N, inputs, h, w] to [N, 4 * width, h / stride, w / stride].

    Not the ReferFormer family's, whose batch norm is fixed: here it is trained.
    """

    def __init__(self, inputs: int, width: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Applies the block."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        return functional.relu(self.bn3(self.conv3(x)) + shortcut, inplace=True)


def resnet50_encoder() -> Encoder:
    """Returns a ResNet-50 with a stem of three 3x3 convolutions, without its last stage."""
    layers: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise((3, 64, 64, 128)), (2, 1, 1), strict=True):
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    stages = (_stage(128, 64, 3), _stage(256, 128, 4, stride=2), _stage(512, 256, 6, dilation=2))
    encoder = Encoder(nn.Sequential(*layers), stages, (256, 512, 1024))
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder


def _stage(inputs: int, width: int, depth: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    blocks = [Bottleneck(inputs, width, stride=stride, dilation=dilation)]
    blocks += [Bottleneck(EXPANSION * width, width, dilation=dilation) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def small_encoder(body: SmallResNet | None = None) -> Encoder:
    """Returns the encoder of a small ResNet, whose third level is dilated as that of the released one.

    Args:
        body: Whose weights it has, and takes over; None for random ones.
    """
    body = body or SmallResNet()
    fine, middle, coarse, _ = body.channels
    last = body.layer3
    last.conv1.stride = cast("nn.Conv2d", last.shortcut[0]).stride = (1, 1)
    last.conv2.dilation = last.conv2.padding = (2, 2)
    stem = nn.Sequential(body.conv1, body.norm1, nn.ReLU(inplace=True))
    return Encoder(stem, (body.layer1, body.layer2, last), (fine, middle, coarse))


ENCODERS: dict[str, Callable[[], Encoder]] = {"resnet50": resnet50_encoder, "resnet_small": small_encoder}


def build_encoder(name: str) -> Encoder:
    """Returns an encoder with random weights. Raises ValueError for an unknown name."""
    if name not in ENCODERS:
        raise ValueError(f"there is no backbone {name!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[name]()
