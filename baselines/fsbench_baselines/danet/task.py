"""How DANet learns: its start, its batches, its loss.

Axes: B clips, T query frames, K support frames of all videos together, H W pixels of the canvas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch import Tensor

from fsbench.datasets.spec import spec_of
from fsbench.errors import RunError
from fsbench.methods.contract import Training
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench.training.job import TrainingJob
from fsbench_baselines.backbones.small import SmallResNet
from fsbench_baselines.checkpoints import fill
from fsbench_baselines.checkpoints import random_model
from fsbench_baselines.danet.checkpoint import initial_state
from fsbench_baselines.danet.checkpoint import save_checkpoint
from fsbench_baselines.danet.config import DANetConfig
from fsbench_baselines.danet.encoder import small_encoder
from fsbench_baselines.danet.letterbox import Letterbox
from fsbench_baselines.danet.losses import cross_entropy
from fsbench_baselines.danet.losses import overlap_loss
from fsbench_baselines.danet.model import DANet
from fsbench_baselines.danet.recipes import RECIPES
from fsbench_baselines.training.job import job_episodes
from fsbench_baselines.training.job import loop_settings
from fsbench_baselines.training.job import made_by
from fsbench_baselines.training.job import require_weights
from fsbench_baselines.training.loop import has_begun
from fsbench_baselines.training.loop import run_training
from fsbench_baselines.training.pretraining import load_backbone
from fsbench_baselines.training.pretraining import pretrain_backbone
from fsbench_baselines.training.recipe import load_recipe
from fsbench_baselines.training.recipe import Recipe

__all__ = ["DANetTask", "build_model", "train_danet"]

_CROSS_ENTROPY_WEIGHT = 5.0  # over the overlap's 1, as released


@dataclass(frozen=True)
class TrainingBatch:
    """Query clips, their masks, and what their supports show.

    Attributes:
        frames: float32 [B, T, 3, H, W], normalised.
        masks: float32 in {0, 1} [B, T, H, W].
        support_frames: float32 [B, K, 3, H, W], normalised.
        support_masks: float32 in {0, 1} [B, K, H, W].
    """

    frames: Tensor
    masks: Tensor
    support_frames: Tensor
    support_masks: Tensor


class Collate:
    """Makes batches on a canvas of (H, W) pixels."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def __call__(self, episodes: Sequence[TrainingEpisode]) -> TrainingBatch:
        """Returns the batch of some episodes."""
        queries = [self._placed([episode.query]) for episode in episodes]
        supports = [self._placed(episode.supports) for episode in episodes]
        parts = (*zip(*queries, strict=True), *zip(*supports, strict=True))
        return TrainingBatch(*(torch.stack(part) for part in parts))

    def _placed(self, clips: Sequence[TrainingClip]) -> tuple[Tensor, Tensor]:
        """Returns frames and masks of clips, one after the other."""
        boxes = [Letterbox.of(clip.masks.shape[1:], self._size) for clip in clips]
        frames = [box.frames(clip.frames) for box, clip in zip(boxes, clips, strict=True)]
        masks = [box.masks(clip.masks) for box, clip in zip(boxes, clips, strict=True)]
        return torch.cat(frames), torch.cat(masks)


class DANetTask:
    """A DANet that learns; see `fsbench_baselines.training.task.Task`."""

    def __init__(self, model: DANet, recipe: Recipe, training: Training | None = None) -> None:
        """Takes the model with its initial weights, what of it the recipe freezes, and what its checkpoint will say."""
        self.model = model
        self.configuration = model.config.to_record()
        self.training = training
        self.recipe = recipe
        self.collate = Collate(model.config.size)

    def count(self, batch: TrainingBatch) -> float:
        """Returns the number of clips."""
        return float(len(batch.frames))

    def loss(self, model: nn.Module, batch: TrainingBatch, count: float) -> dict[str, Tensor]:
        """Returns cross entropy and overlap loss, means over the clips, and their weighted sum as "total"."""
        probabilities = model(batch.frames, batch.support_frames, batch.support_masks).float()
        entropy = cross_entropy(probabilities, batch.masks).sum() / count
        distance = overlap_loss(probabilities, batch.masks).sum() / count
        return {
            "total": _CROSS_ENTROPY_WEIGHT * entropy + distance,
            "loss_ce": entropy.detach(),
            "loss_iou": distance.detach(),
        }

    def set_modes(self) -> None:
        """Puts the model in train mode, and what is frozen in eval mode if the recipe wants it so."""
        self.model.train()
        for name, module in self.model.named_modules():
            if self.recipe.frozen_eval and name.startswith(self.recipe.frozen):
                module.eval()

    def save(self, folder: Path) -> None:
        """Writes the model."""
        save_checkpoint(folder, self.model, training=self.training)


def train_danet(job: TrainingJob) -> Path:
    """Trains a DANet on the base classes of a fold.

    Returns:
        The checkpoint's folder.

    Raises:
        DataError: There are weights to start from, but they cannot be read or do not fit the recipe's model.
        FsbenchError: See `load_recipe`, `job_episodes` and `run_training`.
    """
    chosen = job.recipe or spec_of(job.benchmark.dataset).recipe or "released"
    recipe = load_recipe(chosen, job.overrides, recipes=RECIPES, base="released")
    require_weights(job, recipe, () if recipe.pretraining is None else ("encoder",))
    episodes = job_episodes(job, recipe)
    model = build_model(recipe, job.seed)
    settings = loop_settings(job, job.out)
    if job.init is not None:
        fill(model, initial_state(job.init, model), str(job.init))
    elif recipe.pretraining is not None and not has_begun(DANetTask(model, recipe), recipe, settings):
        body = SmallResNet()
        load_backbone(pretrain_backbone(job, recipe.pretraining, model.config.backbone), body)
        model.encoder = small_encoder(body)
    run_training(DANetTask(model, recipe, made_by(job, recipe)), episodes, recipe, settings)
    return job.out / "model"


def build_model(recipe: Recipe, seed: int) -> DANet:
    """Returns the recipe's model with random weights that follow from the seed.

    Raises:
        RunError: The recipe describes no model, or one whose backbone cannot be pretrained.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        try:
            model = random_model(DANet, DANetConfig(**recipe.model))
        except (TypeError, ValueError) as error:
            raise RunError(f"The recipe's entry model describes no DANet: {error}.") from error
    if recipe.naming is not None:
        raise RunError(f"Recipe {recipe.name!r} teaches names, and a DANet reads none. Give --set naming=null.")
    if recipe.pretraining is not None and model.config.backbone != "resnet_small":
        raise RunError(
            f"Recipe {recipe.name!r} pretrains the backbone, which is for resnet_small alone. Give --set "
            "pretraining=null, and ImageNet weights with --init."
        )
    return model
