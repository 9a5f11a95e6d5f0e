"""Where a training computes: device, precision, and the processes that share the work."""

from pathlib import Path
from typing import TYPE_CHECKING

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.memory import keep_freed_memory
from fsbench_baselines.devices import pick_device
from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.tracking import require_tracker

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["start_accelerator"]

_KEPT_BYTES = 2**31 - 1  # of what a step frees: the next takes the same again, and new pages cost a tenth of a step


def start_accelerator(
    device: str, precision: str, recipe: Recipe, track: str | None = None, folder: Path | None = None
) -> "Accelerator":
    """Joins the processes that torchrun or `accelerate launch` started, or computes alone.

    Args:
        device: auto, cpu, cuda or mps.
        precision: no, bf16 or fp16.
        recipe: What is to be trained so.
        track: The tracker that is to show it; None for none.
        folder: Where that may write.

    Raises:
        PluginError: A package of the extra [train] is missing, or that of the tracker.
        RunError: Device or precision are not to be had, or do not go with the recipe.
    """
    try:
        import matplotlib  # noqa: F401 - that it is missing is said now, not at the end
        from accelerate import Accelerator
        from accelerate import DistributedDataParallelKwargs
    except ImportError as error:
        raise PluginError(f"Training needs {error.name}. Install it with: pip install 'fsbench[train]'.") from error
    if track is not None:
        require_tracker(track)
    if precision == "fp16" and recipe.left_out:
        raise RunError(f"Recipe {recipe.name!r} leaves parameters out, which fp16 cannot scale. Use --precision bf16.")
    # Some parameters never get a gradient: the self affinity, say, has convolutions that only the cross affinity uses.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    # Told nothing, accelerate joins processes on accelerators alone.
    cpu = device == "cpu" or (device == "auto" and pick_device("auto").type == "cpu")
    try:
        accelerator = Accelerator(
            cpu=cpu, mixed_precision=precision, log_with=track, project_dir=folder, kwargs_handlers=[unused]
        )
    except ValueError as error:
        raise RunError(f"--device {device} --precision {precision} is not possible here: {error}") from error
    if precision == "fp16" and accelerator.device.type == "cpu":
        raise RunError("A CPU does not compute in fp16. Use --precision bf16.")
    if device not in ("auto", accelerator.device.type):
        raise RunError(f"There is no device {device!r} here, but {accelerator.device.type!r}. Give another --device.")
    if cpu:
        keep_freed_memory(_KEPT_BYTES)
    return accelerator
