"""ReferFormer as a method of the harness, and what every method of the family does in the same way."""

import shutil
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from functools import lru_cache
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
from fsbench_baselines.referformer.declarations import ENCODED_AT_ONCE
from fsbench_baselines.referformer.declarations import LookingOptions
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.model import Features
from fsbench_baselines.referformer.model import Model
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_baselines.referformer.pixel_decoder import Adapted
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.stages import train_family
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.referformer.text import join_texts
from fsbench_baselines.referformer.text import Text
from fsbench_baselines.referformer.transformer import Decoded
from fsbench_baselines.referformer.transformer import Encoder
from fsbench_baselines.training.recipe import Recipe

__all__ = ["FamilyMethod", "ReferFormerMethod"]


# The frames that the model sees as one clip, in parts that go through backbone and encoder one after the other.
_Chunk = Sequence[range]


@dataclass(frozen=True)
class _Known:
    """What is known of a part of a chunk without sentence, support and other frames.

    `finest` is all that is still needed of the finest map, which the features are without (no channels).
    """

    features: Features
    finest: Adapted


@dataclass(frozen=True)
class _Asked:
    """B sentences about one clip, after one support set; `know` tells what is known of a part of the clip."""

    adapted: Any  # Any: what `adapt` returns
    clip: Clip
    know: Callable[[range], _Known]
    sentences: tuple[str, ...]
    text: Text

    def features(self, part: range) -> Features:
        """Returns what is known of the frames of a part, for each sentence."""
        known = self.know(part).features
        return Features(
            **{entry.name: _for_each(self.sentences, getattr(known, entry.name)) for entry in fields(known)}
        )


@dataclass(frozen=True)
class _Look:
    """What the model makes of a part of a chunk before frames look at each other.

    `adapted` is all that is still needed of the encoded maps, which `decoded` is without.
    """

    decoded: Decoded
    adapted: tuple[Adapted, ...]


class FamilyMethod(Generic[Model]):
    """A model of the ReferFormer family over clips: chunks of frames, one query chosen, its masks at the wanted size.

    What depends on the frames alone is computed once per clip, what depends on the sentence too once per sentence, and
    the support once per support set, as far as `Clip.memo` has room. Of the masks only the chosen query's are made.

    A chunk that is the whole video goes through in parts, if the model lets frames look at each other in no other place
    than `attend`: what they show each other there is small.
    """

    info: MethodInfo
    model: Model
    short_side: int  # of the frames that the model sees
    folds_norms = True  # frozen norms of the backbone, into its convolutions
    joins_frames = False  # whether what `join` puts into a frame depends on the other frames of its chunk

    def __init__(self, options: LookingOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        self.checkpoint = options.checkpoint
        self.backbone = options.backbone
        self.tokenizer = options.tokenizer
        self.text_config = options.text_config
        self.device = pick_device(options.device)
        self.dtype = DTYPES[options.dtype]
        self.chunk = options.chunk and min(options.chunk, options.max_frames or options.chunk)
        self.encoded_at_once = options.max_frames or ENCODED_AT_ONCE
        self.query_choice = options.query_choice
        self._wanted_side = options.short_side
        self.compile = options.compile
        self.batch_sentences = options.batch_sentences

    def load(self, checkpoint: Path) -> Model:
        """Returns the model with its weights."""
        raise NotImplementedError

    def convert(self, out: Path, *, half: bool) -> None:
        """Writes the weights of `checkpoint` to a folder as safetensors and a configuration.

        With them goes the tokenizer that came with them, or else the one whose folder `tokenizer` names.

        Args:
            out: The folder.
            half: Store float16; see `save_checkpoint`.
        """
        assert self.checkpoint is not None, "the command line gives one"
        told = described_weights(self.checkpoint)
        model = self.load(self.checkpoint)
        save_checkpoint(out, model, half=half, training=told.training if told else None)
        if (own := self._own_tokenizer()) is not None:
            shutil.copytree(own, out / "tokenizer", dirs_exist_ok=True)
        elif Path(self.tokenizer).is_dir():  # else a name on the hub, where it stays
            Tokenizer(self.tokenizer, model.max_tokens).save(out / "tokenizer")

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

    def join(
        self,
        levels: tuple[Tensor, ...],
        plain: tuple[Tensor, ...],
        adapted: Any,  # Any: what `adapt` returns
    ) -> tuple[Tensor, ...]:
        """Puts what was learnt from the support into the levels.

        Args:
            levels: [B, T, D, h_l, w_l], each joined with its sentence.
            plain: [B, T, D, h_l, w_l], the same before that.
            adapted: What `adapt` returned.
        """
        return levels

    def prepare(self, fold: Fold) -> None:
        """Loads weights and tokenizer. Raises PluginError without a checkpoint, DataError if one cannot be loaded."""
        if self.checkpoint is None:
            raise PluginError(
                f"Method {self.info.name!r} needs weights: pass --checkpoint with a released file "
                "(github.com/wjn922/ReferFormer links ReferFormer's; of CMA none are published) and --backbone, or "
                "with a folder that 'fsbench convert' or 'fsbench train' wrote. 'fsbench list methods' says which run "
                "without."
            )
        torch.manual_seed(0)  # nothing is drawn in eval mode; this is for models that might
        model = self.load(self.checkpoint).eval()
        if self.folds_norms:
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
        """Yields bool [N, t, H, W], of the frames that are encoded at once.

        Each sentence goes by itself, so that results do not depend on its company; or some at once, if so asked, which
        rounds otherwise.
        """
        texts = [clip.memo(("text", each), partial(self.encode_sentence, each)) for each in expressions]
        chunks = self._chunks(len(clip.frames))
        for chosen_for in [chunks] if self.query_choice == "video" else [[chunk] for chunk in chunks]:
            know = lru_cache(maxsize=1)(partial(self._know, clip))  # a chunk of one part serves all sentences
            finest = [clip.memo(("attended", c[0]), partial(self._attend_finest, know, c)) for c in chosen_for]
            logits = [  # of each sentence its parts
                own
                for start in range(0, len(texts), self.batch_sentences)
                for some in [slice(start, start + self.batch_sentences)]
                for own in zip(
                    *self._segment_some(
                        _Asked(adapted, clip, know, tuple(expressions[some]), join_texts(texts[some])),
                        chosen_for,
                        finest,
                    ),
                    strict=True,
                )
            ]
            for number, part in enumerate(part for chunk in chosen_for for part in chunk):
                masks = np.empty((len(expressions), len(part), *clip.output_size), np.bool_)
                for own, found in zip(masks, logits, strict=True):
                    own[:] = self.enlarge(found[number].float(), self._seen_size(clip), clip.output_size).cpu().numpy()
                yield masks
                del masks  # it need not lie beside the next

    def _chunks(self, num_frames: int) -> list[_Chunk]:
        """Returns the numbers of the frames of each part of each chunk."""
        size = self.chunk or num_frames
        is_whole = self.chunk is not None or self.joins_frames or self.model.body.sees_clips
        step = size if is_whole else self.encoded_at_once
        starts = range(0, num_frames, size)
        chunks = [range(start, min(start + size, num_frames)) for start in starts]
        return [[chunk[start : start + step] for start in range(0, len(chunk), step)] for chunk in chunks]

    def _segment_some(
        self, asked: _Asked, chunks: Sequence[_Chunk], finest: Sequence[tuple[Tensor, ...]]
    ) -> list[Tensor]:
        """Returns mask logits in chunks for which one query is chosen: of each part [B, t, 1, h, w].

        `finest` has of each chunk what `_attend_finest` returns.
        """
        kept = asked.clip.anew()

        @lru_cache(maxsize=1)  # a chunk of one part is looked at once, whatever is kept
        def look(part: range) -> _Look:
            return kept.memo(part, lambda: self._look(asked, part))

        scores, coarser = [], []
        for chunk in chunks:
            glances = []
            for part in chunk:
                sure = self.model.score(look(part).decoded)[..., 0].float().sigmoid()
                scores.append(sure.unflatten(0, (len(asked.sentences), -1)))  # [B, t, Q]
                glances.append([each.glance for each in look(part).adapted])
            coarser.append(self.model.attend(glances))
        chosen = torch.stack([torch.cat(of_parts).mean(0).argmax() for of_parts in zip(*scores, strict=True)])
        return [
            self._logits(asked, part, look(part), attended, chosen)
            for chunk, *both in zip(chunks, finest, coarser, strict=True)
            for part, *attended in zip(chunk, *both, strict=True)
        ]

    def encode_sentence(self, sentence: str) -> Text:
        """Returns an encoded sentence, B = 1."""
        ids, padding = self.tokens([sentence])
        return self.model.encode_text(ids.to(self.device), padding.to(self.device))

    def _know(self, clip: Clip, part: range) -> _Known:
        return clip.memo(("known", part), partial(self._encode, clip, part))

    def _encode(self, clip: Clip, part: range) -> _Known:
        frames = normalised_frames(clip.frames[part.start : part.stop], self.short_side)
        frames = frames[None].to(self.device, self.dtype)
        features = self.model.encode_frames(frames, torch.zeros_like(frames[:, :, 0], dtype=torch.bool))
        finest = self.model.adapt_finest(features)
        return _Known(replace(features, finest=features.finest[:, :, :0].clone()), finest)

    def _attend_finest(self, know: Callable[[range], _Known], chunk: _Chunk) -> tuple[Tensor, ...]:
        """Returns what each part's frames see in all frames of the chunk, in the stage of stride 4."""
        return self.model.attend_finest([know(part).finest.glance for part in chunk])

    def _look(self, asked: _Asked, part: range) -> _Look:
        features = asked.features(part)
        key = ("fused", part, asked.sentences)
        fused = asked.clip.memo(key, lambda: self.model.fuse_text(features.levels, asked.text))
        decoded = self.model.decode(self.join(fused, features.levels, asked.adapted), features, asked.text)
        return _Look(replace(decoded, memory=()), self.model.adapt(decoded, features))

    def _logits(
        self, asked: _Asked, part: range, look: _Look, attended: tuple[Tensor, tuple[Tensor, ...]], chosen: Tensor
    ) -> Tensor:
        """Returns the mask logits of the chosen queries, [B], in a part: [B, t, 1, h, w].

        `attended` is what its frames see in all frames of the chunk, in the stage of stride 4 and in the others.
        """
        (in_finest, in_others), features = attended, asked.features(part)

        def read() -> Tensor:
            seen = self.model.see_finest(asked.know(part).finest, in_finest)
            return self.model.read_finest(_for_each(asked.sentences, seen), features, asked.text)

        finest = asked.clip.memo(("finest", part, asked.sentences), read)
        maps = self.model.mask_features(finest, look.adapted, in_others, features, asked.text)
        sizes = torch.tensor([self._seen_size(asked.clip)] * len(asked.sentences), device=self.device)
        return self.model.segment(look.decoded, maps, sizes, chosen=chosen)

    def _seen_size(self, clip: Clip) -> tuple[int, int]:
        """Returns height and width of the frames that the model sees."""
        height, width = clip.frames.shape[1:3]
        return short_side_size(height, width, self.short_side)

    def enlarge(self, logits: Tensor, seen_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """Returns masks, bool [t, H, W], as ReferFormer's own inference makes them: bilinear, sigmoid, above 0.5.

        Args:
            logits: [t, 1, h, w].
            seen_size: Of the frames that the model sees.
            size: H, W of the masks.
        """
        return functional.interpolate(logits, size, mode="bilinear", align_corners=False)[:, 0].sigmoid() > 0.5


def _for_each(sentences: Sequence[str], tensors: Tensor | tuple[Tensor, ...]) -> Any:  # Any: as what is given
    """Returns what there is once, [1, ...], as it is for each of B sentences, [B, ...]."""
    if isinstance(tensors, tuple):
        return tuple(_for_each(sentences, each) for each in tensors)
    return tensors.expand(len(sentences), *tensors.shape[1:])


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
