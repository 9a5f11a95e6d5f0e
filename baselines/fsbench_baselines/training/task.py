"""What a method gives to the training loop."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Protocol

from torch import nn
from torch import Tensor

from fsbench.training import TrainingEpisode

__all__ = ["Task"]


class Task(Protocol):
    """A model, and how it learns from episodes.

    A batch is whatever `collate` makes: tensors in dataclasses, tuples, lists and mappings.

    Attributes:
        model: On the CPU, with its initial weights. The loop freezes parameters, moves the model to its device, trains
            it in place and loads its state on a resume.
        collate: Makes a batch on the CPU. It is sent to the loader's processes, so it must be picklable and without the
            model: a function or a small callable object, not a method of the task. It draws nothing at random.
    """

    @property
    def model(self) -> nn.Module:
        """Returns the model."""

    @property
    def configuration(self) -> Mapping[str, Any]:  # Any: JSON
        """Returns what the model is built from; a training goes on with the same alone."""

    @property
    def collate(self) -> Callable[[Sequence[TrainingEpisode]], Any]:  # Any: a batch is the task's own business
        """Returns what makes batches."""

    def count(self, batch: Any) -> float:
        """Returns what sums over a batch are divided by, such as the number of frames with the object.

        The loop averages it over the processes, so that the mean of their losses is the loss of the whole batch.

        Args:
            batch: On the CPU.
        """

    def loss(self, model: nn.Module, batch: Any, count: float) -> dict[str, Tensor]:
        """Computes the losses of a batch.

        Whatever is random in it comes from torch's global generators, which the loop seeds before each step.

        Args:
            model: To be called in place of `self.model`, which it may wrap, and once only.
            batch: On the model's device.
            count: The divisor of the losses' sums: the mean of `count` over the processes, positive.

        Returns:
            Scalars: "total", which is minimised, and any others for the record, under the same names at each step.
        """

    def set_modes(self) -> None:
        """Puts the parts of the model in train or eval mode; called at the start of each epoch and after a resume."""

    def save(self, folder: Path) -> None:
        """Writes the checkpoint that `fsbench evaluate --checkpoint` takes into an empty folder."""
