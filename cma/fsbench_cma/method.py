"""CMA and its ablations as methods of the harness."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from fsbench.errors import DataError
from fsbench.methods import MethodInfo
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.method import FamilyMethod
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.training.recipe import Recipe
from fsbench_cma.checkpoint import load_checkpoint
from fsbench_cma.checkpoint import load_released
from fsbench_cma.model import CMA
from fsbench_cma.model import SupportFeatures
from fsbench_cma.task import build_task

__all__ = ["AddMethod", "CMAMethod", "SelfMethod"]

_PAPER = (
    "Li et al., Learning Cross-Modal Affinity for Referring Video Object Segmentation Targeting Limited Samples, "
    "ICCV 2023"
)


def _info(name: str, summary: str) -> MethodInfo:
    licence = "Apache-2.0 (this code); weights have their authors' terms"
    declared = ("as the checkpoint's authors declare",)
    return MethodInfo(name, "1", summary, paper=_PAPER, licence=licence, trained_on=declared)


class CMAMethod(FamilyMethod):
    """CMA: every position of the query looks for the object of the support.

    A support set of several videos is laid end to end; frames of the further ones are stretched to the first's size.
    """

    info = _info("cma", "CMA (Li et al.): cross affinity between support and query.")
    affinity: Literal["cross", "self", "add"] = "cross"

    def __init__(
        self,
        checkpoint: Path | None = None,
        backbone: str = "resnet50",
        dab: bool | None = None,
        tokenizer: str = "roberta-base",
        text_config: Path | None = None,
        device: str = "auto",
        dtype: Literal["float32", "bfloat16"] = "float32",
        chunk: int = 10,
        query_choice: Literal["chunk", "video"] = "chunk",
        short_side: int | None = None,
        compile: bool = False,
        max_frames: int | None = None,
        first_layer_boxes: Literal["broadcast", "proper"] | None = None,
        support_frames: Literal["middle", "all"] | None = None,
        mask_support: Literal["zero", "exclude"] | None = None,
    ) -> None:
        """Notes the options; see `FamilyMethod` for those of the whole family.

        Args:
            checkpoint, backbone, tokenizer, text_config, device, dtype, chunk, query_choice, short_side, compile,
                max_frames: See `FamilyMethod`.
            dab: Whether released weights have DAB queries; None for the variant's own training script.
            first_layer_boxes, support_frames, mask_support: Deviations from the released behaviour (`ModelConfig`);
                None for what the checkpoint says.
        """
        super().__init__(
            checkpoint,
            backbone,
            tokenizer,
            text_config,
            device,
            dtype,
            chunk,
            query_choice,
            short_side,
            compile,
            max_frames,
        )
        self.dab = self.affinity == "cross" if dab is None else dab
        wanted = {
            "first_layer_boxes": first_layer_boxes,
            "support_frames": support_frames,
            "mask_support": mask_support,
        }
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
            text = self.text_settings()
            options = {"backbone": self.backbone, "affinity": self.affinity, "dab": self.dab}
            model = load_released(checkpoint, **options, text_config=text)
        return _with_config(model, replace(model.config, **self.deviations)) if self.deviations else model

    @classmethod
    def shipped_checkpoint(cls, dataset: str, fold: int) -> Path | None:
        """Returns the folder of the weights that come with this package for a fold of a dataset, if there are any."""
        folder = Path(__file__).parent / "weights" / cls.info.name / dataset / f"fold-{fold}"
        return folder if folder.is_dir() else None

    def build_task(self, recipe: Recipe, start: Start) -> FamilyTask:
        """Returns how the model learns."""
        return build_task(recipe, start, affinity=self.affinity, dab=self.dab)

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

    def join(self, levels: tuple[Tensor, ...], adapted: Any) -> tuple[Tensor, ...]:  # Any: SupportFeatures
        """Puts the support into the fused levels."""
        return self.model.fuse_support(levels, adapted)

    def _frames(self, shot: Shot, first: Shot) -> Tensor:
        """Returns a shot's frames, [F, 3, h, w], at the size of the first shot's."""
        height, width = first.frames.shape[1:3]
        same = shot.frames.shape[1:3] == (height, width)
        frames = shot.frames if same else np.stack([cv2.resize(frame, (width, height)) for frame in shot.frames])
        return normalised_frames(frames, self.short_side)


class SelfMethod(CMAMethod):
    """The self-affinity ablation."""

    info = _info("cma-self", "CMA's ablation: the query looks at itself, the support's object is set beside it.")
    affinity = "self"


class AddMethod(CMAMethod):
    """The ablation without affinity."""

    info = _info("cma-add", "CMA's ablation: the support's object is added to the query.")
    affinity = "add"


def _masks(shot: Shot, first: Shot) -> Tensor:
    """Returns a shot's masks as float [F, H, W], at the native size of the first shot."""
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
