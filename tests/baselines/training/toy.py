"""A task that trains in milliseconds, with all that makes training hard: dropout, frozen, unused and shared weights."""

import os
import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor

from fsbench.errors import RunError
from fsbench.streams import named_stream
from fsbench.training import Augmentation
from fsbench.training import ClipSpec
from fsbench.training import EpisodeSpec
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench_baselines.training.loop import LoopSettings
from fsbench_baselines.training.loop import run_training
from fsbench_baselines.training.recipe import Recipe

FRAMES, SIDE = 3, 4


def toy_recipe(**changes: Any) -> Recipe:
    """Three epochs; the drop of the rates, and the group of `support_qkv`, make a difference after few steps."""
    values = {
        "name": "toy",
        "epochs": 3,
        "batch": 2,
        "augmentation": Augmentation(),
        "lr": 0.01,
        "rates": {"backbone.0": 0.005, "text_encoder": 0.02},
        "drops": (1,),
        "frozen": ("text_encoder",),
    }
    return Recipe(**(values | changes))


class ToySampler:
    """Names the episodes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def spec(self, epoch: int, index: int) -> EpisodeSpec:
        clips = (ClipSpec(f"{role}-{epoch}-{index}", "0", (1,), ("a", "b", "c")) for role in ("query", "support"))
        return EpisodeSpec(epoch, index, 1, "mouse", *clips)


class ToyEpisodes:
    """Noise; the more episodes there were, the fewer frames show the object. `broken` ones have no finite loss."""

    def __init__(self, size: int = 8, broken: Sequence[tuple[int, int]] = ()) -> None:
        self.sampler = ToySampler(size)
        self.broken = broken

    def __len__(self) -> int:
        return self.sampler.size

    def __getitem__(self, position: tuple[int, int]) -> TrainingEpisode:
        stream = named_stream(5, *position)
        clips = []
        for _ in ("query", "support"):
            frames = (stream.random((FRAMES, SIDE, SIDE, 3)) * 256).astype("uint8")
            masks = frames[..., 0] > 128
            boxes = stream.random((FRAMES, 4)).astype("float32")
            valid = stream.random(FRAMES) < 0.6
            clips.append(TrainingClip(frames, masks, boxes, valid, "broken" if position in self.broken else "", 1))
        return TrainingEpisode(self.sampler.spec(*position), *clips)


@dataclass(frozen=True)
class ToyBatch:
    frames: Tensor
    masks: Tensor
    valid: Tensor
    broken: Tensor


def collate(episodes: Sequence[TrainingEpisode]) -> dict[str, Any]:
    queries = [episode.query for episode in episodes]
    frames = torch.stack([torch.from_numpy(clip.frames).float() / 255 for clip in queries])
    masks = torch.stack([torch.from_numpy(clip.masks).float() for clip in queries])
    valid = torch.stack([torch.from_numpy(clip.valid) for clip in queries])
    return {"clips": (ToyBatch(frames, masks, valid, torch.tensor([bool(c.sentence) for c in queries])),)}


class ToyModel(nn.Module):
    """Scores frames."""

    def __init__(self, dropout: float, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.backbone = nn.ModuleList([nn.Linear(3 * SIDE * SIDE, 6)])
        self.norm = nn.LayerNorm(6)
        self.dropout = nn.Dropout(dropout)
        self.text_encoder = nn.Embedding(1, 6)
        self.support_qkv = nn.Linear(6, 6)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(6, 1)
        self.second_name = self.head

    def forward(self, frames: Tensor) -> Tensor:
        """Frames [B, T, H, W, 3] to scores [B, T]."""
        features = self.dropout(self.norm(self.backbone[0](frames.flatten(2)))) + self.text_encoder.weight[0]
        return self.second_name(features + self.support_qkv(features).tanh()).squeeze(-1)


class ToyTask:
    """The mean over the frames with the object of the squared distance to its size."""

    def __init__(self, dropout: float = 0.5, pause: float = 0.0) -> None:
        self.model = ToyModel(dropout)
        self.configuration = {"dropout": dropout}
        self.collate = collate
        self.pause = pause
        self.epochs = 0

    def count(self, batch: Any) -> float:
        return float(batch["clips"][0].valid.sum())

    def loss(self, model: nn.Module, batch: Any, count: float) -> dict[str, Tensor]:
        (clips,) = batch["clips"]
        time.sleep(self.pause)
        distance = (model(clips.frames) - clips.masks.mean((-2, -1))) ** 2
        size = (distance * clips.valid).sum() / count
        noise = torch.rand(()) if self.model.training else torch.zeros(())
        if clips.broken.any():
            size = size * torch.nan
        return {"total": 2 * size, "size": size.detach(), "noise": noise}

    def set_modes(self) -> None:
        self.epochs += 1
        self.model.train()

    def save(self, folder: Path) -> None:
        torch.save(self.model.state_dict(), folder / "weights.pt")


def train(out: Path, recipe: Recipe | None = None, task: ToyTask | None = None, **settings: Any) -> dict[str, Tensor]:
    """Trains a toy and returns the weights of its checkpoint."""
    episodes = settings.pop("episodes", None) or ToyEpisodes()
    values = {"out": out, "seed": 3, "manifest_digest": "d0", "device": "cpu"} | settings
    run_training(task or ToyTask(), episodes, recipe or toy_recipe(), LoopSettings(**values))
    return torch.load(out / "model" / "weights.pt")


def train_process(
    out: Path, recipe: Recipe, variables: Mapping[str, str], toy: Mapping[str, Any], **settings: Any
) -> None:
    """`train` as the target of a process, with its own environment variables; an error goes to a file beside `out`."""
    os.environ.update(variables)
    torch.set_num_threads(1)
    try:
        train(out, recipe, ToyTask(**toy), **settings)
    except RunError as error:
        out.with_suffix(f".error-{variables['RANK']}").write_text(str(error))
        sys.exit(2)
