import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.methods.registry import find_method
from fsbench.protocol import named_protocol
from fsbench.running.engines import open_engine
from fsbench.running.fold import RunOptions
from fsbench.running.plan import plan_units
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup
from fsbench.splits.benchmark import open_benchmark
from tests.fsbench.running.test_fold import contents
from tests.fsbench.running.test_fold import damage
from tests.fsbench.running.test_fold import evaluate
from tests.fsbench.running.test_fold import place  # noqa: F401 - a fixture
from tests.fsbench.running.test_fold import source  # noqa: F401 - a fixture
from tests.tiny import Reddish


class NotesThreads(Reddish):
    """Notes how many threads its process may have."""

    def prepare(self, fold):
        super().prepare(fold)
        (Path(os.environ["NOTES"]) / str(os.getpid())).write_text(os.environ.get("OMP_NUM_THREADS", ""))


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A folder with a note of each process that prepared `NotesThreads`."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv("NOTES", str(folder))
    return folder


def test_local_processes_have_their_share_of_the_cores(source, tmp_path, notes, monkeypatch):  # noqa: F811
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    evaluate(source, tmp_path / "run", RunOptions(workers=2), method=f"{__name__}:NotesThreads")
    assert {note.read_text() for note in notes.iterdir()} == {"3"}


def done_by(run_units, setup, units):
    """What units come to, in whatever order."""
    found = []
    for _ in run_units(setup, units, found.append):
        pass
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_processes_serve_one_setup_after_the_other(source, notes, workers):  # noqa: F811
    benchmark = open_benchmark("mini-ref-davis", source, source / "splits")
    units = plan_units(benchmark, 0, (0, 1))
    method, fold, protocol = (
        find_method(f"{__name__}:NotesThreads"),
        benchmark.fold(0),
        named_protocol("standard"),
    )
    found, expected = [], []
    with open_engine("local", workers) as run_units:
        for threshold in (100, -300, 100):
            options = method.resolve({"threshold": threshold})
            setup = WorkerSetup(benchmark.dataset, fold, method, options, protocol)
            results = sorted(done_by(run_units, setup, units), key=lambda result: result.number)
            found.append([(r.predictions, r.scores) for r in results])
    assert len(list(notes.iterdir())) <= workers
    for threshold in (100, -300, 100):
        worker = Worker(replace(setup, options=method.resolve({"threshold": threshold})))
        expected.append([(r.predictions, r.scores) for r in map(worker.run, units)])
    assert found == expected
    assert found[0] == found[2] != found[1]


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'fsbench[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_ray_gives_the_bytes_of_the_local_engine(source, tmp_path, cluster):  # noqa: F811
    evaluate(source, tmp_path / "local")
    evaluate(source, tmp_path / "ray", RunOptions(engine="ray", workers=2))
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_errors_come_through_ray_as_they_are(place, cluster):  # noqa: F811
    damage(place, "missing")
    with pytest.raises(DataError, match="dog-1"):
        evaluate(place, run=RunOptions(engine="ray", workers=1))


class DiesOnce(Reddish):
    """Ends its process at the first clip that it is given, and leaves a note."""

    def __init__(self, note: str):
        super().__init__()
        self.note = Path(note)

    def segment(self, adapted, clip, expressions):
        if not self.note.exists():
            self.note.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(adapted, clip, expressions)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_unit_of_a_lost_actor_is_done_by_another(source, tmp_path, cluster):  # noqa: F811
    benchmark = open_benchmark("mini-ref-davis", source, source / "splits")
    units = plan_units(benchmark, 0, (0,))
    method = find_method(f"{__name__}:DiesOnce")
    setup = WorkerSetup(
        benchmark.dataset,
        benchmark.fold(0),
        method,
        method.resolve({"note": str(tmp_path / "died")}),
        named_protocol("standard"),
    )
    with open_engine("ray", 1) as run_units:
        assert sorted(result.number for result in done_by(run_units, setup, units)) == [unit.number for unit in units]
    assert (tmp_path / "died").exists()


def test_an_engine_that_there_is_not_is_refused():
    with pytest.raises(RunError, match="no engine 'slurm'"), open_engine("slurm", 2):
        pass
