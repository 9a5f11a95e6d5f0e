"""Which query stands for the object: one per clip, the cheapest. There is one object, so nothing is assigned.

The measures of fit (focal loss, dice, generalised IoU) are here because costs and losses share them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.targets import Targets

__all__ = ["TermWeights", "class_columns", "dice_coefficient", "focal_loss", "generalized_iou", "match"]

FOCAL_ALPHA = 0.25  # share of the positive class; the negative has the rest
FOCAL_GAMMA = 2
BOX_EPSILON = 1e-6
LOG_EPSILON = 1e-8


@dataclass(frozen=True)
class TermWeights:
    """How much each term counts, as a cost of the matcher or as a loss.

    Attributes:
        ce: Focal loss of the query's score.
        bbox: L1 distance of the boxes.
        giou: Their generalized IoU.
        mask: Focal loss of the masks.
        dice: Dice loss of the masks.
    """

    ce: float = 2
    bbox: float = 5
    giou: float = 2
    mask: float = 2
    dice: float = 5


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy that counts easy decisions less (Lin et al. 2017, alpha 0.25, gamma 2).

    Args:
        logits: float, any shape.
        truth: float in {0, 1}; expands to the shape of logits.
    Returns:
        float of the shape of logits, not negative; nothing is averaged.
    """
    truth = truth.expand_as(logits)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    positive = logits.sigmoid()
    right = positive * truth + (1 - positive) * (1 - truth)
    alpha = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return alpha * cross_entropy * (1 - right) ** FOCAL_GAMMA


def dice_coefficient(logits: Tensor, truth: Tensor) -> Tensor:
    """Returns the overlap of soft masks; a clip is one mask, all its frames together.

    Args:
        logits: float [..., T, h, w].
        truth: float in {0, 1}; broadcasts with logits.
    Returns:
        float [...] in (0, 1]; a mask empty in both scores 1.
    """
    probabilities = logits.sigmoid()
    both = (probabilities * truth).flatten(-3).sum(-1)
    either = probabilities.flatten(-3).sum(-1) + truth.flatten(-3).sum(-1)
    return (2 * both + 1) / (either + 1)


def generalized_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Returns an IoU that goes on falling as disjoint boxes part (Rezatofighi et al. 2019).

    The released form: 1e-6 above and below each fraction, so two empty boxes at one place score 0 and not NaN.

    Args:
        boxes, others: float [..., 4], centre x, centre y, width, height; they broadcast.
    Returns:
        float [...] in [-1, 1], pair by pair.
    """
    low, high = _corners(boxes)
    other_low, other_high = _corners(others)
    shared = _area(torch.maximum(low, other_low), torch.minimum(high, other_high))
    union = _area(low, high) + _area(other_low, other_high) - shared
    hull = _area(torch.minimum(low, other_low), torch.maximum(high, other_high))
    iou = (shared + BOX_EPSILON) / (union + BOX_EPSILON)
    return iou - (hull - union + BOX_EPSILON) / (hull + BOX_EPSILON)


def class_columns(targets: Targets, num_classes: int) -> Tensor:
    """Returns the column of the logits that stands for the object, int64 [B, T]; a model with one class has one."""
    return targets.labels if num_classes > 1 else torch.zeros_like(targets.labels)


@torch.no_grad()
def match(output: Output, targets: Targets, costs: TermWeights, *, valid_only: bool = False) -> Tensor:
    """Chooses for each clip the query of least cost, the first of equals.

    Args:
        output: logits [B, T, Q, C], boxes [B, T, Q, 4], masks [B, T, Q, h, w].
        targets: of the same clips and frames, on the same grid.
        costs: weights of the five terms.
        valid_only: whether the class cost leaves out frames without the object. ReferFormer does, CMA does not; boxes
            and masks count every frame in both.
    Returns:
        int64 [B] in [0, Q).
    Raises:
        ValueError: if there are not as many targets as clips.
    """
    if len(targets.valid) != len(output.logits):
        raise ValueError(
            f"{len(output.logits)} clips were predicted and {len(targets.valid)} targets given; give one each"
        )
    boxes, true_boxes = output.boxes, targets.boxes[:, :, None]  # [B, T, Q, 4] and [B, T, 1, 4]
    masks = output.masks.transpose(1, 2)  # [B, Q, T, h, w]
    truth = targets.masks[:, None].to(masks)
    cost = (
        costs.ce * _class_cost(output.logits, targets, valid_only=valid_only)
        + costs.bbox * (boxes - true_boxes).abs().sum(-1).mean(1)
        - costs.giou * generalized_iou(boxes, true_boxes).mean(1)
        + costs.mask * focal_loss(masks, truth).flatten(2).mean(2)
        - costs.dice * dice_coefficient(masks, truth)
    )  # [B, Q]
    return cost.argmin(1)


def _class_cost(logits: Tensor, targets: Targets, *, valid_only: bool) -> Tensor:
    """Returns the focal loss as the object minus focal loss as background, mean over frames.

    Args:
        logits: float [B, T, Q, C].
    Returns:
        float [B, Q]; zeros in a clip of which no frame counts.
    """
    columns = class_columns(targets, logits.shape[-1])[:, :, None, None].expand(*logits.shape[:3], 1)
    probability = logits.gather(-1, columns)[..., 0].sigmoid()  # [B, T, Q]
    as_object = -FOCAL_ALPHA * (1 - probability) ** FOCAL_GAMMA * (probability + LOG_EPSILON).log()
    as_background = -(1 - FOCAL_ALPHA) * probability**FOCAL_GAMMA * (1 - probability + LOG_EPSILON).log()
    counts = targets.valid if valid_only else torch.ones_like(targets.valid)
    return ((as_object - as_background) * counts[..., None]).sum(1) / counts.sum(1).clamp(min=1)[:, None]


def _corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    centre, size = boxes[..., :2], boxes[..., 2:]
    return centre - 0.5 * size, centre + 0.5 * size


def _area(low: Tensor, high: Tensor) -> Tensor:
    width, height = (high - low).clamp(min=0).unbind(-1)
    return width * height
