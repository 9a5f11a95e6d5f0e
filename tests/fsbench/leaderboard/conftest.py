from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from fsbench import api
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.manifest import read_manifest
from tests.tiny import write_benchmark


class MadeRuns(NamedTuple):
    """Runs of two floors on seven videos whose manifest says what the sentences are like.

    Attributes:
        base: Holds the runs, runs/<protocol>/<method>.
        splits: Holds the manifest.
        entries: By protocol, then by method.
    """

    base: Path
    splits: Path
    entries: dict[str, dict[str, Entry]]


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("made")
    dataset, folder = write_benchmark(base, {"cat": 3, "dog": 4}, draws=2, frames=2)
    bench = Benchmark(dataset, read_manifest(folder))
    entries = {}
    for protocol, methods in {
        "standard": ("support-copy", "full-frame"),
        "released": ("support-copy",),
        "fss-vos": ("support-copy",),
    }.items():
        out = base / "runs" / protocol
        for method in methods:
            api.evaluate(method, bench, protocol=protocol, out=out / method)
        found = entries_from_runs(out, partial(manifest_folds, splits=base / "splits"))
        entries[protocol] = {each.method.name: each for each in found}
    return MadeRuns(base / "runs", base / "splits", entries)
