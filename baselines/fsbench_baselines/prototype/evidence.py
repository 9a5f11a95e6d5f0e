"""Cosine maps: how much nearer a pixel of the query is to the support's object than to what is not the object.

What is not the object is known from two sides: the support's background and the border of the query's frames, which
objects seldom touch. Axis letters: `K` support frames, `T` query frames, `C` channels, `h, w` cells of a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Prototypes", "border_prototype", "cosine_map", "support_prototypes"]

BORDER = 0.1  # of a side: what counts as the frame's border


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What a support set shows.

    Attributes:
        objects, backgrounds: Unit vectors [C], one for each layer.
        odds: Object pixels to background pixels.
    """

    objects: list[Tensor]
    backgrounds: list[Tensor]
    odds: float


def support_prototypes(shots: Sequence[tuple[list[Tensor], npt.NDArray[np.bool_]]]) -> Prototypes | None:
    """Returns the prototypes of one or more shots; None if none shows an object.

    Args:
        shots: Of each, its layers [K, C, h, w] and its masks, bool [K, H, W]. Sizes may differ between shots.
    """
    areas = np.concatenate([masks.mean(axis=(1, 2)) for _, masks in shots])
    if not areas.any():
        return None
    objects, backgrounds = [], []
    for layer in range(len(shots[0][0])):
        sums: list[Tensor] = []
        for maps, masks in shots:
            height, width = maps[layer].shape[2:]
            weights = torch.from_numpy(masks.astype(np.float32)).to(maps[layer]).unsqueeze(1)
            weights = functional.adaptive_avg_pool2d(weights, (height, width))
            sums.append(torch.stack([(maps[layer] * part).sum(dim=(0, 2, 3)) for part in (weights, 1 - weights)]))
        is_object, is_not = torch.stack(sums).sum(dim=0)
        objects.append(functional.normalize(is_object, dim=0))
        backgrounds.append(functional.normalize(is_not, dim=0))
    share = min(float(areas[areas > 0].mean()), 0.95)
    return Prototypes(objects, backgrounds, share / (1 - share))


def border_prototype(maps: Tensor) -> Tensor:
    """Returns the mean feature at the border of the frames, a unit vector [C], of one layer [T, C, h, w]."""
    height, width = maps.shape[2:]
    inner = torch.zeros(height, width, dtype=torch.bool, device=maps.device)
    down, across = (max(1, int(BORDER * side)) for side in (height, width))
    inner[down : height - down, across : width - across] = True
    return functional.normalize(maps[..., ~inner].sum(dim=(0, 2)), dim=0)


def cosine_map(support: Prototypes, layers: Sequence[Tensor], border_weight: float, size: tuple[int, int]) -> Tensor:
    """Returns the evidence for the object, float32 [T, *size], each layer's scaled to unit deviation in the video.

    Args:
        support: Of the class.
        layers: Of the query, [T, C, h, w] each.
        border_weight: Of the query's border beside the support's background.
        size: (height, width) of the result.
    """
    total = torch.zeros(len(layers[0]), *size, device=layers[0].device)
    for maps, object_, background in zip(layers, support.objects, support.backgrounds, strict=True):
        against = functional.normalize(background + border_weight * border_prototype(maps), dim=0)
        near = torch.einsum("tchw,c->thw", maps, object_ - against)
        near = functional.interpolate(near[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        total += near / near.std(correction=0).clamp_min(1e-6)
    return total
