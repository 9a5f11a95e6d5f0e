"""Recipes: every number that decides what a training makes of a model, given data and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Literal

import yaml
from pydantic import TypeAdapter
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.records import all_problems
from fsbench.training import Augmentation
from fsbench.training import FrameChoice
from fsbench.training import RELEASED_AUGMENTATION
from fsbench.training import TargetKind

__all__ = ["SMALL", "SMALL_BACKBONE", "Recipe", "load_recipe"]


_STAGES = ("pretraining", "naming")  # fields that are recipes of what comes before


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the released recipe, less its slips.

    (That is `corrected` of `fsbench_baselines.referformer.recipes`.)

    A prefix matches the names of parameters that start with it.

    Attributes:
        name: For messages and records.
        epochs: How often the classes are gone through.
        episodes_per_class: Episodes of each base class in an epoch.
        batch: Episodes per process and step.
        shuffle: Take an epoch's episodes in random order. The released code goes class by class: its random sampler is
            never given to the loader.
        query_frames, support_frames: Frames of a clip.
        frame_choice: "window" or "spread"; see `fsbench.training.EpisodeSampler`.
        support_videos: Support clips of an episode.
        target: What is to be segmented, "sentence" or "class"; likewise.
        augmentation: How clips are varied.
        swapped_clamp: Clamp box corners with height and width swapped, as released.
        lr: Learning rate.
        rates: Learning rates of the parameters with these prefixes; the longest that matches counts.
        optimizer: "adamw", or "adam", whose weight decay is a part of the gradient.
        weight_decay: Of the optimizer.
        decay_norms: Whether weight decay acts on vectors (norms, biases) and embeddings, too.
        schedule: "steps" multiplies all rates by `drop_factor` at the epochs `drops`; "cosine" lets them rise from zero
            for `warmup_steps` steps, then fall to zero at the end along half a cosine.
        drops, drop_factor, warmup_steps: See `schedule`; `warmup_steps` is for both.
        clip: Bound of the norm of all gradients together; 0 for none.
        frozen: Prefixes of what is not trained.
        frozen_eval: Whether the frozen modules are in eval mode: their dropout is off.
        left_out: Prefixes of parameters that no step changes, though their gradients count in the clipping.
        model: Entries of the model's configuration that are not at their defaults.
        pretraining: How the backbone is pretrained where there are no weights to start from; None to do without.
        naming: How names of classes are then learnt (`fsbench_baselines.referformer.naming`); None to do without.
    """

    name: str
    epochs: int = 24
    episodes_per_class: int = 100
    batch: int = 1
    shuffle: bool = True
    query_frames: int = 5
    support_frames: int = 5
    frame_choice: FrameChoice = "window"
    support_videos: int = 1
    target: TargetKind = "sentence"
    augmentation: Augmentation = RELEASED_AUGMENTATION
    swapped_clamp: bool = False
    lr: float = 1e-4
    rates: dict[str, float] = field(default_factory=lambda: {"backbone.0": 5e-5, "text_encoder": 1e-5})
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = 5e-4
    decay_norms: bool = True
    schedule: Literal["steps", "cosine"] = "steps"
    drops: tuple[int, ...] = (3, 5)
    drop_factor: float = 0.1
    warmup_steps: int = 0
    clip: float = 0.1
    frozen: tuple[str, ...] = ("backbone", "text_encoder")
    frozen_eval: bool = False
    left_out: tuple[str, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)  # Any: see `ModelConfig`
    pretraining: Recipe | None = None
    naming: Recipe | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "episodes_per_class", "batch", "query_frames", "support_frames", "support_videos"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        rates = {"lr": self.lr, **{f"rates.{prefix}": rate for prefix, rate in self.rates.items()}}
        numbers = {name: getattr(self, name) for name in ("weight_decay", "drop_factor", "warmup_steps", "clip")}
        for name, value in (rates | numbers).items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is a finite number of at least 0, not {value}")
        if list(self.drops) != sorted(set(self.drops)) or min(self.drops, default=1) < 1:
            raise ValueError(f"drops are epochs from 1 in rising order, not {list(self.drops)}")

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """Returns the recipe as JSON has it; `from_json` reads it."""
        values: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Reads a recipe; what is not given has its default.

        Args:
            values: Of the fields.
            where: Where they come from, for messages.

        Raises:
            RunError: A field is unknown, or has a value that it cannot have. The message names it.
        """
        _require_known(values, cls, where)
        if isinstance(values.get("augmentation"), Mapping):
            _require_known(values["augmentation"], Augmentation, f"{where}, augmentation")
        for name in _STAGES:
            if isinstance(values.get(name), Mapping):
                cls.from_json(values[name], f"{where}, {name}")
        try:
            recipe = _ADAPTER.validate_python(values)
            json.dumps(recipe.to_json(), ensure_ascii=False).encode()  # as a training records it
        except ValidationError as error:
            raise RunError(f"{where}: {'; '.join(all_problems(error))}.") from error
        except UnicodeError as error:
            raise RunError(f"{where}: has text that no file can hold ({error}).") from error
        return recipe


_ADAPTER = TypeAdapter(Recipe)


def _require_known(values: Mapping[str, Any], cls: type, where: str) -> None:
    known = [entry.name for entry in fields(cls)]
    for name in values:
        if name not in known:
            raise RunError(f"{where}: there is no {name!r}. {suggestion(str(name), known)}")


# What small models have in common that learn the embedded dataset from random weights.
SMALL = Recipe(
    name="small",
    episodes_per_class=80,
    batch=8,
    query_frames=2,
    support_frames=1,
    frame_choice="spread",
    augmentation=Augmentation(flip=0.5, light=0.2),
    lr=1e-3,
    rates={},
    weight_decay=0.02,
    decay_norms=False,
    schedule="cosine",
    warmup_steps=100,
    clip=1.0,
    frozen=(),
)
SMALL_BACKBONE = replace(SMALL, name="shapes-backbone", query_frames=1, lr=2e-3, clip=0.0)


def load_recipe(
    source: str,
    overrides: Mapping[str, str] | None = None,
    *,
    recipes: Mapping[str, Recipe],
    base: str,
) -> Recipe:
    """Finds a recipe.

    Args:
        source: A key of `recipes`, or the path of a YAML file: fields of `Recipe`, and as `base` the recipe that has
            the others.
        overrides: Values in YAML by field; "augmentation.flip" is the entry flip of the field augmentation.
        recipes: The method's recipes, by name.
        base: The recipe that a file changes if it names none.

    Raises:
        RunError: There is no such recipe, or a field or value is wrong. The message names it.
    """
    is_file = Path(source).suffix in (".yaml", ".yml")
    recipe = _read(Path(source), recipes, base) if is_file else _named(source, recipes, "")
    values = recipe.to_json()
    changes: dict[str, Any] = {}
    for key, text in (overrides or {}).items():
        name, dot, entry = key.partition(".")
        if not dot:
            changes[name] = _parse(text, key)
        elif isinstance(values.get(name), dict):
            changes.setdefault(name, values[name])[entry] = _parse(text, key)
        else:
            raise RunError(f"{key!r}: a recipe has no field {name!r} with entries.")
    return _changed(recipe, changes, f"recipe {recipe.name!r}") if changes else recipe


def _read(path: Path, recipes: Mapping[str, Recipe], base: str) -> Recipe:
    try:
        values = _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: the recipe cannot be read ({error}). Check --recipe.") from error
    if not isinstance(values, dict):
        raise RunError(f"{path}: a recipe is a mapping, such as 'lr: 0.0002'.")
    changed = _named(str(values.pop("base", base)), recipes, f"{path}: ")
    return _changed(changed, {"name": path.stem, **values}, str(path))


def _named(name: str, recipes: Mapping[str, Recipe], where: str) -> Recipe:
    if name not in recipes:
        raise RunError(f"{where}There is no recipe {name!r}. {suggestion(name, recipes)} Or give a .yaml file.")
    return recipes[name]


def _parse(text: str, where: str) -> Any:  # Any: YAML
    try:
        return yaml.safe_load(text)
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # also of a date that is none, and of what is too deep
        raise RunError(f"{where}: this is not YAML ({' '.join(str(error).split())}).") from error


def _changed(recipe: Recipe, changes: Mapping[str, Any], where: str) -> Recipe:
    """Returns a recipe with other values; entries of augmentation, model and the stages go over its own."""
    values = recipe.to_json()
    for name, value in changes.items():
        merges = name in ("augmentation", "model", *_STAGES) and isinstance(value, Mapping) and values[name]
        values[name] = {**values[name], **value} if merges else value
    return Recipe.from_json(values, where)
