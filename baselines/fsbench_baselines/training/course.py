"""The order of a training's episodes, and their way to the model."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import is_dataclass
from dataclasses import replace
from typing import Any
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset

from fsbench.processes import WorkerContext
from fsbench.training import TrainingEpisode
from fsbench.training import TrainingEpisodes

__all__ = ["Course", "moved", "open_batches"]


@dataclass(frozen=True)
class Course:
    """Which episodes each process takes at each step.

    A step takes the next `batch` * `processes` episodes of an epoch, and each process a contiguous share of them. The
    last step of an epoch fills up with the first episodes, so that all shares are full.

    Attributes:
        epochs: How often all episodes are gone through.
        episodes: Of an epoch.
        batch: Episodes of a process at a step.
        processes: That train together.
    """

    epochs: int
    episodes: int
    batch: int
    processes: int

    @property
    def steps_per_epoch(self) -> int:
        """Returns the number of steps of an epoch."""
        return -(-self.episodes // (self.batch * self.processes))

    @property
    def steps(self) -> int:
        """Returns the number of all steps."""
        return self.epochs * self.steps_per_epoch

    def share(self, step: int, process: int) -> list[tuple[int, int]]:
        """Returns (epoch, index) of the episodes that a process takes at a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        first = (place * self.processes + process) * self.batch
        return [(epoch, index % self.episodes) for index in range(first, first + self.batch)]


@contextmanager
def open_batches(
    episodes: TrainingEpisodes,
    collate: Callable[[Sequence[TrainingEpisode]], Any],  # Any: a task's batch
    course: Course,
    start: int,
    process: int,
    workers: int,
) -> Iterator[Iterator[Any]]:
    """Opens a process's batches from a step to the end.

    The workers read on over the ends of epochs. Where the block raises they are ended at once: one that still starts
    would be waited for, and not hear of Ctrl-C.
    """
    context = WorkerContext(workers)
    loader: DataLoader[Any] = DataLoader(
        cast("Dataset[Any]", episodes),  # it has the calls of torch's class, and knows nothing of torch
        batch_sampler=[course.share(step, process) for step in range(start, course.steps)],
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context=context if workers else None,
    )
    try:
        yield iter(loader)
    except BaseException:
        context.end(0)
        raise


def moved(batch: Any, device: torch.device) -> Any:  # Any: see Task
    """Returns a batch with its tensors on a device, wherever they are in it."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        values = [moved(value, device) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{entry.name: moved(getattr(batch, entry.name), device) for entry in fields(batch)})
    return batch
