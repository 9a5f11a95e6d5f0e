"""The losses of DANet.

Axes: B clips, T frames, H W pixels.
"""

from torch import Tensor

__all__ = ["cross_entropy", "overlap", "overlap_loss"]

_LOG_OFFSET = 1e-3  # added to what a logarithm is taken of, as released
_LEAST_UNION = 1e-6  # pixels; where nothing is the object and nothing is taken for it


def cross_entropy(probabilities: Tensor, masks: Tensor, background_weight: float = 1.0) -> Tensor:
    """Returns the mean binary cross entropy of each clip, [B].

    Args:
        probabilities, masks: float [B, T, H, W] in [0, 1].
        background_weight: of what is not the object.
    """
    on_object = masks * (probabilities + _LOG_OFFSET).log()
    off_object = (1 - masks) * (1 - probabilities + _LOG_OFFSET).log()
    return -(on_object + background_weight * off_object).flatten(1).mean(1)


def overlap_loss(probabilities: Tensor, masks: Tensor) -> Tensor:
    """Returns 1 less the mean over frames of the overlap, [B]; a frame without the object costs 1, as released."""
    return 1 - overlap(probabilities, masks).mean(1)


def overlap(probabilities: Tensor, masks: Tensor) -> Tensor:
    """Returns the sum of the pixels' minima over that of their maxima, [B, T]: the Jaccard index of soft masks."""
    shared = probabilities.minimum(masks).flatten(2).sum(2)
    return shared / probabilities.maximum(masks).flatten(2).sum(2).clamp(min=_LEAST_UNION)
