"""How models of the ReferFormer family are trained: where they start, their batches, their losses and their modes.

Axes: B clips, T frames, H W pixels of the padded batch, h w cells of a predicted mask.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers import RobertaConfig

from fsbench.errors import RunError
from fsbench.methods.contract import Training
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench_baselines.checkpoints import fill
from fsbench_baselines.checkpoints import random_model
from fsbench_baselines.checkpoints import read_checkpoint
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.pixels import normalised_pixels
from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.checkpoint import load_checkpoint
from fsbench_baselines.referformer.checkpoint import load_released
from fsbench_baselines.referformer.checkpoint import text_settings
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.model import FamilyModel
from fsbench_baselines.referformer.model import Model
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_baselines.referformer.preprocess import load_tokenizer
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.targets import join_targets
from fsbench_baselines.referformer.targets import MASK_STRIDE
from fsbench_baselines.referformer.targets import Target
from fsbench_baselines.referformer.targets import Targets
from fsbench_baselines.referformer.text import SentenceCache
from fsbench_baselines.referformer.vocabulary import build_tokenizer
from fsbench_baselines.training.recipe import Recipe

__all__ = ["FamilyTask", "QueryCollate", "Start", "TrainingBatch", "build_task", "new_model", "padded_frames", "settle"]

_CACHED_SENTENCES = 4096  # of roberta-base about 200 MB


@dataclass(frozen=True)
class TrainingBatch:
    """Clips with what they should give.

    Attributes:
        query: Clips to segment, and their sentences.
        targets: What they should give.
        support: Clips to learn from; None for models that look at none.
    """

    query: QueryBatch
    targets: Targets
    support: SupportBatch | None = None


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        sentences: Of the base classes; read where the recipe asks for a vocabulary of its own.
        seed: Of random weights.
        init: A released checkpoint or a folder of ours; None for random weights.
        backbone: Of released weights, and of a model whose recipe names none.
        text_config: Of the text encoder, likewise; None for roberta-base.
        tokenizer: Hub name or folder, for where the recipe asks for no vocabulary and `init` brings no tokenizer.
    """

    sentences: Iterable[str] = ()
    seed: int = 0
    init: Path | None = None
    backbone: str = "resnet50"
    text_config: RobertaConfig | None = None
    tokenizer: str = "roberta-base"


class QueryCollate:
    """Makes batches for a model that sees the query alone."""

    def __init__(self, tokens: Tokenizer) -> None:
        self.tokens = tokens

    def __call__(self, episodes: Sequence[TrainingEpisode]) -> TrainingBatch:
        """Returns the batch of some episodes, padded to the largest of their frames."""
        clips = [episode.query for episode in episodes]
        return query_batch(clips, *self.tokens([clip.sentence for clip in clips]))


def query_batch(clips: Sequence[TrainingClip], token_ids: Tensor, token_padding: Tensor) -> TrainingBatch:
    """Returns a batch of clips, without a support, and their sentences [B, S]."""
    frames, padding = padded_frames(clips)
    sizes = torch.tensor([clip.masks.shape[1:] for clip in clips])
    grid = (-(-side // MASK_STRIDE) for side in frames.shape[-2:])
    targets = join_targets([_target(clip) for clip in clips], *grid)
    return TrainingBatch(QueryBatch(frames, padding, token_ids, token_padding, sizes), targets)


def padded_frames(clips: Sequence[TrainingClip]) -> tuple[Tensor, Tensor]:
    """Returns normalised frames, float32 [B, T, 3, H, W], and bool [B, T, H, W], True on padding right and below."""
    height, width = (max(clip.frames.shape[axis] for clip in clips) for axis in (1, 2))
    frames = torch.zeros(len(clips), len(clips[0].frames), 3, height, width)
    padding = torch.ones(len(clips), len(clips[0].frames), height, width, dtype=torch.bool)
    for number, clip in enumerate(clips):
        h, w = clip.frames.shape[1:3]
        frames[number, ..., :h, :w] = normalised_pixels(clip.frames)
        padding[number, :, :h, :w] = False
    return frames, padding


def _target(clip: TrainingClip) -> Target:
    height, width = clip.masks.shape[1:]
    low, high = torch.from_numpy(clip.boxes).view(-1, 2, 2).unbind(1)
    boxes = torch.cat([(low + high) / 2, high - low], dim=1) / torch.tensor([width, height, width, height])
    valid = torch.from_numpy(clip.valid)
    return Target(torch.from_numpy(clip.masks), boxes, valid, labels=torch.zeros(len(valid), dtype=torch.long))


class FamilyTask:
    """A model of the family and how it learns; see `fsbench_baselines.training.task.Task`."""

    training: Training | None = None  # what the checkpoint will say of itself

    def __init__(
        self,
        model: FamilyModel,
        tokens: Tokenizer,
        recipe: Recipe,
        collate: Callable[[Sequence[TrainingEpisode]], TrainingBatch],
        criterion: Criterion,
    ) -> None:
        """Takes the parts; what the recipe does not freeze will train, whatever a new model freezes.

        Args:
            model: With its initial weights.
            tokens: Saved with the checkpoint.
            recipe: What of it is frozen, and how.
            collate: Makes batches.
            criterion: Makes losses.
        """
        self.model = model
        self.configuration = model.config.to_record()
        self.tokens = tokens
        self.recipe = recipe
        self.collate = collate
        self.criterion = criterion
        model.thaw()

    def count(self, batch: TrainingBatch) -> float:
        """Returns the number of frames on which the object is seen."""
        return float(batch.targets.valid.sum())

    def loss(self, model: nn.Module, batch: TrainingBatch, count: float) -> dict[str, Tensor]:
        """Returns the losses of every decoder layer, and their weighted sum as "total"."""
        support = () if batch.support is None else (batch.support,)
        output = model(batch.query, *support, with_aux=True)
        return self.criterion(_in_float32(output), batch.targets, count)

    def set_modes(self) -> None:
        """Puts the model in train mode, and what is frozen in eval mode if the recipe wants it so.

        There the text encoder always says the same of a sentence, so it is asked once.
        """
        self.model.train()
        if not self.recipe.frozen_eval:
            return
        for name, module in self.model.named_modules():
            if name.startswith(self.recipe.frozen):
                module.eval()
        encoder = self.model.text_encoder
        is_fixed = not encoder.training and not any(parameter.requires_grad for parameter in encoder.parameters())
        if is_fixed and self.model.sentence_cache is None:
            self.model.sentence_cache = SentenceCache(_CACHED_SENTENCES)

    def save(self, folder: Path) -> None:
        """Writes model and tokenizer."""
        save_checkpoint(folder, self.model, training=self.training)
        self.tokens.save(folder / "tokenizer")


def build_task(recipe: Recipe, start: Start) -> FamilyTask:
    """Returns the task of training a ReferFormer.

    Raises:
        DataError: There are weights to start from, but they cannot be read or do not fit the recipe's model.
        RunError: The recipe describes no model.
    """
    tokenizer, settings = settle(recipe, start)
    model = new_model(ReferFormer, settings, start.seed)
    if start.init is not None:
        fill(model, _initial_weights(start, start.init), str(start.init))
    tokens = Tokenizer(tokenizer, model.max_tokens)
    return FamilyTask(model, tokens, recipe, QueryCollate(tokens), Criterion(valid_only=True))


def _initial_weights(start: Start, init: Path) -> dict[str, Tensor]:
    """Returns a ReferFormer's state dict, by canonical names."""
    if init.is_dir():
        return load_checkpoint(init).state_dict()
    return load_released(init, backbone=start.backbone, text_config=start.text_config).state_dict()


def settle(recipe: Recipe, start: Start) -> tuple[PreTrainedTokenizerBase, dict[str, Any]]:  # Any: see `ModelConfig`
    """Returns the tokenizer and the model's configuration: the recipe's entries over those of what it starts from."""
    settings = {"backbone": start.backbone, "text": text_settings(start.text_config)}
    own = None
    if start.init is not None and start.init.is_dir():
        settings = asdict(read_checkpoint(start.init, ModelConfig)[0])
        own = start.init / "tokenizer"
    text = recipe.model.get("text")
    if not isinstance(text, Mapping | None):
        raise RunError(f"The recipe's entry model describes no model: text is a mapping, not {text!r}.")
    is_worded = text is not None and "vocab_size" not in text
    if own is not None and own.is_dir():
        tokenizer = load_tokenizer(str(own))
    else:
        tokenizer = build_tokenizer(start.sentences) if is_worded else load_tokenizer(start.tokenizer)
    settings |= recipe.model
    if text is not None and is_worded:
        settings["text"] = {**text, "vocab_size": len(tokenizer)}
    return tokenizer, settings


def new_model(kind: type[Model], settings: Mapping[str, Any], seed: int) -> Model:  # Any: see `ModelConfig`
    """Returns a model of a configuration with random weights that follow from the seed.

    Raises:
        RunError: There is no such model.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        try:
            return random_model(kind, ModelConfig(**settings))
        except (TypeError, ValueError) as error:
            raise RunError(f"The recipe's entry model describes no model: {error}.") from error


def _in_float32(output: Output) -> Output:
    """Returns predictions in full precision: losses of mixed precision would lose small frames."""
    tensors = {name: getattr(output, name).float() for name in ("logits", "boxes", "masks", "reference_points")}
    return Output(**tensors, aux=tuple(_in_float32(layer) for layer in output.aux))
