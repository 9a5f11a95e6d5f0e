from itertools import groupby
from pathlib import Path

import pytest

from fsbench.datasets import open_dataset
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import Manifest
from fsbench.splits.schema import make_table
from fsbench.training.job import TrainingJob
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.training.job import job_episodes
from tests.tiny import write_dataset

CATEGORIES = {"hat": 2, "plant": 2, "hand": 2, "horse": 2}  # of folds 1, 2, 3, 4


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    root = write_dataset(tmp_path_factory.mktemp("tiny") / "Ref-YouTube-VOS", CATEGORIES, frames=5)
    dataset = open_dataset("mini-ref-youtube-vos", root)
    info, rows = build_manifest(dataset, BuildOptions(draws=1, frames=2, minimum=2))
    manifest = Manifest(info, {name: make_table(name, table) for name, table in rows.items()}, root)
    benchmark = Benchmark(dataset, manifest)
    return TrainingJob(method="cma", options={}, benchmark=benchmark, fold=benchmark.fold(4), out=Path("unused"))


@pytest.mark.parametrize(("name", "runs"), [("released", 3), ("corrected", 100)])
def test_an_epoch_goes_class_by_class_as_released_or_in_random_order_where_that_is_mended(
    job: TrainingJob, name: str, runs: int
) -> None:
    episodes = job_episodes(job, RECIPES[name])
    classes = [episodes.sampler.spec(0, index).class_name for index in range(len(episodes))]
    assert sorted(classes) == sorted(["hat", "plant", "hand"] * 100)
    found = len(list(groupby(classes)))
    assert found == runs if name == "released" else found > runs
