"""Pretraining of a backbone that starts from random weights: it learns to tell the base classes apart.

Released models start from backbones that were trained on ImageNet. A backbone without such weights gets its own: a
linear classifier on each of its lower maps names the class of every cell that lies on an annotated object.

Axes: N frames of all clips, H W pixels, C channels, h w cells of a map.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench.files import write_whole
from fsbench.training import TrainingEpisode
from fsbench.training.job import TrainingJob
from fsbench_baselines.backbones import Backbone
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.pixels import normalised_pixels
from fsbench_baselines.training.job import base_classes
from fsbench_baselines.training.job import job_episodes
from fsbench_baselines.training.job import loop_settings
from fsbench_baselines.training.loop import run_training
from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.state import read_learnt

__all__ = ["OFF", "BackboneTask", "class_loss", "load_backbone", "pretrain_backbone"]

_FILE = "backbone.safetensors"
_STRIDES = (4, 8, 16)  # of the maps that are classified
OFF = -1  # label of pixels that are on no annotated object


@dataclass(frozen=True)
class _Batch:
    """Frames with the class of every pixel.

    Attributes:
        frames: float32 [N, 3, H, W], normalised.
        classes: int64 [N, H, W], `OFF` off the objects.
    """

    frames: Tensor
    classes: Tensor


class _Collate:
    """Makes batches of the query and support frames of episodes, padded to the largest, right and below."""

    def __init__(self, index_of: Mapping[int, int]) -> None:
        self._index_of = index_of

    def __call__(self, episodes: Sequence[TrainingEpisode]) -> _Batch:
        clips = [clip for episode in episodes for clip in (episode.query, episode.support)]
        height, width = (max(clip.frames.shape[axis] for clip in clips) for axis in (1, 2))
        frames, classes = [], []
        for clip in clips:
            missing = (0, width - clip.frames.shape[2], 0, height - clip.frames.shape[1])
            of_pixels = torch.where(torch.from_numpy(clip.masks), self._index_of[clip.class_id], OFF)
            frames.append(functional.pad(normalised_pixels(clip.frames), missing))
            classes.append(functional.pad(of_pixels, missing, value=OFF))
        return _Batch(torch.cat(frames), torch.cat(classes))


class _Classifier(nn.Module):
    """A backbone, and a linear classifier on each of its lower maps."""

    def __init__(self, body: Backbone, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.heads = nn.ModuleList(nn.Conv2d(num, num_classes, 1) for num in body.channels[: len(_STRIDES)])

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Returns the scores of the classes, [N, classes, h, w], at each stride, of frames [N, 3, H, W]."""
        return [head(level) for head, level in zip(self.heads, self.body(frames, num_frames=1), strict=False)]


class BackboneTask:
    """A backbone that learns to classify; see `fsbench_baselines.training.task.Task`."""

    def __init__(self, backbone: str, class_ids: Sequence[int], seed: int) -> None:
        """Builds the backbone with random weights that follow from the seed.

        Args:
            backbone: A key of `backbones.BACKBONES`.
            class_ids: The base classes.
            seed: Of the weights.
        """
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.model = _Classifier(build_backbone(backbone), len(class_ids))
        self.configuration = {"backbone": backbone, "classes": sorted(class_ids)}
        self.collate = _Collate({class_id: index for index, class_id in enumerate(sorted(class_ids))})

    def count(self, batch: _Batch) -> float:
        """Returns the number of frames."""
        return float(len(batch.frames))

    def loss(self, model: nn.Module, batch: _Batch, count: float) -> dict[str, Tensor]:
        """Returns the cross entropy at each stride, a mean over the cells on objects of each frame, and their sum."""
        losses = {
            f"loss_stride_{stride}": class_loss(scores.float(), batch.classes, stride) / count
            for stride, scores in zip(_STRIDES, model(batch.frames), strict=True)
        }
        return losses | {"total": torch.stack(list(losses.values())).sum()}

    def set_modes(self) -> None:
        """Puts everything in train mode."""
        self.model.train()

    def save(self, folder: Path) -> None:
        """Writes the backbone without its classifiers; `load_backbone` reads it."""
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.body.state_dict().items()}
        write_whole(folder / _FILE, safetensors.torch.save(state))


def pretrain_backbone(job: TrainingJob, recipe: Recipe, name: str) -> Path:
    """Trains a backbone on the base classes of a fold, in the folder `backbone` of the training.

    Args:
        job: What to train on.
        recipe: How.
        name: A key of `backbones.BACKBONES`.

    Returns:
        The folder that `load_backbone` takes.

    Raises:
        FsbenchError: See `run_training`.
    """
    folder = job.out / "backbone"
    task = BackboneTask(name, list(base_classes(job)), job.seed)
    run_training(task, job_episodes(job, recipe), recipe, loop_settings(job, folder, "pretraining"))
    return folder / "model"


def load_backbone(folder: Path, body: nn.Module) -> None:
    """Puts the weights that `BackboneTask.save` wrote into a backbone."""
    body.load_state_dict(read_learnt(folder / _FILE))


def class_loss(scores: Tensor, classes: Tensor, stride: int) -> Tensor:
    """Returns the sum over frames of the mean cross entropy of their cells on objects.

    Args:
        scores: float [N, classes, h, w].
        classes: int64 [N, H, W] of the pixels; a cell has the class of the pixel in its middle.
        stride: Pixels of a cell.
    """
    height, width = scores.shape[-2:]
    wanted = classes[:, stride // 2 :: stride, stride // 2 :: stride][:, :height, :width]
    scores = scores[..., : wanted.shape[1], : wanted.shape[2]]
    losses = functional.cross_entropy(scores, wanted, ignore_index=OFF, reduction="none")
    cells = (wanted != OFF).flatten(1).sum(1).clamp(min=1)
    return (losses.flatten(1).sum(1) / cells).sum()
