"""The recipes of the ReferFormer family."""

from dataclasses import replace

from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.recipe import SMALL
from fsbench_baselines.training.recipe import SMALL_BACKBONE

__all__ = ["CORRECTED", "RECIPES", "RELEASED", "SHAPES", "SHAPES_META", "SHAPES_META_RELEASED"]

CORRECTED = Recipe(name="corrected")
RELEASED = replace(
    CORRECTED,
    name="released",
    shuffle=False,
    swapped_clamp=True,
    left_out=("support_qkv", "query_qkv", "conv_q"),
)

SHAPES = replace(
    SMALL,
    name="shapes",
    epochs=7,
    episodes_per_class=10,
    augmentation=replace(SMALL.augmentation, swap_sides=True),
    model={
        "backbone": "resnet_small",
        "hidden_dim": 64,
        "heads": 4,
        "enc_layers": 1,
        "dec_layers": 4,
        "dim_feedforward": 256,
        "num_queries": 1,
        "dropout": 0.0,
        "mask_dim": 64,
        "dab": False,
        "short_side": 64,
        "text": {
            "hidden_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 128,
            "max_position_embeddings": 32,
            "type_vocab_size": 1,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
    },
    pretraining=replace(SMALL_BACKBONE, epochs=40, episodes_per_class=10),
    naming=replace(SMALL, name="shapes-names", epochs=6, episodes_per_class=10, query_frames=1),
)

# Episodes hide the name of their class, which on a novel class says nothing: what the support says is needed.
SHAPES_META = replace(
    SHAPES,
    name="shapes-meta",
    epochs=16,
    support_frames=3,
    augmentation=replace(SHAPES.augmentation, hide_name=1.0),
    pretraining=None,
    naming=None,
)

SHAPES_META_RELEASED = replace(SHAPES_META, name="shapes-meta-released", left_out=RELEASED.left_out)
RECIPES = {recipe.name: recipe for recipe in (RELEASED, CORRECTED, SHAPES, SHAPES_META, SHAPES_META_RELEASED)}
"""`released` is what the released code does, with its three slips: the affinity's projections keep their initial values
(`left_out`), boxes are clamped on the wrong axes (`swapped_clamp`), and an epoch goes class by class, for its random
sampler is never used (`shuffle`; train_ytvos.py, lines 97 to 99). `corrected` mends these three; each is a field of its
own. `shapes` trains a small model on the embedded dataset from random weights; `shapes-meta` goes on from such a
ReferFormer, and `shapes-meta-released` does so but for the affinity's projections, which keep their random values."""
