"""What the training of a CMA adds to that of a ReferFormer: the support, and where the weights come from."""

import logging
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from fsbench.training import TrainingEpisode
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.config import AffinityName
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import new_model
from fsbench_baselines.referformer.task import padded_frames
from fsbench_baselines.referformer.task import query_batch
from fsbench_baselines.referformer.task import settle
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.referformer.task import TrainingBatch
from fsbench_baselines.training.recipe import Recipe
from fsbench_cma.checkpoint import initialise_from_referformer
from fsbench_cma.model import CMA

__all__ = ["SupportCollate", "build_task"]

_LOG = logging.getLogger(__name__)


class SupportCollate:
    """Makes batches of queries, each with a support."""

    def __init__(self, tokens: Tokenizer) -> None:
        self.tokens = tokens

    def __call__(self, episodes: Sequence[TrainingEpisode]) -> TrainingBatch:
        """Returns the batch of some episodes: queries padded to the largest of them, and so supports and their masks.

        The sentences of both sides are padded to the longest of all.
        """
        queries, supports = ([getattr(each, side) for each in episodes] for side in ("query", "support"))
        ids, padding = self.tokens([clip.sentence for clip in (*queries, *supports)])
        count = len(episodes)
        batch = query_batch(queries, ids[:count], padding[:count])
        frames, frame_padding = padded_frames(supports)
        masks = torch.zeros(frame_padding.shape)
        for number, clip in enumerate(supports):
            height, width = clip.masks.shape[1:]
            masks[number, :, :height, :width] = torch.from_numpy(clip.masks)
        return replace(batch, support=SupportBatch(frames, frame_padding, ids[count:], padding[count:], masks))


def build_task(
    recipe: Recipe,
    start: Start,
    *,
    affinity: AffinityName,
    wiring: Mapping[str, Any],  # Any: see `ModelConfig`
) -> FamilyTask:
    """Returns the task of training a CMA.

    Args:
        recipe: How; its entry `model` may change what follows.
        start: Weights to start from are those of a ReferFormer.
        affinity: The variant.
        wiring: Entries of the model's configuration that hold where the recipe's `model` has none.
    Raises:
        DataError: There are weights to start from, but they cannot be read or do not fit the recipe's model.
        RunError: The recipe describes no model.
    """
    tokenizer, settings = settle(recipe, start)
    settings |= {name: recipe.model.get(name, value) for name, value in wiring.items()} | {"affinity": affinity}
    model = new_model(CMA, settings, start.seed)
    if start.init is not None:
        taken = initialise_from_referformer(model, start.init)
        _LOG.info("%s: took %d tensors, %d keep their random values", start.init, len(taken.taken), len(taken.missing))
    tokens = Tokenizer(tokenizer, model.max_tokens)
    return FamilyTask(model, tokens, recipe, SupportCollate(tokens), Criterion())
