"""What training minimises: five terms for the matched query of each clip, after every decoder layer.

The released CMA also logs a cardinality error; with one class it is always the number of frames, so it is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields

import torch
from torch import Tensor

from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.matcher import class_columns
from fsbench_baselines.referformer.matcher import dice_coefficient
from fsbench_baselines.referformer.matcher import focal_loss
from fsbench_baselines.referformer.matcher import generalized_iou
from fsbench_baselines.referformer.matcher import match
from fsbench_baselines.referformer.matcher import Weights
from fsbench_baselines.referformer.targets import count_boxes
from fsbench_baselines.referformer.targets import sample_masks
from fsbench_baselines.referformer.targets import Target

__all__ = ["Criterion", "box_losses", "class_loss", "layer_losses", "mask_losses"]


def class_loss(logits: Tensor, targets: Sequence[Target], queries: Tensor) -> Tensor:
    """Focal loss of all queries; the matched one should answer on frames with the object, the others never.

    Args:
        logits: float [B, T, Q, C].
        queries: int64 [B], the matched query of each clip.
    Returns:
        float scalar, the sum over everything.
    """
    truth = torch.zeros_like(logits)
    for clip, (target, query) in enumerate(zip(targets, queries, strict=True)):
        seen = target.valid.bool()
        truth[clip, seen, query, class_columns(target, logits.shape[-1])[seen]] = 1
    return focal_loss(logits, truth).sum()


def box_losses(boxes: Tensor, targets: Sequence[Target]) -> tuple[Tensor, Tensor]:
    """Compares boxes; frames without the object count too, against the target's box of zeros, as in the released code.

    Args:
        boxes: float [B, T, 4] of the matched queries, centre x, centre y, width, height.
    Returns:
        Sums over frames and clips of the L1 distance and of one minus the generalised IoU; float scalars.
    """
    truth = torch.stack([target.boxes for target in targets]).to(boxes)
    return (boxes - truth).abs().sum(), (1 - generalized_iou(boxes, truth)).sum()


def mask_losses(masks: Tensor, targets: Sequence[Target]) -> tuple[Tensor, Tensor]:
    """Compares masks on the grid of the predictions; padding and frames without the object count as background.

    Args:
        masks: float [B, T, h, w], logits of the matched queries.
    Returns:
        Sums over clips of the mean focal loss and of one minus dice; float scalars.
    """
    truth = sample_masks(targets, *masks.shape[-2:]).to(masks)
    return focal_loss(masks, truth).flatten(1).mean(1).sum(), (1 - dice_coefficient(masks, truth)).sum()


def layer_losses(output: Output, targets: Sequence[Target], queries: Tensor) -> dict[str, Tensor]:
    """The five terms of one decoder layer, each divided by the number of frames with the object.

    Masks are divided by that number too, though theirs is one term per clip and not per frame.

    Args:
        output: logits [B, T, Q, C], boxes [B, T, Q, 4], masks [B, T, Q, h, w].
        queries: int64 [B], the matched query of each clip.
    Returns:
        Float scalars named by the fields of `Weights`.
    """
    clips = torch.arange(len(queries), device=queries.device)
    distance, giou = box_losses(output.boxes[clips, :, queries], targets)
    focal, dice = mask_losses(output.masks[clips, :, queries], targets)
    terms = {
        "ce": class_loss(output.logits, targets, queries),
        "bbox": distance,
        "giou": giou,
        "mask": focal,
        "dice": dice,
    }
    num_boxes = count_boxes(targets)
    return {name: term / num_boxes for name, term in terms.items()}


@dataclass(frozen=True)
class Criterion:
    """Matches and compares, layer by layer; every decoder layer chooses its own query.

    Attributes:
        weights: of the losses in the total.
        costs: of the same terms in the choice of the query.
        valid_only: whether the class cost leaves out frames without the object (ReferFormer) or not (CMA).
    """

    weights: Weights = field(default_factory=Weights)
    costs: Weights = field(default_factory=Weights)
    valid_only: bool = False

    def __call__(self, output: Output, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Compares a prediction of B clips with their B targets.

        Returns:
            Float scalars: `loss_<term>` of the last layer for the terms ce, bbox, giou, mask and dice, unweighted;
            `loss_<term>_<i>` of layer i for each of `output.aux`; and `total`, the weighted sum of them all.
        """
        losses: dict[str, Tensor] = {}
        totals = []
        layers = {"": output} | {f"_{index}": layer for index, layer in enumerate(output.aux)}
        for suffix, layer in layers.items():
            queries = match(layer, targets, self.costs, valid_only=self.valid_only)
            terms = layer_losses(layer, targets, queries)
            losses |= {f"loss_{name}{suffix}": term for name, term in terms.items()}
            totals += [getattr(self.weights, weight.name) * terms[weight.name] for weight in fields(Weights)]
        return losses | {"total": torch.stack(totals).sum()}
