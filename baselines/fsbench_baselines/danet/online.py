"""Online learning: the last level of the backbone learns from a support set, as the released test script does it.

Each support frame in turn is a query of one frame, with all frames as support. Only the convolutions of the level
learn; its norms stay, and in eval mode. The model itself is left as it is.

Axes: K support frames, H W pixels.
"""

from copy import deepcopy

import torch
from torch import nn
from torch import Tensor

from fsbench.metrics import region_similarity
from fsbench_baselines.danet.config import OnlineLearning
from fsbench_baselines.danet.losses import cross_entropy
from fsbench_baselines.danet.losses import overlap_loss
from fsbench_baselines.danet.model import DANet
from fsbench_baselines.danet.model import LowMaps

__all__ = ["learn_support"]


def learn_support(model: DANet, frames: Tensor, masks: Tensor, settings: OnlineLearning) -> nn.Module | None:
    """Learns a support set.

    Args:
        model: In eval mode; is not changed.
        frames: float32 [K, 3, H, W], normalised.
        masks: float32 [K, H, W] in {0, 1}.
        settings: How.
    Returns:
        What takes the place of `model.encoder.layer3`; None where the model is good enough as it is.
    """
    with torch.no_grad():
        low = model.read_levels(*model.encoder.low(frames))
        first = _predict(model, model.encoder.layer3, low, masks, slice(None))
    if _similarity(first, masks) > settings.enough:
        return None
    level = deepcopy(model.encoder.layer3).requires_grad_(False)
    kernels = [parameter.requires_grad_() for parameter in level.parameters() if parameter.dim() == 4]
    optimizer = torch.optim.Adam(kernels, lr=settings.lr, weight_decay=settings.weight_decay)
    seen: list[float] = []
    with torch.enable_grad():
        for step in range(settings.steps):
            for shot in range(len(frames)):
                one = slice(shot, shot + 1)
                predicted = _predict(model, level, low, masks, one)
                loss = cross_entropy(predicted[None], masks[None, one], settings.background_weight)
                loss = loss + overlap_loss(predicted[None], masks[None, one])
                for kernel, gradient in zip(kernels, torch.autograd.grad(loss.sum(), kernels), strict=True):
                    kernel.grad = gradient
                optimizer.step()
                seen.append(_similarity(predicted, masks[one]))
            if step % settings.check_every == 0:
                if sum(seen) / len(seen) > settings.enough:
                    break
                seen.clear()
    return level.requires_grad_(False)


def _predict(model: DANet, level: nn.Module, low: LowMaps, masks: Tensor, shots: slice) -> Tensor:
    """Returns probabilities [k, H, W] of some of the support frames as one query; `low` is of all."""
    last = level(low.level)
    query = model.project_query(last[None, shots])
    support = model.project_support(last[None], masks[None])
    chosen = LowMaps(low.level[shots], low.middle[shots], low.fine[shots])
    height, width = masks.shape[-2:]
    return model.decode(chosen, query, support, (height, width))[0].sigmoid()


def _similarity(probabilities: Tensor, masks: Tensor) -> float:
    """Returns the mean J over frames [k, H, W]."""
    predicted, true = ((each > 0.5).cpu().numpy() for each in (probabilities, masks))
    return float(region_similarity(predicted, true).mean())
