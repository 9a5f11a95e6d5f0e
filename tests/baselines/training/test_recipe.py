import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml

from fsbench.errors import RunError
from fsbench.training import RELEASED_AUGMENTATION
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.training.recipe import load_recipe as find_recipe
from fsbench_baselines.training.recipe import Recipe

load_recipe = partial(find_recipe, recipes=RECIPES, base="corrected")


def test_the_released_recipe_has_the_numbers_of_the_released_training() -> None:
    recipe = RECIPES["released"]
    assert (recipe.epochs, recipe.episodes_per_class, recipe.batch, recipe.shuffle) == (24, 100, 1, False)
    assert (recipe.query_frames, recipe.support_frames, recipe.frame_choice) == (5, 5, "window")
    assert (recipe.lr, recipe.rates) == (1e-4, {"backbone.0": 5e-5, "text_encoder": 1e-5})
    assert (recipe.weight_decay, recipe.decay_norms, recipe.clip) == (5e-4, True, 0.1)
    assert (recipe.schedule, recipe.drops, recipe.drop_factor, recipe.warmup_steps) == ("steps", (3, 5), 0.1, 0)
    assert (recipe.frozen, recipe.frozen_eval) == (("backbone", "text_encoder"), False)
    assert recipe.left_out == ("support_qkv", "query_qkv", "conv_q")
    assert (recipe.augmentation, recipe.swapped_clamp, recipe.model) == (RELEASED_AUGMENTATION, True, {})


def test_the_corrected_recipe_mends_three_slips_and_nothing_else() -> None:
    mended = {"left_out": (), "swapped_clamp": False, "shuffle": True}
    assert RECIPES["corrected"] == replace(RECIPES["released"], name="corrected", **mended)


def test_each_slip_of_the_released_training_can_be_mended_by_itself() -> None:
    released, corrected = RECIPES["released"], RECIPES["corrected"]
    for key, text in {"left_out": "[]", "swapped_clamp": "false", "shuffle": "true"}.items():
        assert load_recipe("released", {key: text}) == replace(released, **{key: getattr(corrected, key)})


def test_the_model_of_each_recipe_can_be_configured() -> None:
    for recipe in RECIPES.values():
        assert ModelConfig(**recipe.model)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_json_and_yaml(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    values = json.loads(json.dumps(recipe.to_json()))
    assert Recipe.from_json(values) == recipe
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({"base": "released", **values}))
    assert load_recipe(str(tmp_path / "all.yaml")) == recipe
    assert load_recipe(name) == recipe


def test_a_file_changes_its_base(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "base: shapes\nlr: 2e-4\ndrops: [2, 4]\nrates: {head: 0.1}\naugmentation: {flip: 0}\nmodel: {dropout: 0.2}\n"
    )
    shapes = RECIPES["shapes"]
    assert load_recipe(str(tmp_path / "mine.yaml")) == replace(
        shapes,
        name="mine",
        lr=2e-4,
        drops=(2, 4),
        rates={"head": 0.1},
        augmentation=replace(shapes.augmentation, flip=0.0),
        model=shapes.model | {"dropout": 0.2},
    )


def test_a_file_without_a_base_changes_the_corrected_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("name: short\nepochs: 2\n")
    assert load_recipe(str(tmp_path / "mine.yml")) == replace(RECIPES["corrected"], name="short", epochs=2)


def test_overrides_name_fields_and_their_entries() -> None:
    changed = load_recipe(
        "corrected",
        {
            "lr": "1e-5",
            "frozen": "[backbone]",
            "augmentation.flip": "0.25",
            "rates.backbone.0": "0",
            "model.heads": "2",
        },
    )
    recipe = RECIPES["corrected"]
    assert changed == replace(
        recipe,
        lr=1e-5,
        frozen=("backbone",),
        augmentation=replace(recipe.augmentation, flip=0.25),
        rates={"backbone.0": 0.0, "text_encoder": 1e-5},
        model={"heads": 2},
    )
    assert RECIPES["corrected"].model == {}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rate", "1", "there is no 'learning_rate'"),
        ("epoch", "1", "Did you mean 'epochs'"),
        ("augmentation.flipp", "1", "augmentation: there is no 'flipp'. Did you mean 'flip'"),
        ("augmentation.flip", "2", "flip is a share from 0 to 1, not 2.0."),
        ("pretraining", "{name: x, lrr: 1}", "pretraining: there is no 'lrr'. Did you mean 'lr'"),
        ("pretraining", "{lr: 1}", "name: Field required"),
        ("naming", "{name: x, lrr: 1}", "naming: there is no 'lrr'. Did you mean 'lr'"),
        ("pretraining.lr", "1", "no field 'pretraining' with entries"),
        ("lr.x", "1", "no field 'lr' with entries"),
        ("lr", "fast", "lr: Input should be a valid number"),
        ("lr", "-1", "lr is a finite number of at least 0, not -1.0."),
        ("lr", ".nan", "lr is a finite number of at least 0, not nan."),
        ("rates.head", "-1", "rates.head is a finite number"),
        ("rates", "{head: x}", "rates.head: Input should be a valid number"),
        ("epochs", "0", "epochs is at least 1, not 0."),
        ("support_videos", "0", "support_videos is at least 1, not 0."),
        ("optimizer", "sgd", "optimizer: Input should be 'adamw' or 'adam'"),
        ("target", "video", "target: Input should be 'sentence' or 'class'"),
        ("epochs", "1.5", "epochs: Input should be a valid integer"),
        ("schedule", "linear", "schedule: Input should be 'steps' or 'cosine'"),
        ("drops", "[5, 3]", "drops are epochs from 1 in rising order"),
        ("frozen", "backbone", "frozen: Input should be a valid tuple"),
        ("model", "3", "model: Input should be a valid dictionary"),
        ("lr", "[", "lr: this is not YAML"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_by_name(key: str, value: str, message: str) -> None:
    with pytest.raises(RunError) as caught:
        load_recipe("corrected", {key: value})
    assert message in str(caught.value)
    assert not str(caught.value).endswith("..")


def test_the_entries_of_a_pretraining_go_over_those_there_are() -> None:
    pretraining = RECIPES["shapes"].pretraining
    assert pretraining is not None
    wanted = replace(RECIPES["shapes"], pretraining=replace(pretraining, epochs=3, lr=0.5))
    assert load_recipe("shapes", {"pretraining": "{epochs: 3, lr: 0.5}"}) == wanted
    assert load_recipe("shapes", {"pretraining.epochs": "3", "pretraining.lr": "0.5"}) == wanted
    assert load_recipe("shapes", {"pretraining": "null"}) == replace(wanted, pretraining=None)


def test_a_method_may_have_recipes_of_its_own(tmp_path: Path) -> None:
    own = {"quick": Recipe(name="quick", epochs=1)}
    assert load_recipe("quick", recipes=own) == own["quick"]
    with pytest.raises(RunError, match=r"no recipe 'shapes'\. Known: quick"):
        load_recipe("shapes", recipes=own)
    (tmp_path / "mine.yaml").write_text("name: mine\nlr: 0.5\n")
    assert load_recipe(str(tmp_path / "mine.yaml"), recipes=own, base="quick") == Recipe(name="mine", epochs=1, lr=0.5)


def test_an_unknown_recipe_is_named_with_those_there_are() -> None:
    with pytest.raises(RunError, match=r"There is no recipe 'shape'\. Did you mean 'shapes'"):
        load_recipe("shape")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("- 1", "a recipe is a mapping"),
        ("", "a recipe is a mapping"),
        ("{", "not YAML"),
        ("[" * 2000, "not YAML"),
        ("name: 2020-13-01", "not YAML"),
        ("base: [x]", "There is no recipe"),
        ("base: shape", "Did you mean 'shapes'"),
        ("lrr: 1", "mine.yaml: there is no 'lrr'. Did you mean 'lr'"),
        ("1: 2", "there is no 1"),
        ('name: "\\uD800"', "has text that no file can hold"),
        ('model: {backbone: "\\uD800"}', "has text that no file can hold"),
    ],
)
def test_a_wrong_file_is_refused_by_name(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError) as caught:
        load_recipe(str(path))
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)
