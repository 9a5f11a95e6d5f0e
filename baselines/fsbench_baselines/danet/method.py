"""DANet as a method of the harness."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch import Tensor

from fsbench.errors import PluginError
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Support
from fsbench.training.job import TrainingJob
from fsbench_baselines.danet.checkpoint import load_checkpoint
from fsbench_baselines.danet.checkpoint import load_released
from fsbench_baselines.danet.checkpoint import save_checkpoint
from fsbench_baselines.danet.config import OnlineLearning
from fsbench_baselines.danet.declarations import DANET
from fsbench_baselines.danet.declarations import DANetOptions
from fsbench_baselines.danet.letterbox import Letterbox
from fsbench_baselines.danet.model import DANet
from fsbench_baselines.danet.model import LowMaps
from fsbench_baselines.danet.model import QueryMaps
from fsbench_baselines.danet.model import SupportMaps
from fsbench_baselines.danet.online import learn_support
from fsbench_baselines.danet.task import train_danet
from fsbench_baselines.declaration import described_weights
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device

__all__ = ["DANetMethod"]


@dataclass(frozen=True)
class _Adapted:
    """What is known of a support set.

    Attributes:
        support: Keys and values, B = 1.
        level: The last level of the backbone that learnt it; None for the model's own.
    """

    support: SupportMaps
    level: nn.Module | None


class DANetMethod:
    """DANet: few-shot video object segmentation. It reads no sentence, so all sentences of a video get one mask.

    All frames of all shots are the support. A clip goes through the model in chunks of frames, the last one being the
    remainder; the agent is the middle frame of each chunk, so masks depend on the size of the chunks.
    """

    info = DANET.info

    def __init__(self, options: DANetOptions) -> None:
        """Notes the options; `prepare` loads the weights. Raises PluginError if one has a value that it cannot have."""
        self.checkpoint = options.checkpoint
        self.device = pick_device(options.device)
        self.dtype = DTYPES[options.dtype]
        self.size = None if options.size is None else _parse_size(options.size)
        steps = options.online_steps
        if options.chunk < 1 or steps < 0:
            raise PluginError(f"chunk is at least 1 and online_steps at least 0, not {options.chunk} and {steps}.")
        if steps and self.dtype != torch.float32:
            raise PluginError("Online learning takes steps too small for bfloat16. Give --option dtype=float32.")
        self.chunk = min(options.chunk, options.max_frames or options.chunk)
        self.online = OnlineLearning(steps=steps, lr=options.online_lr, enough=options.online_enough)

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError without a checkpoint, DataError if one cannot be loaded."""
        if self.checkpoint is None:
            raise PluginError(
                f"Method {self.info.name!r} needs weights: pass --checkpoint with a released file "
                "(github.com/scutpaul/DANet says where they are) or with a folder that 'fsbench train' wrote."
            )
        model = self._load(self.checkpoint)
        self.canvas = self.size or model.config.size
        self.model = model.to(self.device, self.dtype).requires_grad_(False)

    def _load(self, checkpoint: Path) -> DANet:
        return load_checkpoint(checkpoint) if checkpoint.is_dir() else load_released(checkpoint)

    @property
    def num_parameters(self) -> int:
        """Returns the size of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def train(self, job: TrainingJob) -> Path:
        """Trains the model on the base classes of a fold; returns the checkpoint's folder."""
        return train_danet(job)

    def convert(self, out: Path, *, half: bool) -> None:
        """Writes the weights of `checkpoint` to a folder as safetensors and a configuration; see `save_checkpoint`."""
        assert self.checkpoint is not None, "the command line gives one"
        told = described_weights(self.checkpoint)
        save_checkpoint(out, self._load(self.checkpoint), half=half, training=told.training if told else None)

    @torch.no_grad()
    def adapt(self, support: Support) -> Any:  # Any: an _Adapted
        """Returns keys and values of all support frames, and the backbone's level that learnt them, if one does."""
        boxes = [Letterbox.of(shot.masks.shape[1:], self.canvas) for shot in support.shots]
        frames = torch.cat([box.frames(shot.frames) for box, shot in zip(boxes, support.shots, strict=True)])
        masks = torch.cat([box.masks(shot.masks) for box, shot in zip(boxes, support.shots, strict=True)])
        frames, masks = frames.to(self.device, self.dtype), masks.to(self.device, self.dtype)
        level = learn_support(self.model, frames, masks, self.online) if self.online.steps else None
        last = (level or self.model.encoder.layer3)(self.model.encoder.low(frames)[1])
        return _Adapted(self.model.project_support(last[None], masks[None]), level)

    @torch.no_grad()
    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, t, H, W], a chunk each, the same for each sentence."""
        for start in range(0, len(clip.frames), self.chunk):
            masks = self._segment_chunk(adapted, clip, start)
            yield np.broadcast_to(masks, (len(expressions), *masks.shape))

    def _segment_chunk(self, adapted: _Adapted, clip: Clip, start: int) -> npt.NDArray[np.bool_]:
        low = clip.memo(("low", start), lambda: self._low(clip, start))
        if adapted.level is None:
            query = clip.memo(("query", start), lambda: self._query(low, self.model.encoder.layer3))
        else:
            query = self._query(low, adapted.level)
        maps = self.model.decode(low, query, adapted.support, self.canvas)[0].float().sigmoid()
        return (self._box(clip).restored(maps, clip.output_size) > 0.5).cpu().numpy()

    def _box(self, clip: Clip) -> Letterbox:
        return Letterbox.of(clip.frames.shape[1:3], self.canvas)

    def _low(self, clip: Clip, start: int) -> LowMaps:
        frames: Tensor = self._box(clip).frames(clip.frames[start : start + self.chunk])
        return self.model.read_levels(*self.model.encoder.low(frames.to(self.device, self.dtype)))

    def _query(self, low: LowMaps, level: nn.Module) -> QueryMaps:
        return self.model.project_query(level(low.level)[None])


def _parse_size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise PluginError(f"size is HEIGHTxWIDTH in pixels, such as 241x425, not {text!r}.")
    return int(height), int(width)
