"""How long opening a dataset and building its manifest take, against `json.load` of its two metadata files.

    python benchmarks/metadata.py --data-root DIR        # a folder that holds ref-youtube-vos

Prints CPU seconds of all three, alternating, best of several rounds, and ratios. Nothing is written.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fsbench.datasets import open_dataset
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions


def cpu_seconds(work: Callable[[], object]) -> float:
    """Returns the CPU time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--dataset", default="mini-ref-youtube-vos")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.dataset, arguments.data_root)
    root = dataset.root
    files = [root / name for name in dataset.sources()]

    def load() -> None:
        for path in files:
            with path.open() as stream:
                json.load(stream)

    pairs = []
    for _ in range(arguments.rounds):
        fresh, other = (open_dataset(arguments.dataset, root) for _ in range(2))
        build = partial(build_manifest, other, BuildOptions())
        pairs.append((cpu_seconds(load), cpu_seconds(fresh.videos), cpu_seconds(build)))
    plain, *ours = (min(times) for times in zip(*pairs, strict=True))
    print(f"json.load {plain:.3f} s")
    for name, seconds in zip(("open_dataset", "build_manifest"), ours, strict=True):
        print(f"{name} {seconds:.3f} s, ratio {seconds / plain:.1f}")


if __name__ == "__main__":
    main()
