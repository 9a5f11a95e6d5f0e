"""What trains, at which rate: frozen parameters, parameter groups, and the course of the learning rate."""

import logging
import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from fsbench.errors import RunError
from fsbench_baselines.training.recipe import Recipe

__all__ = ["build_optimizer", "freeze", "left_out", "parameter_groups", "rate_factor", "require_partition"]

_LOG = logging.getLogger(__name__)


def freeze(model: nn.Module, recipe: Recipe) -> None:
    """Switches off the gradients of what the recipe freezes.

    Here and below a weight with several names goes by the first.
    """
    for name, parameter in model.named_parameters():
        if name.startswith(recipe.frozen):
            parameter.requires_grad_(False)


def left_out(model: nn.Module, recipe: Recipe) -> dict[str, nn.Parameter]:
    """Returns by name the parameters that require a gradient, but that the recipe keeps from the optimizer."""
    return {n: p for n, p in model.named_parameters() if p.requires_grad and n.startswith(recipe.left_out)}


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:  # Any: see torch.optim.Optimizer
    """Divides what trains into groups by learning rate and weight decay.

    Returns:
        Groups with `params`, `lr`, `initial_lr` (the same) and `weight_decay`.

    Raises:
        RunError: A parameter that requires a gradient is in no group or in two, or there is none.
    """
    spared = {id(p) for p in model.parameters() if not recipe.decay_norms and p.dim() < 2}
    if not recipe.decay_norms:
        spared |= {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    excluded = left_out(model, recipe)
    members: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and name not in excluded:
            prefix = max((p for p in recipe.rates if name.startswith(p)), key=len, default="")
            decay = 0.0 if id(parameter) in spared else recipe.weight_decay
            members.setdefault((prefix, decay), []).append(parameter)
    groups = []
    for (prefix, decay), parameters in members.items():
        rate = recipe.rates.get(prefix, recipe.lr)
        groups.append({"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay})
        size = sum(p.numel() for p in parameters)
        _LOG.info("%s: %d tensors, %d numbers, lr %g, decay %g", prefix or "main", len(parameters), size, rate, decay)
    require_partition(model, groups, excluded)
    return groups


def require_partition(model: nn.Module, groups: Iterable[Mapping[str, Any]], excluded: Iterable[str]) -> None:
    """Checks that each parameter that requires a gradient is in one group exactly, and those left out in none.

    Raises:
        RunError: It is not so, or nothing trains.
    """
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    expected = {name: int(name not in excluded) for name, p in model.named_parameters() if p.requires_grad}
    found = {name: grouped.count(id(p)) for name, p in model.named_parameters() if p.requires_grad}
    wrong = [f"{name} in {found[name]}" for name in expected if found[name] != expected[name]]
    if wrong:
        raise RunError(
            f"Every parameter that trains belongs in one group of the optimizer, and one left out in none, but these "
            f"are not: {', '.join(wrong)}."
        )
    if not grouped:
        raise RunError("The recipe leaves nothing to train. Look at its entries frozen and left_out.")


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Adam | torch.optim.AdamW:
    """Returns the recipe's optimizer on `parameter_groups`."""
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(parameter_groups(model, recipe), fused=True)


def rate_factor(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Returns what all learning rates are multiplied by at a step, counted from 0; in [0, 1] for drops below 1."""
    rising = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    if recipe.schedule == "steps":
        return rising * recipe.drop_factor ** sum(step // steps_per_epoch >= drop for drop in recipe.drops)
    falling = max(1, recipe.epochs * steps_per_epoch - recipe.warmup_steps)
    return rising * (1 + math.cos(math.pi * max(0, step - recipe.warmup_steps) / falling)) / 2
