"""A small model's recipe, and episodes in which a bright rectangle moves over noise."""

from dataclasses import replace

import numpy as np

from fsbench.training import ClipSpec
from fsbench.training import EpisodeSpec
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench.training.clips import object_boxes
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.training.recipe import Recipe

SENTENCES = ["the left dog", "a big cat", "the dog on the right"]
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 12,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
MODEL = {
    "backbone": "resnet_small",
    "hidden_dim": 64,
    "heads": 4,
    "enc_layers": 1,
    "dec_layers": 2,
    "dim_feedforward": 64,
    "mask_dim": 16,
    "dropout": 0.0,
    "text": TEXT,
}


def recipe(**changes) -> Recipe:
    return replace(RECIPES["shapes"], **{"model": MODEL, **changes})


def clip(size=(48, 64), *, frames=2, seed=0, sentence=SENTENCES[0], hidden=()) -> TrainingClip:
    """The object is not seen on the frames of `hidden`."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (frames, *size, 3), np.uint8)
    masks = np.zeros((frames, *size), bool)
    for t in range(frames):
        if t not in hidden:
            masks[t, 8 + 2 * t : 30 + 2 * t, 10 + 3 * t : 34 + 3 * t] = True
    pixels[masks] = (250, 220, 40)
    return TrainingClip(pixels, masks, object_boxes(masks), masks.any((1, 2)), sentence, class_id=3)


def episode(query=None, support=None) -> TrainingEpisode:
    ids = ClipSpec("video", "0", (1,), ("00000",))
    spec = EpisodeSpec(0, 0, 3, "dog", ids, ids)
    return TrainingEpisode(spec, query or clip(), support or clip(seed=9, frames=3))
