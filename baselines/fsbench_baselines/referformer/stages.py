"""From a training job to a checkpoint, for every model of the family."""

import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from fsbench.datasets.spec import spec_of
from fsbench.training.job import TrainingJob
from fsbench_baselines.referformer.naming import LEARNT
from fsbench_baselines.referformer.naming import load_named
from fsbench_baselines.referformer.naming import NamingTask
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.training.job import base_classes
from fsbench_baselines.training.job import job_episodes
from fsbench_baselines.training.job import loop_settings
from fsbench_baselines.training.job import made_by
from fsbench_baselines.training.job import require_weights
from fsbench_baselines.training.loop import has_begun
from fsbench_baselines.training.loop import run_training
from fsbench_baselines.training.pretraining import load_backbone
from fsbench_baselines.training.pretraining import pretrain_backbone
from fsbench_baselines.training.recipe import load_recipe
from fsbench_baselines.training.recipe import Recipe

__all__ = ["train_family"]

_LOG = logging.getLogger(__name__)


def train_family(job: TrainingJob, start: Start, build: Callable[[Recipe, Start], FamilyTask]) -> Path:
    """Trains a model of the family on the base classes of a fold.

    A recipe may say how the backbone is pretrained and how names are learnt; that comes first, in the folders
    `backbone` and `naming` of the training, unless there are weights to start from.

    Args:
        job: What to train on, and how.
        start: What it starts from; sentences, seed and initial weights are the job's.
        build: Makes the task.

    Returns:
        The checkpoint's folder.

    Raises:
        FsbenchError: See `load_recipe`, `build_task` and `run_training`.
    """
    chosen = job.recipe or spec_of(job.benchmark.dataset).recipe or "corrected"
    recipe = load_recipe(chosen, job.overrides, recipes=RECIPES, base="corrected")
    learnt = () if recipe.naming is None else LEARNT
    require_weights(job, recipe, learnt if recipe.pretraining is None else ("backbone", *learnt))
    episodes = job_episodes(job, recipe)
    start = replace(start, sentences=episodes.sampler.sentences(), seed=job.seed, init=job.init)
    task = build(recipe, start)
    task.training = made_by(job, recipe)
    settings = loop_settings(job, job.out)
    if job.init is None and not has_begun(task, recipe, settings):
        if recipe.pretraining is recipe.naming is None:
            told = "%s: starts from random weights, and recipe %r has no stages before. Did you mean to pass --init?"
            _LOG.warning(told, job.out, recipe.name)
        _pretrain(job, recipe, task)
    run_training(task, episodes, recipe, settings)
    return job.out / "model"


def _pretrain(job: TrainingJob, recipe: Recipe, task: FamilyTask) -> None:
    """Gives a model of random weights what the recipe's stages teach it."""
    if recipe.pretraining is not None:
        folder = pretrain_backbone(job, recipe.pretraining, task.model.config.backbone)
        load_backbone(folder, task.model.body)
    if recipe.naming is not None:
        folder = job.out / "naming"
        naming = NamingTask(deepcopy(task.model), task.tokens, base_classes(job), job.seed)
        run_training(naming, job_episodes(job, recipe.naming), recipe.naming, loop_settings(job, folder, "naming"))
        load_named(folder / "model", task.model)
