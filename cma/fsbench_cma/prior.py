"""A prior of where the support's object is: how like it each place of the query is.

Published few-shot segmentation hands such a map to a network that learns the rest (Tian et al., PFENet, TPAMI 2020,
section 3.2: the largest cosine of a place of the query and any place on the support's object). Here the features are
those of this model before they are joined with words, and a second map says by how much more a place is like the object
than like anything else in the support.

Axes: B clips, T query frames, K support frames, D channels of the model, h w positions on a level.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

__all__ = ["NUM_LEVELS", "ObjectPrior", "likeness"]

NUM_LEVELS = 2
"""Levels that are compared, from the finest: strides 8 and 16."""

_CELLS = 2**24  # cosines at once: 64 MiB in float32
_ON_OBJECT = 0.5  # share of a cell that its object covers, where any cell has as much


class ObjectPrior(nn.Module):
    """Adds to each level what its prior says; levels that are not compared have that of the coarsest that is."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Conv2d(2, dim, 3, padding=1), nn.ReLU(), nn.Conv2d(dim, dim, 1))

    def forward(
        self,
        levels: Sequence[Tensor],
        query: Sequence[Tensor],
        support: Sequence[Tensor],
        masks: Tensor,
        padding: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Returns the levels with the prior.

        Args:
            levels: [B, T, D, h_l, w_l] of strides 8, 16, 32, 64, which it is added to.
            query: [B, T, D, h_l, w_l], the query's levels before they are joined with words; the first `NUM_LEVELS` are
                looked at.
            support: [B, K, D, h'_l, w'_l], the support's, of as many levels.
            masks: [B, K, H', W'] in [0, 1], the support's masks at a resolution of their own.
            padding: bool [B, K, H, W], True on the support's padding, at a resolution of its own; None where there is
                none.
        """
        compared = zip(query[:NUM_LEVELS], support, strict=True)
        added = [self._read(likeness(level, example, masks, padding)) for level, example in compared]
        sizes = [(level.shape[-2], level.shape[-1]) for level in levels[len(added) :]]
        coarsest = added[-1].flatten(0, 1)
        frames = levels[0].shape[:2]
        added += [functional.adaptive_avg_pool2d(coarsest, size).unflatten(0, frames) for size in sizes]
        return tuple(level + more for level, more in zip(levels, added, strict=True))

    def _read(self, maps: Tensor) -> Tensor:
        read: Tensor = self.read(maps.flatten(0, 1))
        return torch.unflatten(read, 0, maps.shape[:2])


def likeness(query: Tensor, support: Tensor, masks: Tensor, padding: Tensor | None = None) -> Tensor:
    """Returns how like the support's object each place of the query is.

    Args:
        query: [B, T, D, h, w].
        support: [B, K, D, h', w'].
        masks: [B, K, H', W'] in [0, 1].
        padding: bool [B, K, H, W], True on the support's padding; None where there is none.

    Returns:
        [B, T, 2, h, w]: the largest cosine with a place on the object, and how much larger it is than the largest with
        a place that neither the object nor padding touches. Where there is no place on the object, both are 0; where
        there is none beside it, the second is as the first.
    """
    covered = _covered(masks, support)
    beside = covered == 0 if padding is None else (covered == 0) & (_covered(padding, support) == 0)
    on = (covered > 0) & (covered >= covered.amax(1, keepdim=True).clamp(max=_ON_OBJECT))
    asking, answering = (functional.normalize(each.movedim(2, -1).flatten(1, 3), dim=-1) for each in (query, support))
    found = []
    for part in asking.split(max(1, _CELLS // max(1, answering.shape[1])), dim=1):
        cosines = part @ answering.transpose(1, 2)
        found.append(torch.stack([_largest(cosines, on), _largest(cosines, beside)], dim=1))
    like_object, like_else = torch.cat(found, dim=2).unbind(1)
    more = (like_object - like_else) * on.any(1, keepdim=True)
    places = (query.shape[1], *query.shape[-2:])
    return torch.unflatten(torch.stack([like_object, more], dim=1), 2, places).transpose(1, 2)


def _covered(masks: Tensor, support: Tensor) -> Tensor:
    """Returns the share of each of the support's places that masks [B, K, H, W] of any size cover: [B, K h' w']."""
    shares = functional.interpolate(masks.flatten(0, 1)[:, None].to(support.dtype), support.shape[-2:], mode="area")
    return torch.unflatten(shares, 0, masks.shape[:2]).flatten(1)


def _largest(cosines: Tensor, keep: Tensor) -> Tensor:
    """Returns the largest of [B, N, M] over the kept of the last axis, bool [B, M]; 0 where none is kept."""
    largest = cosines.masked_fill(~keep[:, None], -torch.inf).amax(2)
    return largest.masked_fill(~keep.any(1, keepdim=True), 0.0)
