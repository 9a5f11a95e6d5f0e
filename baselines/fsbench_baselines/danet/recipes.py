"""How DANet is trained."""

from dataclasses import replace

from fsbench.training import Augmentation
from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.recipe import SMALL
from fsbench_baselines.training.recipe import SMALL_BACKBONE

__all__ = ["RECIPES"]

# The released augmentation also turns, shears and scales frames a little, and lays portrait frames on their side. Its
# bounds of contrast and brightness, 3 per cent and 5 levels, are not tied to each other.
_RELEASED = Recipe(
    name="released",
    epochs=101,
    episodes_per_class=100,
    batch=4,
    query_frames=5,
    support_frames=1,
    support_videos=5,
    target="class",
    augmentation=Augmentation(flip=0.5, light=0.04),
    lr=1e-5,
    rates={},
    optimizer="adam",
    weight_decay=5e-4,
    decay_norms=True,
    schedule="steps",
    drops=(),
    clip=0.0,
    frozen=("encoder",),
    frozen_eval=False,
)
_SHAPES = replace(
    SMALL,
    name="shapes",
    epochs=10,
    support_videos=3,
    target="class",
    warmup_steps=50,
    model={"backbone": "resnet_small", "key_dim": 32, "value_dim": 64, "width": 32, "size": [64, 96]},
    # With 6 epochs its features told no class from another, and the model learnt to segment every object.
    pretraining=replace(SMALL_BACKBONE, epochs=40),
)

RECIPES = {recipe.name: recipe for recipe in (_RELEASED, _SHAPES)}
"""`released` has the numbers of the released training script, for real data; the backbone starts from ImageNet weights
(`init`). `shapes` trains a small model on the embedded dataset from random weights."""
