"""Second part of a pretraining from random weights: words and shapes find each other before anything is segmented.

A released ReferFormer starts from a text encoder that has read books, and is trained on tens of thousands of videos. A
model with neither binds a class name to what it looks like late, if at all: in most sentences colour and place say
enough. So here it is asked for the name alone. The sentence of a clip is given with the name of every base class in
turn, each map is fused with each of these sentences, and on the annotated object a linear reading of the fused map has
to say which sentence is the true one.

Axes: B clips, T frames, H W pixels, S tokens, D channels, h w cells of a map.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn
from torch import Tensor

from fsbench.files import write_whole
from fsbench.training import replace_word
from fsbench.training import TrainingEpisode
from fsbench_baselines.referformer.model import FamilyModel
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.task import padded_frames
from fsbench_baselines.training.pretraining import class_loss
from fsbench_baselines.training.pretraining import OFF
from fsbench_baselines.training.state import read_learnt

__all__ = ["LEARNT", "NamingTask", "load_named"]

_FILE = "named.safetensors"
_STRIDES = (8, 16, 32)  # of the levels that are read
LEARNT = ("backbone", "input_proj", "text_encoder", "resizer", "fusion_module")


@dataclass(frozen=True)
class _Batch:
    """Clips, each with a sentence for every class, of which one is true.

    Attributes:
        frames: float32 [B, T, 3, H, W], normalised.
        classes: int64 [B, T, H, W], the index of the true class; `OFF` off the object.
        token_ids: int64 [B * classes, S].
        token_padding: bool [B * classes, S], True on padding.
    """

    frames: Tensor
    classes: Tensor
    token_ids: Tensor
    token_padding: Tensor


class _Collate:
    """Makes batches of the queries of episodes, padded to the largest, right and below."""

    def __init__(self, tokens: Tokenizer, names: Mapping[int, str]) -> None:
        self._tokens = tokens
        self._names = dict(sorted(names.items()))

    def __call__(self, episodes: Sequence[TrainingEpisode]) -> _Batch:
        clips = [episode.query for episode in episodes]
        frames, _ = padded_frames(clips)
        index_of = {class_id: index for index, class_id in enumerate(self._names)}
        classes = torch.full((*frames.shape[:2], *frames.shape[-2:]), OFF)
        for number, clip in enumerate(clips):
            height, width = clip.masks.shape[1:]
            classes[number, :, :height, :width][torch.from_numpy(clip.masks)] = index_of[clip.class_id]
        sentences = [
            replace_word(clip.sentence, self._names[clip.class_id], name)
            for clip in clips
            for name in self._names.values()
        ]
        return _Batch(frames, classes, *self._tokens(sentences))


class _Namer(nn.Module):
    """The parts of a model up to the fusion, and a linear reading of each fused level."""

    def __init__(self, reader: FamilyModel, num_classes: int) -> None:
        super().__init__()
        self.reader = reader
        self.num_classes = num_classes
        self.heads = nn.ModuleList(nn.Conv2d(reader.config.hidden_dim, 1, 1) for _ in _STRIDES)

    def forward(self, batch: _Batch) -> list[Tensor]:
        """Returns how well each sentence fits each cell, [B * T, classes, h, w] at each stride."""
        text = self.reader.encode_text(batch.token_ids, batch.token_padding)
        levels = self.reader.project(self.reader.run_backbone(batch.frames)[1:])
        repeated = [level.repeat_interleave(self.num_classes, dim=0) for level in levels[: len(_STRIDES)]]
        fused = self.reader.fuse_text(repeated, text)  # [B * classes, T, D, h, w] each
        return [self._read(head, level) for head, level in zip(self.heads, fused, strict=True)]

    def _read(self, head: nn.Module, level: Tensor) -> Tensor:
        scores: Tensor = head(level.flatten(0, 1))[:, 0].unflatten(0, (-1, self.num_classes, level.shape[1]))
        return scores.transpose(1, 2).flatten(0, 1)


class NamingTask:
    """A model that learns which name belongs to what it sees; see `fsbench_baselines.training.task.Task`."""

    def __init__(self, reader: FamilyModel, tokens: Tokenizer, names: Mapping[int, str], seed: int) -> None:
        """Takes the model, whose parts after the fusion it freezes.

        Args:
            reader: Is trained in place.
            tokens: Of its text encoder.
            names: Of the base classes by id.
            seed: Of the readings' weights.
        """
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.model = _Namer(reader, len(names))
        self.configuration = {**reader.config.to_record(), "classes": sorted(names)}
        for name, parameter in reader.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name.startswith(LEARNT))
        self.collate = _Collate(tokens, names)

    def count(self, batch: _Batch) -> float:
        """Returns the number of frames."""
        return float(batch.frames.shape[:2].numel())

    def loss(self, model: nn.Module, batch: _Batch, count: float) -> dict[str, Tensor]:
        """Returns the mean cross entropy over the cells on the object of each frame, at each stride, and their sum."""
        classes = batch.classes.flatten(0, 1)
        losses = {
            f"loss_stride_{stride}": class_loss(scores.float(), classes, stride) / count
            for stride, scores in zip(_STRIDES, model(batch), strict=True)
        }
        return losses | {"total": torch.stack(list(losses.values())).sum()}

    def set_modes(self) -> None:
        """Puts everything in train mode."""
        self.model.train()

    def save(self, folder: Path) -> None:
        """Writes what was learnt but for the readings; `load_named` reads it."""
        state = self.model.reader.state_dict()
        learnt = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items() if name.startswith(LEARNT)}
        write_whole(folder / _FILE, safetensors.torch.save(learnt))


def load_named(folder: Path, model: FamilyModel) -> None:
    """Puts the weights that `NamingTask.save` wrote into a model of the same configuration."""
    model.load_state_dict({**model.state_dict(), **read_learnt(folder / _FILE)})
