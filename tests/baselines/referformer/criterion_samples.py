"""Predictions and targets for the tests of matcher and losses: random ones, and those of the released models."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.targets import Target

GOLDEN_CASES = [
    "base_cma_r50_A",
    "cma_r50_A",
    "cma_r50_C",
    "cma_r50_nodab_A",
    "cma_swin_t_A",
    "cma_vswin_t_A",
    "referformer_r50_A",
    "referformer_swin_t_A",
    "referformer_vswin_t_A",
    "self_cma_r50_A",
]
TERMS = ("ce", "bbox", "giou", "mask", "dice")


def prediction(logits: Tensor, boxes: Tensor, masks: Tensor | None = None, aux: tuple[Output, ...] = ()) -> Output:
    """Returns an output; masks are all logits of zero on one cell unless given."""
    masks = torch.zeros(*logits.shape[:3], 1, 1) if masks is None else masks
    return Output(logits=logits, boxes=boxes, masks=masks, reference_points=boxes[..., :2], aux=aux)


def random_prediction(clips=3, frames=4, queries=5, size=(6, 8), *, layers=2, classes=1, seed=0) -> Output:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(clips, frames, queries, *shape, generator=generator)

    first, *rest = [prediction(draw(classes), draw(4).sigmoid(), draw(*size)) for _ in range(layers)]
    return prediction(first.logits, first.boxes, first.masks, tuple(rest))


def random_target(frames=4, size=(22, 30), *, valid: list[int] | None = None, label=0, seed=0) -> Target:
    generator = torch.Generator().manual_seed(seed)
    seen = torch.ones(frames, dtype=torch.bool) if valid is None else torch.tensor(valid).bool()
    masks = (torch.rand(frames, *size, generator=generator) > 0.5) & seen[:, None, None]
    boxes = torch.rand(frames, 4, generator=generator) * seen[:, None]
    return Target(masks=masks, boxes=boxes, valid=seen, labels=torch.full((frames,), label))


def golden_target(folder: Path, case: str) -> Target:
    """Returns the target of clip 0 of a case, such as the A of cma_r50_A."""
    with np.load(folder / f"inputs_{case[-1]}.npz") as inputs:
        return Target(
            masks=torch.from_numpy(inputs["tgt0_masks_uint8"]).bool(),
            boxes=torch.from_numpy(inputs["tgt0_boxes_cxcywh"]),
            valid=torch.from_numpy(inputs["tgt0_valid"]),
            labels=torch.from_numpy(inputs["tgt0_labels"]),
        )


def golden_layer(golden: dict[str, np.ndarray], layer: str = "") -> Output:
    """Returns the last layer, or `layer` of "aux0/" to "aux2/" with masks of zeros, which the goldens lack."""
    logits = torch.from_numpy(golden[f"out/{layer}pred_logits"])
    boxes = torch.from_numpy(golden[f"out/{layer}pred_boxes"])
    masks = torch.from_numpy(golden["out/pred_masks"])
    return prediction(logits, boxes, torch.zeros_like(masks) if layer else masks)
