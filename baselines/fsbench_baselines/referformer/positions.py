"""Where things are: sine positions of maps, words and boxes, and the reference points of an encoder.

Axes: N maps, h w positions on a map, L levels, A all positions of all levels, B clips, S words, D channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["box_positions", "grid_references", "map_positions", "valid_ratio", "word_positions"]

_EPSILON = 1e-6


def map_positions(padding: Tensor, dim: int) -> Tensor:
    """Returns positions on maps, as fractions of the part without padding.

    Half a position is subtracted, so that a fraction names the middle of a position.

    Args:
        padding: bool [N, h, w], True on padding.
        dim: D, channels of the result.
    Returns:
        float32 [N, D, h, w]: D/2 channels of the row, then D/2 of the column.
    """
    inside = ~padding
    rows = inside.cumsum(1, dtype=torch.float32)
    columns = inside.cumsum(2, dtype=torch.float32)
    rows = (rows - 0.5) / (rows[:, -1:, :] + _EPSILON) * (2 * math.pi)
    columns = (columns - 0.5) / (columns[:, :, -1:] + _EPSILON) * (2 * math.pi)
    return torch.cat([_waves(rows, dim // 2), _waves(columns, dim // 2)], dim=-1).permute(0, 3, 1, 2)


def word_positions(padding: Tensor, dim: int) -> Tensor:
    """Returns positions of words in their sentence, as fractions of its length; nothing is subtracted here.

    Args:
        padding: bool [B, S], True on padding.
        dim: D, channels of the result.
    Returns:
        float32 [B, S, D].
    """
    places = (~padding).cumsum(1, dtype=torch.float32)
    places = places / (places[:, -1:] + _EPSILON) * (2 * math.pi)
    return _waves(places, dim)


def box_positions(boxes: Tensor, dim: int) -> Tensor:
    """Returns positions of boxes, for the queries of a decoder with box anchors.

    Args:
        boxes: float [..., 4], centre x, centre y, width, height in [0, 1].
        dim: D, channels of one coordinate pair.
    Returns:
        float [..., 2 * D]: D/2 channels each of y, x, width and height.
    """
    x, y, width, height = (boxes * (2 * math.pi)).unbind(-1)
    return torch.cat([_waves(value, dim // 2) for value in (y, x, width, height)], dim=-1)


def grid_references(shapes: Sequence[tuple[int, int]], valid_ratios: Tensor) -> Tensor:
    """Returns the middle of each position, as seen on every level.

    Args:
        shapes: height and width of each level.
        valid_ratios: [N, L, 2], width and height without padding, as parts of the map.
    Returns:
        [N, A, L, 2], x and y as fractions of the padded map of the level.
    """
    device = valid_ratios.device
    grids = []
    for level, (height, width) in enumerate(shapes):
        y = torch.linspace(0.5, height - 0.5, height, device=device)[:, None].expand(height, width).reshape(1, -1)
        x = torch.linspace(0.5, width - 0.5, width, device=device)[None, :].expand(height, width).reshape(1, -1)
        ratio = valid_ratios[:, None, level]  # [N, 1, 2]
        grids.append(torch.stack([x / (ratio[..., 0] * width), y / (ratio[..., 1] * height)], dim=-1))
    return torch.cat(grids, dim=1)[:, :, None] * valid_ratios[:, None]


def valid_ratio(padding: Tensor) -> Tensor:
    """Returns the part of width and height without padding, [N, 2], of bool [N, h, w]."""
    inside = ~padding
    return torch.stack([inside[:, 0, :].float().mean(1), inside[:, :, 0].float().mean(1)], dim=-1)


def _waves(angles: Tensor, dim: int) -> Tensor:
    """Returns sine (even channels) and cosine (odd) of angles [...] at `dim` falling frequencies: [..., dim]."""
    channels = torch.arange(dim, dtype=torch.float32, device=angles.device)
    phases = angles[..., None] / 10000 ** (2 * (channels // 2) / dim)
    return torch.stack([phases[..., 0::2].sin(), phases[..., 1::2].cos()], dim=-1).flatten(-2)
