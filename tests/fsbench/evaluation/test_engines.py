import os
from pathlib import Path

import pytest

from fsbench.errors import DataError
from fsbench.evaluation.engines import _shared_cores
from fsbench.evaluation.runner import RunOptions
from tests.fsbench.evaluation.test_runner import contents
from tests.fsbench.evaluation.test_runner import damage
from tests.fsbench.evaluation.test_runner import evaluate
from tests.fsbench.evaluation.test_runner import place  # noqa: F401 - a fixture
from tests.fsbench.evaluation.test_runner import source  # noqa: F401 - a fixture
from tests.tiny import Reddish


class NotesThreads(Reddish):
    """Notes how many threads its process may have."""

    def prepare(self, fold):
        super().prepare(fold)
        (Path(os.environ["NOTES"]) / str(os.getpid())).write_text(os.environ["OMP_NUM_THREADS"])


@pytest.mark.parametrize(("processes", "threads"), [(2, "3"), (4, "1"), (9, "1")])
def test_processes_share_the_cores_unless_the_user_says_how_many_threads(processes, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with _shared_cores(processes):
        assert os.environ["OMP_NUM_THREADS"] == threads
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with _shared_cores(processes):
        assert os.environ["OMP_NUM_THREADS"] == "5"


def test_local_processes_have_their_share_of_the_cores(source, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("NOTES", str(tmp_path))
    method = f"{__name__}:NotesThreads"
    evaluate(source, tmp_path / "run", RunOptions(workers=2), method=method)
    assert {note.read_text() for note in tmp_path.iterdir() if note.is_file()} == {"3"}


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
