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
from fsbench_baselines.referformer.matcher import TermWeights
from fsbench_baselines.referformer.targets import count_boxes
from fsbench_baselines.referformer.targets import join_targets
from fsbench_baselines.referformer.targets import Target
from fsbench_baselines.referformer.targets import Targets

__all__ = ["Criterion", "box_losses", "class_loss", "layer_losses", "mask_losses"]


def class_loss(logits: Tensor, targets: Targets, queries: Tensor) -> Tensor:
    """Returns the focal loss of all queries; the matched one should answer on frames with the object, the others never.

    Args:
        logits: float [B, T, Q, C].
        queries: int64 [B], the matched query of each clip.
    Returns:
        float scalar, the sum over everything.
    """
    truth = torch.zeros_like(logits)
    clips, frames = (torch.arange(size, device=logits.device) for size in targets.valid.shape)
    columns = class_columns(targets, logits.shape[-1])
    truth[clips[:, None], frames, queries[:, None], columns] = targets.valid.to(truth)
    return focal_loss(logits, truth).sum()


def box_losses(boxes: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Compares boxes; frames without the object count too, against the target's box of zeros, as in the released code.

    Args:
        boxes: float [B, T, 4] of the matched queries, centre x, centre y, width, height.
    Returns:
        Sums over frames and clips of the L1 distance and of one minus the generalised IoU; float scalars.
    """
    truth = targets.boxes.to(boxes)
    return (boxes - truth).abs().sum(), (1 - generalized_iou(boxes, truth)).sum()


def mask_losses(masks: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Compares masks on the grid of the predictions; padding and frames without the object count as background.

    Args:
        masks: float [B, T, h, w], logits of the matched queries.
    Returns:
        Sums over clips of the mean focal loss and of one minus dice; float scalars.
    """
    truth = targets.masks.to(masks)
    return focal_loss(masks, truth).flatten(1).mean(1).sum(), (1 - dice_coefficient(masks, truth)).sum()


def layer_losses(output: Output, targets: Targets, queries: Tensor, num_boxes: float) -> dict[str, Tensor]:
    """Returns the five terms of one decoder layer, each divided by the number of frames with the object.

    Masks are divided by that number too, though theirs is one term per clip and not per frame.

    Args:
        output: logits [B, T, Q, C], boxes [B, T, Q, 4], masks [B, T, Q, h, w].
        targets: of the same clips and frames, on the same grid.
        queries: int64 [B], the matched query of each clip.
        num_boxes: the divisor.
    Returns:
        Float scalars named by the fields of `TermWeights`.
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
    return {name: term / num_boxes for name, term in terms.items()}


@dataclass(frozen=True)
class Criterion:
    """Matches and compares, layer by layer; every decoder layer chooses its own query.

    Attributes:
        weights: of the losses in the total.
        costs: of the same terms in the choice of the query.
        valid_only: whether the class cost leaves out frames without the object (ReferFormer) or not (CMA).
    """

    weights: TermWeights = field(default_factory=TermWeights)
    costs: TermWeights = field(default_factory=TermWeights)
    valid_only: bool = False

    def __call__(
        self, output: Output, targets: Sequence[Target] | Targets, num_boxes: float | None = None
    ) -> dict[str, Tensor]:
        """Compares a prediction of B clips with their B targets.

        Args:
            output: logits [B, T, Q, C], boxes [B, T, Q, 4], masks [B, T, Q, h, w].
            targets: one by one, or joined on the grid of the masks.
            num_boxes: what the terms are divided by: with several processes the mean over them of the frames with the
                object; None for those of `targets`.

        Returns:
            Float scalars: `loss_<term>` of the last layer for the terms ce, bbox, giou, mask and dice, unweighted;
            `loss_<term>_<i>` of layer i for each of `output.aux`; and `total`, the weighted sum of them all.
        """
        if not isinstance(targets, Targets):
            targets = join_targets(targets, *output.masks.shape[-2:])
        if num_boxes is None:
            num_boxes = count_boxes(targets)
        losses: dict[str, Tensor] = {}
        totals = []
        layers = {"": output} | {f"_{index}": layer for index, layer in enumerate(output.aux)}
        for suffix, layer in layers.items():
            queries = match(layer, targets, self.costs, valid_only=self.valid_only)
            terms = layer_losses(layer, targets, queries, num_boxes)
            losses |= {f"loss_{name}{suffix}": term for name, term in terms.items()}
            totals += [getattr(self.weights, weight.name) * terms[weight.name] for weight in fields(TermWeights)]
        return losses | {"total": torch.stack(totals).sum()}
