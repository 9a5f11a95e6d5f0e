"""CMA and its ablations as methods of the harness."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fsbench.errors import DataError
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.config import AffinityName
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.method import FamilyMethod
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.training.recipe import Recipe
from fsbench_cma import declarations
from fsbench_cma.checkpoint import load_checkpoint
from fsbench_cma.checkpoint import load_released
from fsbench_cma.declarations import CMAOptions
from fsbench_cma.model import CMA
from fsbench_cma.model import SupportFeatures
from fsbench_cma.task import build_task

__all__ = ["AddMethod", "CMAMethod", "ObjectMethod", "PriorMethod", "SelfMethod"]


class CMAMethod(FamilyMethod[CMA]):
    """CMA: every position of the query looks for the object of the support.

    A support set of several videos is laid end to end; frames of the further ones are stretched to the first's size.
    """

    info = declarations.CMA.info
    affinity: AffinityName = "cross"
    joins_frames = True  # the middle frame of a chunk speaks for it

    def __init__(self, options: CMAOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.dab = self.affinity in ("cross", "prior") if options.dab is None else options.dab
        wanted = {name: getattr(options, name) for name in ("first_layer_boxes", "support_frames", "mask_support")}
        self.deviations = {name: value for name, value in wanted.items() if value is not None}

    def load(self, checkpoint: Path) -> CMA:
        """Returns the model with its weights."""
        if checkpoint.is_dir():
            model = load_checkpoint(checkpoint)
            if model.config.affinity != self.affinity:
                raise DataError(
                    f"{checkpoint}: these weights are of the affinity {model.config.affinity!r}, the method "
                    f"{self.info.name!r} has {self.affinity!r}. Evaluate them with the method that was trained."
                )
        else:
            model = load_released(
                checkpoint,
                backbone=self.backbone,
                affinity=self.affinity,
                dab=self.dab,
                text_config=self.text_settings(),
            )
        config = replace(model.config, **self.deviations)
        return model if config == model.config else _with_config(model, config)

    def build_task(self, recipe: Recipe, start: Start) -> FamilyTask:
        """Returns how the model learns."""
        return build_task(recipe, start, affinity=self.affinity, wiring={"dab": self.dab, **self.deviations})

    @torch.inference_mode()
    def adapt(self, support: Support) -> SupportFeatures:
        """Returns the support set's encoded levels and masks."""
        first = support.shots[0]
        frames = torch.cat([self._frames(shot, first) for shot in support.shots])[None]
        masks = torch.cat([_masks(shot, first) for shot in support.shots])[None]
        ids, padding = self.tokens([first.sentence])
        batch = SupportBatch(
            frames=frames.to(self.device, self.dtype),
            padding=torch.zeros(1, len(frames[0]), *frames.shape[-2:], dtype=torch.bool, device=self.device),
            token_ids=ids.to(self.device),
            token_padding=padding.to(self.device),
            masks=masks.to(self.device, self.dtype),
        )
        return self.model.encode_support(batch)

    def join(
        self,
        levels: tuple[Tensor, ...],
        plain: tuple[Tensor, ...],
        adapted: Any,  # Any: SupportFeatures
    ) -> tuple[Tensor, ...]:
        """Puts the support into the fused levels of each sentence."""
        count = len(levels[0])
        shown, compared = (
            tuple(level.expand(count, -1, -1, -1, -1) for level in of_support)
            for of_support in (adapted.levels, adapted.plain)
        )
        support = SupportFeatures(shown, adapted.masks.expand(count, -1, -1, -1), compared)
        return self.model.fuse_support(levels, plain, support)

    def enlarge(self, logits: Tensor, seen_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """Returns masks, bool [t, H, W], as the released test script makes them.

        Bilinear to the size of the frames that the model sees, sigmoid, and for files again bilinear to the native
        size; at 0.5.
        """
        masks = functional.interpolate(logits, seen_size, mode="bilinear", align_corners=False).sigmoid()
        if size == seen_size:
            return masks[:, 0] > 0.5
        return functional.interpolate(masks, size, mode="bilinear", align_corners=False)[:, 0] >= 0.5

    def _frames(self, shot: Shot, first: Shot) -> Tensor:
        """Returns a shot's frames, [K, 3, h, w], at the size of the first shot's."""
        height, width = first.frames.shape[1:3]
        same = shot.frames.shape[1:3] == (height, width)
        frames = shot.frames if same else np.stack([cv2.resize(frame, (width, height)) for frame in shot.frames])
        return normalised_frames(frames, self.short_side)


class ObjectMethod(CMAMethod):
    """CMA that looks at the object alone, in every frame of the support: other defaults of two options."""

    info = declarations.CMA_OBJECT.info


class PriorMethod(CMAMethod):
    """CMA that looks at the object alone, and is told how like it each place is."""

    info = declarations.CMA_PRIOR.info
    affinity = "prior"


class SelfMethod(CMAMethod):
    """The self-affinity ablation."""

    info = declarations.CMA_SELF.info
    affinity = "self"


class AddMethod(CMAMethod):
    """The ablation without affinity."""

    info = declarations.CMA_ADD.info
    affinity = "add"


def _masks(shot: Shot, first: Shot) -> Tensor:
    """Returns a shot's masks as float [K, H, W], at the native size of the first shot."""
    height, width = first.masks.shape[1:]
    masks = shot.masks.astype(np.float32)
    if masks.shape[1:] != (height, width):
        nearest = cv2.INTER_NEAREST
        masks = np.stack([cv2.resize(mask, (width, height), interpolation=nearest) for mask in masks])
    return torch.from_numpy(masks)


def _with_config(model: CMA, config: ModelConfig) -> CMA:
    """Returns a model of the same weights that is wired by another configuration."""
    other = CMA(config)
    other.load_state_dict(model.state_dict())
    return other
