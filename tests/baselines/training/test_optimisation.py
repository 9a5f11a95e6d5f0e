import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.lr_scheduler import MultiStepLR

from fsbench.errors import RunError
from fsbench_baselines.training.optimisation import build_optimizer
from fsbench_baselines.training.optimisation import freeze
from fsbench_baselines.training.optimisation import left_out
from fsbench_baselines.training.optimisation import parameter_groups
from fsbench_baselines.training.optimisation import rate_factor
from fsbench_baselines.training.optimisation import require_partition
from tests.baselines.training.toy import toy_recipe
from tests.baselines.training.toy import ToyModel


def _members(model: nn.Module, **recipe: object) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of each parameter that is in a group, once for each group that has it."""
    names = {id(p): name for name, p in model.named_parameters()}
    groups = parameter_groups(model, toy_recipe(**recipe))
    pairs = [(names[id(p)], (group["lr"], group["weight_decay"])) for group in groups for p in group["params"]]
    assert len(dict(pairs)) == len(pairs)
    assert all(group["lr"] == group["initial_lr"] for group in groups)
    return dict(pairs)


@pytest.mark.parametrize(("optimizer", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_the_recipe_names_the_optimizer(optimizer: str, kind: type[torch.optim.Optimizer]) -> None:
    made, other = (build_optimizer(ToyModel(0.0), toy_recipe(optimizer=name)) for name in (optimizer, "adamw"))
    assert type(made) is kind
    assert [g["lr"] for g in made.param_groups] == [g["lr"] for g in other.param_groups]


def test_the_longest_prefix_gives_the_rate() -> None:
    model = ToyModel(0.0)
    rates = {"b": 1.0, "backbone.0": 2.0, "backbone.0.bias": 3.0, "head.weight": 0.0}
    found = {name: rate for name, (rate, _) in _members(model, rates=rates).items()}
    assert found == {
        "backbone.0.weight": 2.0,
        "backbone.0.bias": 3.0,
        "head.weight": 0.0,
        **dict.fromkeys(["norm.weight", "norm.bias", "text_encoder.weight", "head.bias"], 0.01),
        **dict.fromkeys(["support_qkv.weight", "support_qkv.bias", "unused.weight", "unused.bias"], 0.01),
    }


def test_norms_biases_and_embeddings_are_spared_the_decay_where_the_recipe_says_so() -> None:
    decays = {name: decay for name, (_, decay) in _members(ToyModel(0.0), weight_decay=0.3, decay_norms=False).items()}
    spared = {name for name, decay in decays.items() if decay == 0}
    assert spared == {name for name in decays if name.endswith("bias")} | {"norm.weight", "text_encoder.weight"}
    assert set(decays.values()) == {0, 0.3}
    assert {decay for _, decay in _members(ToyModel(0.0), weight_decay=0.3).values()} == {0.3}


def test_frozen_and_left_out_parameters_are_in_no_group() -> None:
    model, recipe = ToyModel(0.0), toy_recipe(frozen=("text", "norm"), left_out=("support_qkv", "norm.weight"))
    freeze(model, recipe)
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {
        "text_encoder.weight",
        "norm.weight",
        "norm.bias",
    }
    assert set(left_out(model, recipe)) == {"support_qkv.weight", "support_qkv.bias"}
    members = _members(model, frozen=recipe.frozen, left_out=recipe.left_out)
    assert set(members) == {
        f"{part}.{kind}" for part in ("backbone.0", "unused", "head") for kind in ("weight", "bias")
    }


def test_nothing_is_frozen_or_left_out_by_no_prefix() -> None:
    model, recipe = ToyModel(0.0), toy_recipe(frozen=(), left_out=())
    freeze(model, recipe)
    assert all(p.requires_grad for p in model.parameters())
    assert not left_out(model, recipe)


def test_a_parameter_in_no_group_or_in_two_is_named() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    (one, two, three, four) = model.parameters()
    groups = [{"params": [one, two]}, {"params": [two, three]}]
    with pytest.raises(RunError, match=r"are not: 0\.bias in 2, 1\.bias in 0\."):
        require_partition(model, groups, ())
    with pytest.raises(RunError, match=r"are not: 1\.weight in 1\."):
        require_partition(model, [{"params": [one, two, three]}], ["1.weight", "1.bias"])
    four.requires_grad_(False)
    require_partition(model, [{"params": [one]}, {"params": [three, two]}], ())


def test_a_recipe_that_leaves_nothing_to_train_is_refused() -> None:
    with pytest.raises(RunError, match="nothing to train"):
        build_optimizer(ToyModel(0.0), toy_recipe(left_out=("",)))


def _rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@given(st.sets(st.integers(1, 6)), st.integers(1, 5), st.floats(0, 1))
def test_the_steps_are_those_of_torch(drops: set[int], per_epoch: int, factor: float) -> None:
    recipe = toy_recipe(epochs=7, drops=tuple(sorted(drops)), drop_factor=factor)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    wanted = _rates(MultiStepLR(optimizer, sorted(drops), factor), 7)
    found = [rate_factor(recipe, step, per_epoch) for step in range(7 * per_epoch)]
    assert found == pytest.approx([rate for rate in wanted for _ in range(per_epoch)])


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 4))
def test_the_cosine_is_that_of_torch(epochs: int, per_epoch: int, warmup: int) -> None:
    recipe = toy_recipe(epochs=epochs, schedule="cosine", warmup_steps=warmup)
    steps = epochs * per_epoch
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    cosine = CosineAnnealingLR(optimizer, max(1, steps - warmup))
    found = [rate_factor(recipe, step, per_epoch) for step in range(steps)]
    assert found[:warmup] == pytest.approx([(step + 1) / warmup for step in range(min(warmup, steps))])
    assert found[warmup:] == pytest.approx(_rates(cosine, max(0, steps - warmup)), abs=1e-12)
    if warmup < steps:
        assert found[warmup] == 1


def test_steps_may_warm_up_too() -> None:
    recipe = toy_recipe(epochs=2, drops=(1,), warmup_steps=4)
    found = [rate_factor(recipe, step, 3) for step in range(6)]
    assert found == pytest.approx([0.25, 0.5, 0.75, 0.1, 0.1, 0.1])


def test_a_cosine_falls_to_nearly_nothing() -> None:
    recipe = toy_recipe(epochs=10, schedule="cosine", warmup_steps=0)
    assert rate_factor(recipe, 999, 100) == pytest.approx((1 + math.cos(math.pi * 0.999)) / 2)
    assert rate_factor(recipe, 500, 100) == pytest.approx(0.5)
