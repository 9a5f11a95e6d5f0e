import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from fsbench.datasets import open_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import ShapesConfig
from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from fsbench.training.request import train_method
from fsbench.training.request import TrainingRequest
from fsbench_baselines.danet import load_checkpoint
from fsbench_baselines.danet import save_checkpoint
from fsbench_baselines.danet.config import DANetConfig
from fsbench_baselines.danet.recipes import RECIPES
from fsbench_baselines.danet.task import build_model
from fsbench_baselines.danet.task import DANetTask
from tests.baselines.danet.samples import SMALL
from tests.baselines.danet.samples import small_model
from tests.baselines.referformer.training_samples import clip
from tests.baselines.referformer.training_samples import episode

TINY = {"epochs": "1", "episodes_per_class": "1", "batch": "6", "model": json.dumps(SMALL)}
BACKBONE = (
    """{name: tiny, epochs: 1, episodes_per_class: 1, batch: 6, query_frames: 1, support_frames: 1, frozen: []}"""
)
RECIPE = replace(RECIPES["shapes"], model=SMALL, pretraining=None)


def task(**changes):
    recipe = replace(RECIPE, **changes)
    return DANetTask(build_model(recipe, seed=1), recipe)


def episode_of_three():
    return replace(episode(), further=(clip((40, 30), seed=3), clip(seed=4)))


def test_a_batch_holds_all_support_clips_on_the_canvas():
    batch = task().collate([episode_of_three(), episode_of_three()])
    assert batch.frames.shape == (2, 2, 3, 32, 48)
    assert batch.masks.shape == (2, 2, 32, 48)
    assert batch.support_frames.shape == (2, 3 + 2 + 2, 3, 32, 48)
    assert batch.support_masks.shape == (2, 7, 32, 48)
    assert batch.support_masks.flatten(2).any(2).all()


def test_the_total_is_five_times_the_entropy_and_the_overlap_and_is_a_mean_over_clips():
    made = task()
    one, other = episode_of_three(), replace(episode_of_three(), query=clip(seed=7, hidden=(0,)))
    losses = [
        {name: value.item() for name, value in made.loss(made.model, batch, made.count(batch)).items()}
        for batch in (made.collate(part) for part in ([one], [other], [one, other]))
    ]
    assert losses[0]["total"] == pytest.approx(5 * losses[0]["loss_ce"] + losses[0]["loss_iou"], rel=1e-5)
    assert losses[2]["total"] == pytest.approx((losses[0]["total"] + losses[1]["total"]) / 2, rel=1e-4)


def test_a_few_steps_lower_the_loss_of_one_episode():
    made = task()
    made.set_modes()
    batch = made.collate([episode_of_three()])
    optimizer = torch.optim.AdamW(made.model.parameters(), lr=3e-3)
    values = []
    for _ in range(15):
        loss = made.loss(made.model, batch, 1.0)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.7 * values[0]


@pytest.mark.parametrize("frozen_eval", [False, True])
def test_batch_norms_of_a_frozen_backbone_take_the_batch_as_released_or_not(frozen_eval):
    made = DANetTask(small_model(), replace(RECIPE, frozen=("encoder",), frozen_eval=frozen_eval))
    made.set_modes()
    assert made.model.encoder.layer3.training is not frozen_eval
    assert made.model.Decoder.training


def test_the_released_recipe_has_the_numbers_of_the_released_training():
    recipe = RECIPES["released"]
    assert (recipe.epochs, recipe.episodes_per_class, recipe.batch, recipe.shuffle) == (101, 100, 4, True)
    assert (recipe.query_frames, recipe.support_frames, recipe.support_videos) == (5, 1, 5)
    assert (recipe.optimizer, recipe.lr, recipe.weight_decay, recipe.decay_norms) == ("adam", 1e-5, 5e-4, True)
    assert (recipe.schedule, recipe.drops, recipe.warmup_steps, recipe.clip) == ("steps", (), 0, 0.0)
    assert (recipe.frozen, recipe.frozen_eval, recipe.rates, recipe.left_out) == (("encoder",), False, {}, ())
    assert (recipe.target, recipe.model, recipe.pretraining) == ("class", {}, None)
    assert DANetConfig(**recipe.model) == DANetConfig()


def test_weights_follow_from_the_seed():
    one, same, other = (build_model(RECIPE, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert not all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_recipe_that_describes_no_danet_is_an_error():
    with pytest.raises(RunError, match=r"no DANet.*hidden_dim"):
        build_model(replace(RECIPE, model={"hidden_dim": 3}), 0)
    with pytest.raises(RunError, match="no backbone 'x'"):
        build_model(replace(RECIPE, model={"backbone": "x"}), 0)
    with pytest.raises(RunError, match="naming=null"):
        build_model(replace(RECIPE, naming=RECIPE), 0)
    with pytest.raises(RunError, match="pretraining=null"):
        build_model(replace(RECIPES["shapes"], model={"backbone": "resnet50"}), 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A small set of shapes, its manifest, and a DANet that took two steps on it."""
    base = tmp_path_factory.mktemp("place")
    generate_shapes(
        base / "mini-ref-shapes", ShapesConfig(videos_per_category=2, frames=3, height=48, width=64, num_categories=16)
    )
    dataset = open_dataset("mini-ref-shapes", base)
    info, rows = build_manifest(dataset, BuildOptions(draws=1, frames=1))
    write_manifest(base / "splits", info, rows)
    train(base, base / "start", overrides={**TINY, "pretraining": BACKBONE})
    return base


def opened(place: Path) -> Benchmark:
    return open_benchmark("mini-ref-shapes", place, place / "splits")


def train(place, out, **changes):
    settings = {"method": "danet", "fold": 2, "benchmark": opened(place), "device": "cpu"}
    return train_method(TrainingRequest(**{**settings, "out": out, **changes}))


def test_a_training_leaves_what_can_be_evaluated(place, tmp_path):
    checkpoint = place / "start" / "model"
    record = json.loads((place / "start" / "training.json").read_text())
    assert record["steps"] == 2
    assert load_checkpoint(checkpoint).config == DANetConfig(**SMALL)
    request = Request("danet", opened(place), device="cpu", folds=(2,), checkpoint=checkpoint, out=tmp_path)
    (result,) = evaluate_method(request, RunOptions()).results.values()
    assert result.episodes > 0
    assert not result.failures


def test_the_pretrained_backbone_is_where_the_training_starts(place, tmp_path):
    train(place, tmp_path / "still", overrides={**TINY, "pretraining": BACKBONE, "lr": "0"})
    pretrained = safetensors.torch.load_file(tmp_path / "still" / "backbone" / "model" / "backbone.safetensors")
    encoder = load_checkpoint(tmp_path / "still" / "model").encoder.state_dict()
    assert torch.equal(encoder["layer0.0.weight"], pretrained["conv1.weight"])
    kept = {name: tensor for name, tensor in pretrained.items() if name.startswith(("layer1", "layer2", "layer3"))}
    assert all(torch.equal(encoder[name], tensor) for name, tensor in kept.items())


def test_a_second_training_goes_on_from_the_first(place, tmp_path):
    overrides = {**TINY, "lr": "0"}
    checkpoint = train(place, tmp_path / "next", init=place / "start" / "model", overrides=overrides)
    assert not (tmp_path / "next" / "backbone").exists()
    first, second = (load_checkpoint(path).state_dict() for path in (place / "start" / "model", checkpoint))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_recipes_are_the_method_s_own_and_initial_weights_must_fit(place, tmp_path):
    with pytest.raises(RunError, match=r"no recipe 'corrected'.*released"):
        train(place, tmp_path / "a", recipe="corrected")
    (tmp_path / "mine.yaml").write_text("epochs: 1\nfrozen: []\nmodel: {nonsense: 1}\n")
    with pytest.raises(RunError, match="nonsense"):
        train(place, tmp_path / "b", recipe=str(tmp_path / "mine.yaml"))
    save_checkpoint(tmp_path / "wide", small_model(width=16))
    with pytest.raises(DataError, match="do not fit the model"):
        train(place, tmp_path / "c", init=tmp_path / "wide", overrides=TINY)
