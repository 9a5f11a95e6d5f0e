"""What a clip's prediction is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Target", "Targets", "count_boxes", "join_targets", "sample_masks"]

MASK_STRIDE = 4  # pixels of the padded frame per cell of a predicted mask


@dataclass(frozen=True)
class Target:
    """The one object that a sentence names, through a clip.

    Attributes:
        masks: bool or float in {0, 1} [T, H, W] at the size of the unpadded frames.
        boxes: float [T, 4], centre x, centre y, width, height as shares of the unpadded frame; zeros where not valid.
        valid: bool or integer [T], true where the object is seen.
        labels: integer [T], the category; read only by models with more than one class.
    """

    masks: Tensor
    boxes: Tensor
    valid: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Targets:
    """Targets of the clips of a batch, with their masks on the grid of the predicted ones.

    Attributes:
        masks: float32 in {0, 1} [B, T, h, w], see `sample_masks`.
        boxes: float [B, T, 4], as of `Target`.
        valid: bool [B, T].
        labels: int64 [B, T].
    """

    masks: Tensor
    boxes: Tensor
    valid: Tensor
    labels: Tensor


def join_targets(targets: Sequence[Target], height: int, width: int) -> Targets:
    """Joins B targets of T frames each; height and width are those of the grid, h and w."""
    return Targets(
        masks=sample_masks(targets, height, width),
        boxes=torch.stack([target.boxes for target in targets]),
        valid=torch.stack([target.valid.bool() for target in targets]),
        labels=torch.stack([target.labels.long() for target in targets]),
    )


def count_boxes(targets: Targets) -> float:
    """Returns the number of frames on which the object is seen, over all clips and at least 1: the losses' divisor."""
    return float(targets.valid.sum().clamp(min=1))


def sample_masks(targets: Sequence[Target], height: int, width: int) -> Tensor:
    """Brings target masks to the grid of the predicted ones.

    Predictions are not enlarged: of every four pixels of the target, padded right and below with zeros, the third is
    taken, whose place (4 * cell + 2) is the mask head's own.

    Args:
        targets: B clips of T frames, of any sizes up to four times the grid.
        height, width: of the grid of predicted masks, h and w.
    Returns:
        float32 [B, T, h, w] in {0, 1}.
    Raises:
        ValueError: if a target is larger than the padded frame.
    """
    return torch.stack([_sample_mask(target.masks.float(), height, width) for target in targets])


def _sample_mask(masks: Tensor, height: int, width: int) -> Tensor:
    below = MASK_STRIDE * height - masks.shape[-2]
    right = MASK_STRIDE * width - masks.shape[-1]
    if below < 0 or right < 0:
        raise ValueError(
            f"target masks of {masks.shape[-2]}x{masks.shape[-1]} pixels do not fit predictions of "
            f"{height}x{width} cells of {MASK_STRIDE} pixels; give the masks at the size of the unpadded frames"
        )
    padded = functional.pad(masks, (0, right, 0, below))
    return padded[:, MASK_STRIDE // 2 :: MASK_STRIDE, MASK_STRIDE // 2 :: MASK_STRIDE]
