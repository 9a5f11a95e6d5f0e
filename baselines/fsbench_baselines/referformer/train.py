"""From a training job to a checkpoint, for every model of the family."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from fsbench.datasets.catalogue import EMBEDDED
from fsbench.evaluation.identity import content_digest
from fsbench.training import EpisodeSampler
from fsbench.training import TrainingEpisodes
from fsbench.training.job import TrainingJob
from fsbench_baselines.referformer.naming import load_named
from fsbench_baselines.referformer.naming import NamingTask
from fsbench_baselines.referformer.pretraining import BackboneTask
from fsbench_baselines.referformer.pretraining import load_backbone
from fsbench_baselines.referformer.training import FamilyTask
from fsbench_baselines.referformer.training import Start
from fsbench_baselines.training.loop import LoopSettings
from fsbench_baselines.training.loop import run_training
from fsbench_baselines.training.recipe import load_recipe
from fsbench_baselines.training.recipe import Recipe

__all__ = ["train_family"]


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
    recipe = load_recipe(job.recipe or ("shapes" if job.dataset.name == EMBEDDED else "corrected"), job.overrides)
    episodes = _episodes(job, recipe)
    start = replace(start, sentences=episodes.sampler.sentences(), seed=job.seed, init=job.init)
    task = build(recipe, start)
    if job.init is None:
        _pretrain(job, recipe, task)
    run_training(task, episodes, recipe, _settings(job, job.out))
    return job.out / "model"


def _pretrain(job: TrainingJob, recipe: Recipe, task: FamilyTask) -> None:
    """Gives a model of random weights what the recipe's stages teach it."""
    base = {row["class_id"]: row["name"] for row in job.manifest.rows("classes") if row["fold"] != job.fold.index}
    if recipe.pretraining is not None:
        folder = job.out / "backbone"
        backbone = BackboneTask(task.model.config.backbone, list(base), job.seed)
        run_training(backbone, _episodes(job, recipe.pretraining), recipe.pretraining, _settings(job, folder))
        load_backbone(folder / "model", task.model.backbone[0]["body"])
    if recipe.naming is not None:
        folder = job.out / "naming"
        naming = NamingTask(deepcopy(task.model), task.tokens, base, job.seed)
        run_training(naming, _episodes(job, recipe.naming), recipe.naming, _settings(job, folder))
        load_named(folder / "model", task.model)


def _episodes(job: TrainingJob, recipe: Recipe) -> TrainingEpisodes:
    sampler = EpisodeSampler(
        job.manifest,
        job.dataset,
        job.fold.index,
        seed=job.seed,
        query_frames=recipe.query_frames,
        support_frames=recipe.support_frames,
        per_class=recipe.episodes_per_class,
        shuffle=recipe.shuffle,
        frame_choice=recipe.frame_choice,
    )
    return TrainingEpisodes(sampler, job.dataset, recipe.augmentation, swapped_clamp=recipe.swapped_clamp)


def _settings(job: TrainingJob, out: Path) -> LoopSettings:
    return LoopSettings(
        out=out,
        seed=job.seed,
        manifest_digest=job.manifest.info.digest,
        about={
            "dataset": job.dataset.name,
            "fold": job.fold.index,
            "init": content_digest(job.init) if job.init else None,
        },
        resume=job.resume,
        workers=job.workers,
        precision=job.precision,
        compile=job.compile,
        device=job.device,
        progress=job.progress,
    )
