"""The small parts of a model at both of its ends, with their first weights: projections, scores and boxes."""

import math
from collections.abc import Sequence
from typing import cast

from torch import nn
from torch import Tensor

from fsbench_baselines.linear import Conv2d
from fsbench_baselines.referformer.transformer import MLP

__all__ = ["box_heads", "class_heads", "projections"]


def projections(channels: Sequence[int], dim: int, num_levels: int) -> nn.ModuleList:
    """Returns 1x1 convolutions for the backbone's maps, 3x3 of stride 2 for the levels above; group norm on each."""
    above = [channels[-1], *[dim] * num_levels]
    convs = [Conv2d(num, dim, 1) for num in channels]
    convs += [Conv2d(num, dim, 3, stride=2, padding=1) for num in above[: num_levels - len(channels)]]
    for conv in convs:
        nn.init.xavier_uniform_(conv.weight)
        nn.init.zeros_(cast("Tensor", conv.bias))
    return nn.ModuleList(nn.Sequential(conv, nn.GroupNorm(32, dim)) for conv in convs)


def class_heads(dim: int, num_layers: int) -> nn.ModuleList:
    """Returns one linear score per decoder layer, which starts at a probability of 0.01 (focal loss)."""
    heads = [nn.Linear(dim, 1) for _ in range(num_layers)]
    for head in heads:
        nn.init.constant_(head.bias, -math.log(99))
    return nn.ModuleList(heads)


def box_heads(dim: int, num_layers: int) -> nn.ModuleList:
    """Returns one box change per decoder layer, which starts at none; the first layer starts with small boxes."""
    heads = [MLP(dim, dim, 4, 3) for _ in range(num_layers)]
    lasts = [cast("nn.Linear", head.layers[-1]) for head in heads]
    for last in lasts:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    nn.init.constant_(lasts[0].bias[2:], -2.0)
    return nn.ModuleList(heads)
