"""Benchmark construction and evaluation for few-shot referring video object segmentation.

The verbs of a benchmark, each one call, with objects in and objects out:

    import fsbench

    bench = fsbench.open_benchmark("mini-ref-davis", "data")
    run = fsbench.evaluate("colour-prototype", bench, folds=[0], draws=[0])
    print(run)
    fsbench.score(pred, truth, protocol="davis-2017")      # arrays [T, H, W], or paths
    fsbench.compare(run, fsbench.load_result("runs/mini-ref-davis/full-frame"))

Importing this loads nothing else: what stands behind a name is loaded when the name is first used.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing's own constant would cost most of the time that importing this takes
if TYPE_CHECKING:
    from fsbench.api import build_splits
    from fsbench.api import compare
    from fsbench.api import evaluate
    from fsbench.api import list_methods
    from fsbench.api import load_result
    from fsbench.api import open_benchmark
    from fsbench.api import score
    from fsbench.api import validate
    from fsbench.datasets import open_dataset
    from fsbench.metrics import contour_accuracy
    from fsbench.metrics import region_similarity

__version__ = "0.2.0"

__all__ = [
    "build_splits",
    "compare",
    "contour_accuracy",
    "evaluate",
    "list_methods",
    "load_result",
    "open_benchmark",
    "open_dataset",
    "region_similarity",
    "score",
    "validate",
]

_HOMES = {
    "open_dataset": "fsbench.datasets",
    "contour_accuracy": "fsbench.metrics",
    "region_similarity": "fsbench.metrics",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "fsbench.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
