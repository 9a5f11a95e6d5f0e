"""A training shown while it runs, by TensorBoard or a tracker of its kind. Its record is the journal, always."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any
from typing import TYPE_CHECKING

from fsbench.errors import PluginError

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["require_tracker", "tracked"]

_PROJECT = "fsbench"


def require_tracker(name: str) -> None:
    """Raises PluginError if the package of a tracker is missing, which accelerate passes over."""
    from accelerate import tracking

    if name not in map(str, tracking.get_available_trackers()):
        raise PluginError(f"--track {name} needs a package that is not installed: pip install {name}.")


@contextmanager
def tracked(
    accelerator: "Accelerator", title: str, about: Mapping[str, Any]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Opens the trackers that an accelerator was started with, and closes them at the end, however it comes.

    Args:
        accelerator: With one tracker, or none.
        title: What the training is called there.
        about: What is said of it at the start, as JSON has it.

    Yields:
        What shows the record of a step; see `Journal`.
    """
    said = {key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in about.items()}
    accelerator.init_trackers(_PROJECT, said, {name: {"name": title} for name in ("wandb", "trackio")})
    try:
        yield lambda record: accelerator.log(_flat(record), step=record["step"])
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()


def _flat(record: Mapping[str, Any]) -> dict[str, int | float]:
    losses = {f"loss/{name}": value for name, value in record["losses"].items()}
    return losses | {name: value for name, value in record.items() if name not in ("losses", "step")}
