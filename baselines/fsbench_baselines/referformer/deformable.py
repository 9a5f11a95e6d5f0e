"""Multi-scale deformable attention in plain PyTorch.

Axes: N frames, Q queries, L levels, M heads, P points per head and level, D channels, d = D / M channels of a head,
A all positions of all levels, the levels one after the other, each row by row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.linear import Linear
from fsbench_baselines.referformer import sampling

__all__ = ["DeformableAttention", "sample"]


def sample(value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Returns the weighted sum of values that are read between positions of maps, bilinearly, zero outside.

    Works in the precision of the locations, which is that of positions on a map also where values are coarse.

    Args:
        value: [N, A, M, d].
        locations: [N, Q, M, L, P, 2], x and y; 0 and 1 are the outer edges of a map.
        weights: [N, Q, M, L, P].
        shapes: height and width of each level.
    Returns:
        [N, Q, M * d].
    """
    num, _, heads, dim = value.shape
    queries = locations.shape[1]
    # The points are not the last axis: a sum over few and adjacent numbers is slow on a CPU.
    grids = (2 * locations - 1).permute(3, 0, 2, 4, 1, 5).flatten(1, 2)  # [L, N*M, P, Q, 2]
    weights = weights.permute(3, 0, 2, 4, 1).flatten(1, 2)[:, :, None]  # [L, N*M, 1, P, Q]
    total = grids.new_zeros(num * heads, dim, queries)
    levels = value.split([height * width for height, width in shapes], dim=1)
    for part, shape, grid, weight in zip(levels, shapes, grids, weights, strict=True):
        maps = part.permute(0, 2, 3, 1).reshape(num * heads, dim, *shape).to(grids.dtype)
        read = functional.grid_sample(maps, grid, align_corners=False)  # [N*M, d, P, Q]
        total = total + (read * weight).sum(2)
    return total.view(num, heads * dim, queries).transpose(1, 2).to(value.dtype)


class DeformableAttention(nn.Module):
    """Each query reads a few points around its reference on every level (Deformable DETR, eq. 3)."""

    def __init__(self, dim: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = Linear(dim, heads * levels * points * 2)
        self.attention_weights = Linear(dim, heads * levels * points)
        self.value_proj = Linear(dim, dim)
        self.output_proj = Linear(dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts with equal weights and points on rays: one direction per head, one distance per point."""
        for layer in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(layer.weight)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
        for layer in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(layer.bias)
        angles = torch.arange(self.heads) * (2 * math.pi / self.heads)
        rays = torch.stack([angles.cos(), angles.sin()], dim=-1)
        rays = rays / rays.abs().amax(dim=-1, keepdim=True)
        distances = torch.arange(1, self.points + 1)
        offsets = rays[:, None, None, :] * distances[None, None, :, None]  # [M, 1, P, 2]
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.expand(-1, self.levels, -1, -1).flatten())

    def forward(
        self, queries: Tensor, references: Tensor, values: Tensor, padding: Tensor, shapes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Returns what the queries read from the values.

        Args:
            queries: [N, Q, D].
            references: [N, Q, L, 2] points (x, y), or [N, Q, L, 4] boxes (centre x, y, width, height), as fractions
                of the padded maps.
            values: [N, A, D].
            padding: bool [N, A], True on padding; nothing is read there.
            shapes: height and width of each level.
        Returns:
            [N, Q, D].
        """
        value = self.value_proj(values).masked_fill(padding[..., None], 0.0)
        weights = self.attention_weights(queries).unflatten(-1, (self.heads, self.levels * self.points))
        weights = weights.softmax(-1).unflatten(-1, (self.levels, self.points))
        locations = self._locations(queries, references, shapes)
        read_points = sampling.sample if _can_use_tables(value, locations, weights) else sample
        read = read_points(value.unflatten(-1, (self.heads, -1)), locations, weights, shapes)
        out: Tensor = self.output_proj(read)
        return out

    def _locations(self, queries: Tensor, references: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
        """Returns where heads look, [N, Q, M, L, P, 2]: around a point in cells of a map, in a box in half sizes."""
        offsets: Tensor = self.sampling_offsets(queries).unflatten(-1, (self.heads, self.levels, self.points, 2))
        centres = references[:, :, None, :, None, :2]
        if references.shape[-1] == 2:
            sizes = torch.tensor([(width, height) for height, width in shapes], device=offsets.device)
            return centres + offsets / sizes[:, None, :].to(offsets.dtype)
        return centres + offsets / self.points * references[:, :, None, :, None, 2:] * 0.5


def _can_use_tables(*tensors: Tensor) -> bool:
    """Says whether the faster core may be used: on CPU, without a gradient, and where nothing is traced."""
    on_cpu = all(tensor.is_cpu for tensor in tensors)
    needs_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return on_cpu and not needs_gradient and not torch.compiler.is_compiling()
