"""What a method is told when it is to be trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Literal

from fsbench.methods.contract import Fold
from fsbench.splits.benchmark import Benchmark

__all__ = ["TrainingJob", "TrainingOptions"]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What a user may choose about a training, whatever the method.

    Attributes:
        recipe: Name of a recipe of the method, or the path of a YAML file; None for the method's usual one.
        overrides: Values of the recipe's fields, as text.
        init: Weights to start from; None for random ones.
        seed: Of weights, episodes, augmentation and dropout.
        resume: Go on where an earlier call was stopped.
        workers: Processes that read episodes; 0 reads them in the training process.
        precision: What the passes are computed in; weights are float32 always.
        compile: Let torch compile the model.
        device: auto, cpu, cuda or mps.
        track: The tracker that shows every step; None for none.
        progress: Show a progress bar.
    """

    recipe: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    init: Path | None = None
    seed: int = 0
    resume: bool = False
    workers: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    compile: bool = False
    device: str = "auto"
    track: Literal["tensorboard", "wandb", "trackio"] | None = None
    progress: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingJob(TrainingOptions):
    """One training on the base classes of a fold.

    Attributes:
        method: The name of what is trained.
        options: What it was made with; an option that names a file or folder is the SHA-256 of that.
        benchmark: Frames, masks and sentences; its manifest says which classes are base classes.
        fold: The fold that the checkpoint is for.
        out: Folder of the training.
    """

    method: str
    options: Mapping[str, str | int | float | bool | None]
    benchmark: Benchmark
    fold: Fold
    out: Path
