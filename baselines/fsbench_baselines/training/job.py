"""From what a method is told when it is to be trained to what the loop takes."""

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from fsbench.errors import RunError
from fsbench.files import content_digest
from fsbench.methods.contract import Training
from fsbench.training import EpisodeSampler
from fsbench.training import TrainingEpisodes
from fsbench.training.job import TrainingJob
from fsbench_baselines.declaration import described_weights
from fsbench_baselines.training.loop import LoopSettings
from fsbench_baselines.training.recipe import Recipe

__all__ = ["base_classes", "job_episodes", "loop_settings", "made_by", "require_weights"]


def base_classes(job: TrainingJob) -> dict[int, str]:
    """Returns the names of the classes to train on, by id."""
    return {
        row["class_id"]: row["name"] for row in job.benchmark.manifest.rows("classes") if row["fold"] != job.fold.index
    }


def job_episodes(job: TrainingJob, recipe: Recipe) -> TrainingEpisodes:
    """Returns the job's episodes in the form that a recipe wants. Raises ManifestError, see `EpisodeSampler`."""
    sampler = EpisodeSampler(
        job.benchmark,
        job.fold.index,
        seed=job.seed,
        query_frames=recipe.query_frames,
        support_frames=recipe.support_frames,
        per_class=recipe.episodes_per_class,
        shuffle=recipe.shuffle,
        frame_choice=recipe.frame_choice,
        support_videos=recipe.support_videos,
        target=recipe.target,
    )
    return TrainingEpisodes(sampler, job.benchmark.dataset, recipe.augmentation, swapped_clamp=recipe.swapped_clamp)


def require_weights(job: TrainingJob, recipe: Recipe, learnt: Collection[str] = ()) -> None:
    """Raises RunError if parts of the model would keep random values for ever.

    Args:
        job: Which may bring weights.
        recipe: Which may freeze parts of the model.
        learnt: Prefixes of what is trained before.
    """
    random = [prefix for prefix in recipe.frozen if not prefix.startswith(tuple(learnt))]
    if job.init is None and random:
        raise RunError(
            f"Recipe {recipe.name!r} does not train {', '.join(random)}, which would keep random values: there are no "
            "weights to start from. Pass --init with released or pretrained weights (docs/train.md says which), or "
            "train all of it with --set 'frozen=[]'."
        )


def made_by(job: TrainingJob, recipe: Recipe) -> Training:
    """Returns what the weights that a job makes will say of themselves."""
    before = described_weights(job.init) if job.init else None
    info = job.benchmark.manifest.info
    return Training(
        dataset=info.dataset,
        manifest_version=info.version,
        manifest_digest=info.digest,
        fold=job.fold.index,
        classes=tuple(name for _, name in sorted(base_classes(job).items())),
        recipe=json.loads(json.dumps(asdict(recipe))),
        seed=job.seed,
        init=content_digest(job.init) if job.init else None,
        of_init=before.training if before else None,
    )


def loop_settings(job: TrainingJob, out: Path, stage: str = "") -> LoopSettings:
    """Returns how and where the job runs, or a stage of it.

    Args:
        job: The job.
        out: The folder.
        stage: The entry of the job's recipe that is the stage's; "" for the job itself.
    """
    return LoopSettings(
        out=out,
        stage=stage,
        method=job.method,
        options=job.options,
        seed=job.seed,
        manifest_digest=job.benchmark.manifest.info.digest,
        about={
            "dataset": job.benchmark.name,
            "fold": job.fold.index,
            "init": content_digest(job.init) if job.init else None,
        },
        resume=job.resume,
        workers=job.workers,
        precision=job.precision,
        compile=job.compile,
        device=job.device,
        track=job.track,
        progress=job.progress,
    )
