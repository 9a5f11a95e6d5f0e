import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fsbench.datasets.folder import FolderDataset
from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.methods.registry import find_method
from fsbench.protocol import named_protocol
from fsbench.running import cluster as on_ray
from fsbench.running.cluster import ClusterOptions
from fsbench.running.fold import RunOptions
from fsbench.running.plan import plan_units
from fsbench.running.worker import WorkerSetup
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.benchmark import open_benchmark
from tests.fsbench.running.test_engines import Speaks  # noqa: F401 - a method, by name
from tests.fsbench.running.test_fold import contents
from tests.fsbench.running.test_fold import damage
from tests.fsbench.running.test_fold import evaluate
from tests.fsbench.running.test_fold import place  # noqa: F401 - a fixture
from tests.fsbench.running.test_fold import source  # noqa: F401 - a fixture
from tests.tiny import Reddish

pytest.importorskip("ray", reason="Ray is not installed: pip install 'fsbench[ray]'")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)

STORE = 80 << 20
PATIENCE = 60.0  # seconds, for what is expected to come


def started(nodes, cpus=1):
    """A cluster of so many nodes on this machine."""
    from ray.cluster_utils import Cluster

    found = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False},
    )
    for _ in range(nodes - 1):
        found.add_node(num_cpus=cpus, object_store_memory=STORE)
    return found


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node with two cores."""
    found = started(1, cpus=2)
    yield found
    found.shutdown()


def inside(folder):
    """A place in a folder, where nothing is: of what there is a run's identity has the digest."""
    return str(folder / "nothing")


def on(cluster, workers=2, **options):
    return RunOptions(engine="ray", workers=workers, cluster=ClusterOptions(cluster.address, **options))


def wait_for(is_so, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "what was expected did not come"
        time.sleep(0.05)


class Gated(Reddish):
    """Does some clips, and waits with the others until there is a file in its folder."""

    def __init__(self, folder: str, free: int = 0):
        super().__init__()
        self.folder = Path(folder).parent
        self.free = free

    def segment(self, adapted, clip, expressions):
        if len(list(self.folder.glob("done-*"))) >= self.free:
            (self.folder / f"waits-{os.getpid()}").touch()
            wait_for((self.folder / "gate").exists)
        masks = super().segment(adapted, clip, expressions)
        (self.folder / f"done-{os.getpid()}-{time.monotonic_ns()}").touch()
        return masks


def waiting(folder):
    return len(list(folder.glob("waits-*")))


def living(folder):
    return sum(Path("/proc", note.name.partition("-")[2]).exists() for note in folder.glob("waits-*"))


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate-keeper"
    folder.mkdir()
    return folder


def alone(source, gate, **options):  # noqa: F811
    """What the run of the gated method comes to in this process, with the gate open."""
    (gate / "gate").touch()
    out = gate / "alone"
    evaluate(source, out, method=f"{__name__}:Gated", options={"folder": inside(gate), **options})
    return contents(out)


def test_ray_gives_the_bytes_of_the_local_engine(source, tmp_path, cluster):  # noqa: F811
    evaluate(source, tmp_path / "local")
    evaluate(source, tmp_path / "ray", on(cluster))
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def test_errors_come_through_ray_as_they_are(place, cluster):  # noqa: F811
    damage(place, "missing")
    with pytest.raises(DataError, match="dog-1"):
        evaluate(place, run=on(cluster, 1))
    with pytest.raises(RuntimeError, match="TwoWordsError: lost words"):
        evaluate(place, run=on(cluster, 1), out="other", method=f"{__name__}:Speaks", classes=("cat",))


@pytest.mark.parametrize("nodes", [2, 3])
def test_what_a_lost_node_was_at_is_done_by_another(source, tmp_path, gate, caplog, nodes):  # noqa: F811
    many = started(nodes)
    settings = {"method": f"{__name__}:Gated", "options": {"folder": inside(gate)}}
    try:
        with ThreadPoolExecutor(1) as beside:
            run = beside.submit(evaluate, source, tmp_path / "run", on(many, nodes), **settings)
            wait_for(lambda: waiting(gate) == nodes or run.done())
            many.remove_node(next(iter(many.worker_nodes)), allow_graceful=False)
            wait_for(lambda: living(gate) < nodes or run.done())  # a worker outlives its node by a second
            (gate / "gate").touch()
            run.result()
    finally:
        many.shutdown()
    assert sum("is done again: its worker was lost" in text for text in caplog.messages) == 1
    assert contents(tmp_path / "run") == alone(source, gate)


class Dies(Reddish):
    """Ends its process at a clip, and leaves a note, until there are so many."""

    def __init__(self, folder: str, times: int = 1):
        super().__init__()
        self.folder, self.times = Path(folder).parent, times

    def segment(self, adapted, clip, expressions):
        if len(list(self.folder.iterdir())) < self.times:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(adapted, clip, expressions)


def test_what_a_killed_worker_was_at_is_done_by_another(source, tmp_path, gate, caplog, cluster):  # noqa: F811
    dying = {"method": f"{__name__}:Dies", "options": {"folder": inside(gate)}}
    evaluate(source, tmp_path / "run", on(cluster), **dying)
    assert sum("is done again: its worker was lost" in text for text in caplog.messages) == len(list(gate.iterdir()))
    evaluate(source, tmp_path / "local", **dying)
    assert contents(tmp_path / "run") == contents(tmp_path / "local")


def test_a_video_that_kills_each_worker_is_an_error(source, tmp_path, gate, cluster):  # noqa: F811
    killing = {"method": f"{__name__}:Dies", "options": {"folder": inside(gate), "times": "99"}}
    with pytest.raises(RunError, match=r"Video '.*' was lost with its Ray actor 3 times"):
        evaluate(source, tmp_path / "run", on(cluster, 1), limit=1, **killing)
    assert len(list(gate.iterdir())) == 3


DRIVER = """
import sys
import fsbench
root, out, method, folder, address = sys.argv[1:]
benchmark = fsbench.open_benchmark("mini-ref-davis", root, root + "/splits")
options = {"folder": folder, "free": 4}
fsbench.evaluate(method, benchmark, out=out, options=options, workers=2, engine="ray", ray_address=address)
"""


def test_a_run_whose_driver_was_killed_goes_on(source, tmp_path, gate, cluster):  # noqa: F811
    asked = [str(source), str(tmp_path / "run"), f"{__name__}:Gated", inside(gate), cluster.address]
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, *asked], stdout=subprocess.DEVNULL)
    parts = tmp_path / "run/fold-0/scores"
    try:
        wait_for(lambda: driver.poll() is not None or (waiting(gate) == 2 and any(parts.glob("part-*"))))
    finally:
        driver.kill()
        driver.wait()
    before = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert 0 < len(before) < 7
    expected = alone(source, gate, free="4")
    settings = {"method": f"{__name__}:Gated", "options": {"folder": inside(gate), "free": "4"}}
    evaluate(source, tmp_path / "run", on(cluster), **settings)
    assert (
        contents(tmp_path / "run") == {(Path("fold-0") / path): value for path, value in expected.items()}
        or contents(tmp_path / "run") == expected
    )
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}.items()


class Sees(Reddish):
    """Notes which device it was given, and which GPUs its process sees."""

    def __init__(self, folder: str, device: str = "auto"):
        super().__init__()
        text = f"{device} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}"
        (Path(folder).parent / str(os.getpid())).write_text(text)


def seen(folder):
    return sorted(note.read_text() for note in folder.iterdir())


def test_what_no_node_has_is_waited_for_no_longer_than_asked(source, tmp_path, gate, caplog, cluster, monkeypatch):  # noqa: F811
    monkeypatch.setattr(on_ray, "_TELL_SECONDS", 0.0)
    settings = {"method": f"{__name__}:Sees", "options": {"folder": inside(gate)}}
    with pytest.raises(
        RunError, match=r"No worker had a place .* each of 2 asks for 1 CPU, 1 GPU, and .* 0 GPU \(0 fr"
    ):
        evaluate(source, tmp_path / "run", on(cluster, gpus=1, patience=1), **settings)
    assert sum("2 workers wait for a place" in text for text in caplog.messages) == 1
    with pytest.raises(RunError, match="Pass --gpus-per-worker 1, or --device cpu"):
        evaluate(source, tmp_path / "run", on(cluster, gpus=0), **settings, device="cuda")
    assert seen(gate) == []


def test_a_node_that_comes_later_is_made_use_of(source, tmp_path, gate, caplog, cluster, monkeypatch):  # noqa: F811
    monkeypatch.setattr(on_ray, "_TELL_SECONDS", 0.0)
    settings = {"method": f"{__name__}:Sees", "options": {"folder": inside(gate)}}
    with ThreadPoolExecutor(1) as beside:
        asked = on(cluster, gpus=1, cpus=2, patience=PATIENCE)
        run = beside.submit(evaluate, source, tmp_path / "run", asked, **settings)
        wait_for(lambda: "2 workers wait for a place" in caplog.text or run.done())
        joined = cluster.add_node(num_cpus=4, num_gpus=2, object_store_memory=STORE)
        try:
            run.result()
        finally:
            cluster.remove_node(joined)
    assert set() < {text.split()[1] for text in seen(gate)} <= {"0", "1"}


def test_who_asks_for_no_gpu_takes_none(source, tmp_path, gate, cluster):  # noqa: F811
    settings = {"method": f"{__name__}:Sees", "options": {"folder": inside(gate)}}
    result = evaluate(source, tmp_path / "run", on(cluster), **settings)
    assert {text.split()[0] for text in seen(gate)} == {"cpu"}
    assert result.identity.options["device"] == "auto"


def test_devices_are_dealt_out_by_ray(source, tmp_path, gate, cluster):  # noqa: F811
    settings = {"method": f"{__name__}:Sees", "options": {"folder": inside(gate)}, "device": "cuda:0,1"}
    with pytest.raises(RunError, match="Pass --device cuda, and --gpus-per-worker"):
        evaluate(source, tmp_path / "run", on(cluster), **settings)


class Here(FolderDataset):
    """Data that are on this machine alone, or others elsewhere."""

    home: int
    told: str | None

    def fingerprint(self, video_id, names):
        if os.getpid() == self.home:
            return super().fingerprint(video_id, names)
        if self.told is None:
            raise DataError(f"{self.root}: is not there.")
        return self.told


@pytest.mark.parametrize(("told", "match"), [(None, "lacks data: .* is not there"), ("0" * 64, "or another video")])
def test_a_node_without_the_data_is_an_error(source, tmp_path, cluster, told, match):  # noqa: F811
    benchmark = open_benchmark("mini-ref-davis", source, source / "splits")
    dataset = Here(benchmark.dataset.spec, benchmark.dataset.root)
    dataset.home, dataset.told = os.getpid(), told
    with pytest.raises(RunError, match=f"Node .* of the Ray cluster.*{match}.*on a path that all nodes share"):
        evaluate(source, tmp_path / "run", on(cluster), benchmark=Benchmark(dataset, benchmark.manifest))


def test_other_weights_on_a_node_are_an_error(source, tmp_path):  # noqa: F811
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "a").write_text("1")
    benchmark, method = open_benchmark("mini-ref-davis", source, source / "splits"), find_method("tests.tiny:Reddish")
    units, protocol = plan_units(benchmark, 0, (0,)), named_protocol("standard")
    setup = WorkerSetup(benchmark.dataset, benchmark.fold(0), method, {"checkpoint": weights}, protocol)
    first = on_ray._first_read(setup, units)
    assert first.unit == units[0]
    first.require(setup)
    (weights / "a").write_text("2")
    with pytest.raises(RunError, match=f"has no or another checkpoint {weights} than this machine"):
        first.require(setup)
    (weights / "a").unlink()
    weights.rmdir()
    with pytest.raises(RunError, match=f"has no or another checkpoint {weights} than this machine"):
        first.require(setup)


def test_data_of_a_relative_root_are_the_same_on_a_node(source, tmp_path, cluster, monkeypatch):  # noqa: F811
    monkeypatch.chdir(source)
    benchmark = open_benchmark("mini-ref-davis", Path(), Path("splits"))
    assert not benchmark.dataset.root.is_absolute()
    evaluate(source, tmp_path / "run", on(cluster, 1), benchmark=benchmark, method="full-frame", limit=1)


def test_a_cluster_that_is_not_there_is_an_error(source, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with pytest.raises(RunError, match=r"There is no Ray cluster at nowhere .*--ray-address"):
        evaluate(source, tmp_path / "run", RunOptions(engine="ray"))
