"""ReferFormer, fine-tuned on supports at test time: what they are worth to a model without affinity.

`FinetuneMethod` adapts to each support set by itself, `ReleasedFinetuneMethod` once to all classes of a draw.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from itertools import chain
from itertools import cycle
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch import Tensor

from fsbench.methods import Clip
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import SupportVideo
from fsbench.splits.episodes import window
from fsbench.streams import named_stream
from fsbench.streams import pick
from fsbench.training import TrainingClip
from fsbench.training.augmentation import augment
from fsbench.training.clips import object_boxes
from fsbench.training.clips import released_boxes
from fsbench.training.clips import without_vanished
from fsbench_baselines.pixels import resized_frames
from fsbench_baselines.referformer.declarations import FamilyOptions
from fsbench_baselines.referformer.declarations import FinetuneOptions
from fsbench_baselines.referformer.declarations import LookingOptions
from fsbench_baselines.referformer.declarations import REFERFORMER_FINETUNE
from fsbench_baselines.referformer.declarations import REFERFORMER_FINETUNE_RELEASED
from fsbench_baselines.referformer.declarations import ReleasedFinetuneOptions
from fsbench_baselines.referformer.heads import class_heads
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.method import ReferFormerMethod
from fsbench_baselines.referformer.recipes import CORRECTED
from fsbench_baselines.referformer.recipes import RELEASED
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import query_batch
from fsbench_baselines.referformer.task import QueryCollate
from fsbench_baselines.referformer.task import TrainingBatch
from fsbench_baselines.training.course import moved
from fsbench_baselines.training.optimisation import build_optimizer
from fsbench_baselines.training.optimisation import freeze
from fsbench_baselines.training.optimisation import rate_factor
from fsbench_baselines.training.recipe import Recipe

__all__ = ["FinetuneMethod", "ReleasedFinetuneMethod"]

_RELEASED_SIDE = 360  # shorter side of the frames that the released augmentation is for, in pixels


@dataclass(frozen=True)
class _Step:
    """What a step of training looks at, and what all learning rates are multiplied by."""

    clip: TrainingClip
    factor: float = 1.0


class _AdaptedMethod(ReferFormerMethod):
    """ReferFormer that takes some steps before it sees a query.

    It starts from the checkpoint's weights each time, which are in place again after each call.
    """

    recipe: Recipe
    criterion: Criterion
    seed: int

    def __init__(self, options: FamilyOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(
            LookingOptions(**{entry.name: getattr(options, entry.name) for entry in fields(FamilyOptions)})
        )

    def steps_on(self, support: Support) -> Iterator[_Step]:
        """Yields the steps; none if there is no object to learn from."""
        raise NotImplementedError

    def renew(self) -> None:
        """Gives new values to what does not start from the checkpoint's."""

    def adapt(self, support: Support) -> dict[str, Tensor]:
        """Returns the weights that the support leads to, by name and on the CPU; none if it shows no object."""
        steps = self.steps_on(support)
        first = next(steps, None)
        if first is None:
            return {}
        self.model.requires_grad_(False)
        # Thaws what ever trains, which for a ResNet excludes its first levels.
        task = FamilyTask(self.model, self.tokens, self.recipe, QueryCollate(self.tokens), self.criterion)
        freeze(self.model, self.recipe)
        trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        with _wearing(self.model, trained), _seeded(self.seed, self.device):
            try:
                self.renew()
                self._train(task, list(trained.values()), chain([first], steps))
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

    def _train(self, task: FamilyTask, parameters: Sequence[nn.Parameter], steps: Iterable[_Step]) -> None:
        """Takes the steps. Raises RuntimeError if a gradient is not finite."""
        task.set_modes()
        optimizer = build_optimizer(self.model, self.recipe)
        for step in steps:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * step.factor
            batch = self._batch(step.clip)
            task.loss(self.model, batch, max(1.0, task.count(batch)))["total"].backward()
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip, error_if_nonfinite=True)
            optimizer.step()
            optimizer.zero_grad()

    def _batch(self, clip: TrainingClip) -> TrainingBatch:
        batch = query_batch([clip], *self.tokens([clip.sentence]))
        on_device: TrainingBatch = moved(batch, self.device)
        return on_device


class FinetuneMethod(_AdaptedMethod):
    """ReferFormer that takes some steps on the frames, masks and sentence of a support set."""

    info = REFERFORMER_FINETUNE.info
    criterion = Criterion(valid_only=True)

    def __init__(self, options: FinetuneOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        prefixes = tuple(prefix.strip() for prefix in options.frozen.split(",") if prefix.strip())
        self.recipe = replace(CORRECTED, name="finetune", lr=options.lr, rates={}, frozen=prefixes, frozen_eval=True)
        self.steps = options.steps
        self.seed = options.seed

    def steps_on(self, support: Support) -> Iterator[_Step]:
        """Yields the steps: shots and their chunks take turns."""
        clips = [clip for shot in support.shots for clip in self._clips(shot)]
        for clip in islice(cycle(clips), self.steps):
            yield _Step(clip)

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


class ReleasedFinetuneMethod(_AdaptedMethod):
    """The baseline of CMA's authors: one model for all classes, whose support videos it sees whole.

    As in `referformer_finetune.py` at commit 333479f of github.com/hengliusky/Few_shot_RVOS. Classes come in an order
    that is drawn once and the same in every epoch; of a class's support video each step draws a sentence and five
    consecutive frames, and augments them as in training. Lengths of the augmentation, which are for frames of 360
    pixels, go with the size that the model sees. A support set that is given alone stands for its video.
    """

    info = REFERFORMER_FINETUNE_RELEASED.info
    criterion = Criterion()
    folds_norms = False  # a ResNet trains beside its norms, not with them in its weights

    def __init__(self, options: ReleasedFinetuneOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        rates = {"backbone": options.backbone_lr}
        self.recipe = replace(
            RELEASED, name="finetune-released", lr=options.lr, rates=rates, frozen=("text_encoder",), left_out=()
        )
        self.steps = options.steps
        self.epochs = options.epochs
        self.seed = options.seed

    def renew(self) -> None:
        """Makes the class heads new, all of them alike."""
        fresh = class_heads(self.model.config.hidden_dim, 1)[0].state_dict()
        for head in self.model.class_embed:
            head.load_state_dict(fresh)

    def steps_on(self, support: Support) -> Iterator[_Step]:
        """Yields the steps of all epochs."""
        shown = tuple(shot for shot in support.shots if shot.masks.any())
        classes = [videos for videos in support.draw or (tuple(map(_as_video, shown)),) if videos]
        slots = [videos for videos in classes for _ in range(self.steps)]
        order = np.argsort(named_stream(self.seed, "finetune", "order").random(len(slots)), kind="stable")
        augmentation = self.recipe.augmentation.scaled(self.short_side / _RELEASED_SIDE)
        for step in range(self.epochs * len(slots)):
            stream = named_stream(self.seed, "finetune", "step", step)
            clip = self._draw(pick(slots[order[step % len(slots)]], stream), stream)
            yield _Step(augment(clip, stream, augmentation), rate_factor(self.recipe, step, len(slots)))

    def _draw(self, video: SupportVideo, stream: np.random.Generator) -> TrainingClip:
        sentence = int(stream.random() * len(video.sentences))
        index = int(stream.random() * video.num_frames)
        shot = video.shot(sentence, window(range(video.num_frames), index, self.recipe.query_frames))
        valid = np.ones(len(shot.masks), np.bool_)
        boxes = released_boxes(shot.masks)
        return without_vanished(TrainingClip(shot.frames, shot.masks, boxes, valid, shot.sentence, class_id=0))


def _as_video(shot: Shot) -> SupportVideo:
    """Returns a shot as if it were its video."""

    def read(sentence: int, places: Sequence[int]) -> Shot:
        return Shot(shot.frames[list(places)], shot.masks[list(places)], shot.sentence)

    return SupportVideo(len(shot.frames), (shot.sentence,), read)


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
