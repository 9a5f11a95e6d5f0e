"""Processes for tests in which these are a means alone: forked from one that has imported what they would import."""

import multiprocessing
from multiprocessing.context import ForkServerContext

import pytest

from fsbench.processes import WorkerContext

__all__ = ["forking", "let_pools_fork"]

# What a process would import for seconds: torch's optimizers import the first, the choice of a device the next, and
# the curve of a training those of matplotlib.
_PRELOAD = [
    "torch._dynamo",
    "accelerate",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "fsbench.running.evaluate",
    "fsbench.running.worker",
    "fsbench_baselines.referformer.method",
    "tests.baselines.training.toy",
    "tests.tiny",
]


def forking() -> ForkServerContext:
    """Returns what starts such processes; their server starts with the first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def let_pools_fork(patch: pytest.MonkeyPatch) -> None:
    """Has every `worker_pool` start such processes: nobody interrupts them, and nothing kills their parent."""

    def process(self, *args, **kwargs):
        made = forking().Process(*args, **kwargs)
        self._started.append(made)
        return made

    patch.setattr(WorkerContext, "Process", process)
