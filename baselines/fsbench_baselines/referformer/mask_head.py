"""Dynamic mask head: each query writes the weights of a small network that turns mask features into its mask.

Axes: N frames, Q queries, D channels of a query, C channels of the mask features, h w positions at stride 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.referformer.transformer import MLP

__all__ = ["MaskHead"]

_STRIDE = 4


class MaskHead(MLP):
    """The controller, an MLP from a query to weights and biases of 1x1 convolutions, and these convolutions.

    The convolutions see the mask features and the way to the centre of the query's box, in pixels.
    """

    def __init__(self, hidden_dim: int, mask_dim: int, channels: int, num_layers: int) -> None:
        ins = [mask_dim + 2, *[channels] * (num_layers - 1)]
        outs = [*[channels] * (num_layers - 1), 1]
        shapes = list(zip(outs, ins, strict=True))
        sizes = [out * into for out, into in shapes] + outs
        super().__init__(hidden_dim, hidden_dim, sum(sizes), 3)
        self.shapes, self.sizes = shapes, sizes
        for layer in cast("Iterable[nn.Linear]", self.layers):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def segment(
        self, states: Tensor, features: Tensor, project: nn.Conv2d | None, boxes: Tensor, sizes: Tensor
    ) -> Tensor:
        """Returns mask logits of queries, all or some of those of a frame.

        Args:
            states: [N, Q, D].
            features: [N, D, h, w], what the mask features are made from; or [N, C, h, w], the mask features.
            project: the convolution from D to C channels that makes them; None where it has been applied.
            boxes: [N, Q, 4] after the decoder layer of the states; no gradient passes.
            sizes: [N, 2], height and width of the unpadded frames.
        Returns:
            [N, Q, h, w].
        """
        num, queries = states.shape[:2]
        height, width = features.shape[-2:]
        weights, biases = self._unpack(self(states).flatten(0, 1))
        # A 1x1 convolution over features and coordinates is the sum of one over each: the features, which are large,
        # are not repeated for each query.
        channels = weights[0].shape[-1] - 2
        first = weights[0][..., :channels].reshape(num, -1, channels)
        over_features = first @ features.flatten(2) if project is None else _fold(first, project, features)
        over_coordinates = weights[0][..., channels:] @ _relative(boxes, sizes, (height, width)).flatten(0, 1)
        x = over_features.view(over_coordinates.shape) + over_coordinates + biases[0][..., None]
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            x = torch.baddbmm(bias[..., None], weight, x.relu())
        return x.view(num, queries, height, width)

    def _unpack(self, parameters: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Cuts rows of parameters [M, P] into weights [M, out, in] and biases [M, out] of each convolution."""
        parts = parameters.split(self.sizes, dim=1)
        depth = len(self.shapes)
        weights = [part.unflatten(1, shape) for part, shape in zip(parts[:depth], self.shapes, strict=True)]
        return weights, list(parts[depth:])


def _fold(weights: Tensor, project: nn.Conv2d, features: Tensor) -> Tensor:
    """Applies a convolution, then a 1x1 convolution of the frame, as one: few channels are wanted and cost less than C.

    Args:
        weights: [N, O, C] of the 1x1 convolutions.
        project: from D to C channels.
        features: [N, D, h, w].
    Returns:
        [N, O, h * w].
    """
    kernels = (weights @ project.weight.flatten(1)).unflatten(-1, project.weight.shape[1:])
    biases = weights @ cast("Tensor", project.bias)
    maps = [
        functional.conv2d(frame[None], kernel, bias, padding=project.padding)
        for frame, kernel, bias in zip(features, kernels, biases, strict=True)
    ]
    return torch.cat(maps).flatten(2)


def _relative(boxes: Tensor, sizes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Returns the way from each position to the centres of boxes, x then y, in pixels: [N, Q, 2, h * w]."""
    height, width = shape
    y = torch.arange(height, device=boxes.device, dtype=torch.float32) * _STRIDE + _STRIDE // 2
    x = torch.arange(width, device=boxes.device, dtype=torch.float32) * _STRIDE + _STRIDE // 2
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)]).flatten(1)
    centres = boxes[..., :2].detach() * sizes.flip(-1)[:, None]
    return (centres[..., None] - grid).to(boxes.dtype)
