"""The whole way on the embedded set."""

import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fsbench.api import build_splits
from fsbench.api import evaluate
from fsbench.datasets.catalogue import fallback_spec
from fsbench.errors import PluginError
from fsbench.leaderboard import entries_from_runs
from fsbench.leaderboard import manifest_folds
from fsbench.leaderboard import render
from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site import write_site
from fsbench.methods.registry import registered_methods
from fsbench.splits.benchmark import Benchmark

__all__ = ["run_demo"]

logger = logging.getLogger(__name__)

_NEXT = """
Everything is in {out}/: the rendered dataset, its manifest, the runs, and a site of the results.

The demo takes the first of the support draws; the entries in leaderboard/ have all.

What to do next:
  fsbench evaluate --method colour-prototype --dataset mini-ref-davis --data-root DIR   a method on real data
  fsbench build-splits mini-ref-youtube-vos --data-root DIR                             the benchmark from your copy
  fsbench list methods                                                                  what can be evaluated
docs/guides/my-method.md shows how to add a method of your own in 20 lines.

Open in a browser: {page}"""


def run_demo(out: Path, *, workers: int | None = None, progress: bool = False) -> str:
    """Renders the embedded set, builds its manifest, and evaluates every method that has what it needs on one draw.

    Args:
        out: Folder for all of it; what is there already is not made again.
        workers: Processes; None for the number of cores.
        progress: Show progress bars.

    Returns:
        The table, what to do next, and last the path of the site.
    """
    name = fallback_spec().name
    benchmark = build_splits(name, out / "data", out=out / "splits", progress=progress)
    workers = workers or os.cpu_count() or 1
    for method in _ready_methods(benchmark):
        evaluate(method, benchmark, draws=(0,), out=out / "runs" / name / method, workers=workers, progress=progress)
    entries = entries_from_runs(out / "runs", partial(manifest_folds, splits=out / "splits"))
    page = write_site(out / "site", make_boards(entries, out / "splits", out / "data"))
    return render(entries, "md") + _NEXT.format(out=out, page=page)


def _ready_methods(benchmark: Benchmark) -> Iterator[str]:
    """Yields the methods that lack nothing; warns of those that cannot be imported, or bring weights for other classes.

    Args:
        benchmark: What they are to be evaluated on.
    """
    for name, method in registered_methods().items():
        try:
            if not method.missing(benchmark.name):
                for fold in benchmark.folds:
                    method.brought_checkpoint(benchmark.fold(fold))
                yield name
        except PluginError as error:
            logger.warning("The demo goes on without the method %r: %s", name, error)
