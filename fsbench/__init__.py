"""Benchmark construction and evaluation for few-shot referring video object segmentation.

The verbs of a benchmark, each one call, with objects in and objects out:

    import fsbench

    bench = fsbench.open_benchmark("mini-ref-davis", "data")
    run = fsbench.evaluate("colour-prototype", bench, folds=[0], draws=[0])
    print(run)
    fsbench.predict("clipseg", "masks", data_root="data/ref-youtube-vos", part="valid")  # no episodes, no truth
    fsbench.score(pred, truth, protocol="davis-2017")      # arrays [T, H, W], or paths
    fsbench.compare(run, fsbench.load_result("runs/mini-ref-davis/full-frame"))

Importing this loads nothing else: what stands behind a name is loaded when the name is first used.
"""

from fsbench.lazy import lazy_names

TYPE_CHECKING = False  # typing's own constant would cost most of the time that importing this takes
if TYPE_CHECKING:
    from fsbench.api import build_splits
    from fsbench.api import compare
    from fsbench.api import evaluate
    from fsbench.api import gather
    from fsbench.api import list_methods
    from fsbench.api import load_result
    from fsbench.api import open_benchmark
    from fsbench.api import predict
    from fsbench.api import score
    from fsbench.api import validate
    from fsbench.datasets import open_dataset
    from fsbench.metrics import contour_accuracy
    from fsbench.metrics import region_similarity

__version__ = "0.5.0"

__all__ = [
    "build_splits",
    "compare",
    "contour_accuracy",
    "evaluate",
    "gather",
    "list_methods",
    "load_result",
    "open_benchmark",
    "open_dataset",
    "predict",
    "region_similarity",
    "score",
    "validate",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "fsbench.api": (
            "build_splits",
            "compare",
            "evaluate",
            "gather",
            "list_methods",
            "load_result",
            "open_benchmark",
            "predict",
            "score",
            "validate",
        ),
        "fsbench.datasets": ("open_dataset",),
        "fsbench.metrics": ("contour_accuracy", "region_similarity"),
    },
)
