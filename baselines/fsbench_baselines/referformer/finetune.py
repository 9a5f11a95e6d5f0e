"""ReferFormer, fine-tuned on each support set at test time: what the support is worth to a model without affinity."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import fields
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch import Tensor

from fsbench.methods import Clip
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.training import TrainingClip
from fsbench.training.clips import object_boxes
from fsbench_baselines.pixels import resized_frames
from fsbench_baselines.referformer.declarations import FamilyOptions
from fsbench_baselines.referformer.declarations import FinetuneOptions
from fsbench_baselines.referformer.declarations import LookingOptions
from fsbench_baselines.referformer.declarations import REFERFORMER_FINETUNE
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.method import ReferFormerMethod
from fsbench_baselines.referformer.recipes import CORRECTED
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import query_batch
from fsbench_baselines.referformer.task import QueryCollate
from fsbench_baselines.referformer.task import TrainingBatch
from fsbench_baselines.training.course import moved
from fsbench_baselines.training.optimisation import build_optimizer
from fsbench_baselines.training.optimisation import freeze

__all__ = ["FinetuneMethod"]


class FinetuneMethod(ReferFormerMethod):
    """ReferFormer that takes some steps on the support's frames, masks and sentence before it sees a query.

    A support set starts from the checkpoint's weights, which are in place again after each call.
    """

    info = REFERFORMER_FINETUNE.info

    def __init__(self, options: FinetuneOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        family = {entry.name: getattr(options, entry.name) for entry in fields(FamilyOptions)}
        super().__init__(LookingOptions(**family))
        prefixes = tuple(prefix.strip() for prefix in options.frozen.split(",") if prefix.strip())
        self.recipe = replace(CORRECTED, name="finetune", lr=options.lr, rates={}, frozen=prefixes, frozen_eval=True)
        self.steps = options.steps
        self.seed = options.seed

    def adapt(self, support: Support) -> dict[str, Tensor]:
        """Returns the weights that the support leads to, by name and on the CPU; none if it shows no object."""
        clips = [clip for shot in support.shots for clip in self._clips(shot)]
        if not clips or not self.steps:
            return {}
        self.model.requires_grad_(False)
        # Thaws what ever trains, which for a ResNet excludes its first levels.
        task = FamilyTask(self.model, self.tokens, self.recipe, QueryCollate(self.tokens), Criterion(valid_only=True))
        freeze(self.model, self.recipe)
        trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        with _wearing(self.model, trained), _seeded(self.seed, self.device):
            try:
                self._train(task, list(trained.values()), [self._batch(clip) for clip in clips])
                return {name: parameter.detach().cpu().clone() for name, parameter in trained.items()}
            finally:
                self.model.eval()
                self.model.sentence_cache = None  # before a first support set there was none, either

    def segment(
        self, adapted: dict[str, Tensor], clip: Clip, expressions: Sequence[str]
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields what `FamilyMethod` yields, wearing the adapted weights till the end.

        What is computed of the clip is good for one support set, and not kept.
        """
        with _wearing(self.model, adapted):
            yield from super().segment(adapted, clip.anew() if adapted else clip, expressions)

    def _train(self, task: FamilyTask, parameters: Sequence[nn.Parameter], batches: Sequence[TrainingBatch]) -> None:
        """Takes the steps. Raises RuntimeError if a gradient is not finite."""
        task.set_modes()
        optimizer = build_optimizer(self.model, self.recipe)
        for step in range(self.steps):
            batch = batches[step % len(batches)]
            task.loss(self.model, batch, task.count(batch))["total"].backward()
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip, error_if_nonfinite=True)
            optimizer.step()
            optimizer.zero_grad()

    def _clips(self, shot: Shot) -> Iterator[TrainingClip]:
        """Yields a shot's chunks on which the object is seen, at the size that the model sees."""
        frames = resized_frames(shot.frames, self.short_side)
        shape = frames.shape[2], frames.shape[1]
        masks = np.stack([cv2.resize(m.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST) for m in shot.masks])
        size = self.chunk or len(frames)
        for start in range(0, len(frames), size):
            part = masks[start : start + size].astype(np.bool_)
            if part.any():
                pixels = frames[start : start + size]
                present = np.asarray(part.any((1, 2)))
                yield TrainingClip(pixels, part, object_boxes(part), present, shot.sentence, class_id=0)

    def _batch(self, clip: TrainingClip) -> TrainingBatch:
        batch = query_batch([clip], *self.tokens([clip.sentence]))
        on_device: TrainingBatch = moved(batch, self.device)
        return on_device


@contextmanager
def _wearing(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Puts weights into a model, and its own back at the end, whatever happens to them on the way."""
    parameters = dict(model.named_parameters())
    own = {name: parameters[name].detach().clone() for name in weights}
    _put(parameters, weights)
    try:
        yield
    finally:
        _put(parameters, own)


@torch.no_grad()
def _put(parameters: Mapping[str, nn.Parameter], weights: Mapping[str, Tensor]) -> None:
    for name, tensor in weights.items():
        parameters[name].copy_(tensor)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds torch's generators, and leaves them as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
