"""ReferFormer as a method of the harness, and what every method of the family does in the same way."""

import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from typing import cast
from typing import Generic

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import RobertaConfig

from fsbench.errors import PluginError
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench.protocol import short_side_size
from fsbench.training.job import TrainingJob
from fsbench_baselines.backbones import fold_batch_norm
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.declaration import described_weights
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer.checkpoint import load_checkpoint
from fsbench_baselines.referformer.checkpoint import load_released
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.declarations import ReferFormerOptions
from fsbench_baselines.referformer.model import Features
from fsbench_baselines.referformer.model import Model
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.stages import train_family
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.referformer.text import Text
from fsbench_baselines.referformer.transformer import Decoded
from fsbench_baselines.referformer.transformer import Encoder
from fsbench_baselines.training.recipe import Recipe

__all__ = ["FamilyMethod", "ReferFormerMethod"]


@dataclass(frozen=True)
class _Chunk:
    """A few frames of a clip: what of them depends on neither sentence nor support.

    `seen` is all that is still needed of the finest map, which the features are without (no channels).
    """

    start: int
    features: Features
    seen: Tensor


class FamilyMethod(Generic[Model]):
    """A model of the ReferFormer family over clips: chunks of frames, one query chosen, its masks at the wanted size.

    What depends on the frames alone is computed once per clip, what depends on the sentence too once per sentence, and
    the support once per support set. Of the masks only the chosen query's are made.
    """

    info: MethodInfo
    model: Model
    short_side: int  # of the frames that the model sees

    def __init__(self, options: ReferFormerOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        self.checkpoint = options.checkpoint
        self.backbone = options.backbone
        self.tokenizer = options.tokenizer
        self.text_config = options.text_config
        self.device = pick_device(options.device)
        self.dtype = DTYPES[options.dtype]
        self.chunk = min(options.chunk, options.max_frames or options.chunk)
        self.query_choice = options.query_choice
        self._wanted_side = options.short_side
        self.compile = options.compile

    def load(self, checkpoint: Path) -> Model:
        """Returns the model with its weights."""
        raise NotImplementedError

    def convert(self, out: Path, *, half: bool) -> None:
        """Writes the weights of `checkpoint` to a folder as safetensors and a configuration, with its tokenizer.

        Args:
            out: The folder.
            half: Store float16; see `save_checkpoint`.
        """
        assert self.checkpoint is not None, "the command line gives one"
        told = described_weights(self.checkpoint)
        save_checkpoint(out, self.load(self.checkpoint), half=half, training=told.training if told else None)
        if (own := self._own_tokenizer()) is not None:
            shutil.copytree(own, out / "tokenizer", dirs_exist_ok=True)

    def train(self, job: TrainingJob) -> Path:
        """Trains the model on the base classes of a fold; returns the checkpoint's folder."""
        start = Start(backbone=self.backbone, text_config=self.text_settings(), tokenizer=self.tokenizer)
        return train_family(job, start, self.build_task)

    def build_task(self, recipe: Recipe, start: Start) -> FamilyTask:
        """Returns how the model learns."""
        raise NotImplementedError

    def text_settings(self) -> RobertaConfig | None:
        """Returns the text encoder's configuration for released weights; None for roberta-base."""
        return None if self.text_config is None else RobertaConfig.from_json_file(str(self.text_config))

    def join(self, levels: tuple[Tensor, ...], adapted: Any) -> tuple[Tensor, ...]:  # Any: what `adapt` returns
        """Puts what was learnt from the support into the fused levels, [1, T, D, h_l, w_l] each."""
        return levels

    def prepare(self, fold: Fold) -> None:
        """Loads weights and tokenizer. Raises PluginError without a checkpoint, DataError if one cannot be loaded."""
        if self.checkpoint is None:
            raise PluginError(
                f"Method {self.info.name!r} needs weights: pass --checkpoint with a released file "
                "(github.com/hengliusky/Few_shot_RVOS or github.com/wjn922/ReferFormer say where they are) and "
                "--backbone, or with a folder that 'fsbench convert' wrote."
            )
        torch.manual_seed(0)  # nothing is drawn in eval mode; this is for models that might
        model = self.load(self.checkpoint).eval()
        model.backbone = fold_batch_norm(model.backbone)
        self.model = model.to(self.device, self.dtype)
        self.short_side = self._wanted_side or model.config.short_side
        if self.compile:
            self.model.transformer.encoder = cast("Encoder", torch.compile(self.model.transformer.encoder))
        self.tokens = Tokenizer(str(self._own_tokenizer() or self.tokenizer), self.model.max_tokens)

    def _own_tokenizer(self) -> Path | None:
        """Returns the folder of the tokenizer that came with the checkpoint, if one did."""
        own = None if self.checkpoint is None else self.checkpoint / "tokenizer"
        return own if own is not None and own.is_dir() else None

    @property
    def num_parameters(self) -> int:
        """Returns the size of the model, a shared weight counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def adapt(self, support: Support) -> Any:  # Any: tensors of the model
        """Ignores the support: zero-shot."""
        return None

    @torch.inference_mode()
    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, t, H, W], of as many frames as one query is chosen for: a chunk, or the video.

        Each sentence goes by itself, so that results do not depend on its company.
        """
        texts = [clip.memo(("text", each), partial(self.encode_sentence, each)) for each in expressions]
        is_whole = self.query_choice == "video"
        for chunks in [list(self._chunks(clip))] if is_whole else ([chunk] for chunk in self._chunks(clip)):
            num_frames = sum(chunk.features.finest.shape[1] for chunk in chunks)
            masks = np.empty((len(expressions), num_frames, *clip.output_size), np.bool_)
            for own, sentence, text in zip(masks, expressions, texts, strict=True):
                self._segment_one(adapted, clip, chunks, sentence, text, own)
            yield masks
            del masks  # it need not lie beside the next

    def _segment_one(
        self,
        adapted: Any,
        clip: Clip,
        chunks: Sequence[_Chunk],
        sentence: str,
        text: Text,
        out: npt.NDArray[np.bool_],
    ) -> None:
        """Puts a sentence's masks in some chunks, for which one query is chosen, into bool [t, H, W]."""
        decoded = [self._decode(adapted, clip, chunk, sentence, text) for chunk in chunks]
        chosen = torch.cat([self._scores(each) for each in decoded]).mean(0).argmax()
        for chunk, each in zip(chunks, decoded, strict=True):
            start = chunk.start - chunks[0].start
            masks = self._masks(clip, chunk, each, sentence, text, chosen)
            out[start : start + len(masks)] = masks

    def encode_sentence(self, sentence: str) -> Text:
        """Returns an encoded sentence, B = 1."""
        ids, padding = self.tokens([sentence])
        return self.model.encode_text(ids.to(self.device), padding.to(self.device))

    def _chunks(self, clip: Clip) -> Iterator[_Chunk]:
        for start in range(0, len(clip.frames), self.chunk):
            yield clip.memo(("chunk", start), partial(self._encode_chunk, clip, start))

    def _encode_chunk(self, clip: Clip, start: int) -> _Chunk:
        frames = normalised_frames(clip.frames[start : start + self.chunk], self.short_side)
        frames = frames[None].to(self.device, self.dtype)
        features = self.model.encode_frames(frames, torch.zeros_like(frames[:, :, 0], dtype=torch.bool))
        seen = self.model.see_finest(features)
        return _Chunk(start, replace(features, finest=features.finest[:, :, :0].clone()), seen)

    def _decode(self, adapted: Any, clip: Clip, chunk: _Chunk, sentence: str, text: Text) -> Decoded:
        key = ("fused", chunk.start, sentence)
        fused = clip.memo(key, lambda: self.model.fuse_text(chunk.features.levels, text))
        return self.model.decode(self.join(fused, adapted), chunk.features, text)

    def _scores(self, decoded: Decoded) -> Tensor:
        """Returns how sure each query of each frame is, [T, Q]."""
        return self.model.score(decoded)[..., 0].float().sigmoid()

    def _masks(
        self, clip: Clip, chunk: _Chunk, decoded: Decoded, sentence: str, text: Text, chosen: Tensor
    ) -> npt.NDArray[np.bool_]:
        """Returns the chosen query's masks, bool [t, H, W] at the clip's output size.

        As the released test script makes them: bilinear to the network's size, sigmoid, and for files again bilinear
        to the native size; at 0.5.
        """
        height, width = clip.frames.shape[1:3]
        size = short_side_size(height, width, self.short_side)
        sizes = torch.tensor([size], device=self.device)
        finest = clip.memo(
            ("finest", chunk.start, sentence), lambda: self.model.read_finest(chunk.seen, chunk.features, text)
        )
        maps = self.model.mask_features(decoded, chunk.features, text, finest=finest)
        logits = self.model.segment(decoded, maps, sizes, chosen=chosen[None])[0].float()
        masks = functional.interpolate(logits, size, mode="bilinear", align_corners=False).sigmoid()
        if clip.output_size != size:
            masks = functional.interpolate(masks, clip.output_size, mode="bilinear", align_corners=False)
            return (masks[:, 0] >= 0.5).cpu().numpy()
        return (masks[:, 0] > 0.5).cpu().numpy()


class ReferFormerMethod(FamilyMethod[ReferFormer]):
    """ReferFormer without any use of the support: what a model trained on sentences alone does with novel classes."""

    info = REFERFORMER.info

    def load(self, checkpoint: Path) -> ReferFormer:
        """Returns the model with its weights."""
        if checkpoint.is_dir():
            return load_checkpoint(checkpoint)
        return load_released(checkpoint, backbone=self.backbone, text_config=self.text_settings())

    def build_task(self, recipe: Recipe, start: Start) -> FamilyTask:
        """Returns how the model learns."""
        return build_task(recipe, start)
