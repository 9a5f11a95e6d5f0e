import os
from dataclasses import replace
from pathlib import Path

import pytest

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
from tests.fsbench.running.test_fold import evaluate
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


class Placed(Reddish):
    """Notes which devices its process was given."""

    def __init__(self, device: str = "auto"):
        super().__init__()
        with (Path(os.environ["NOTES"]) / str(os.getpid())).open("a") as stream:
            stream.write(f"{device}\n")


def test_workers_are_dealt_out_over_devices_on_which_nothing_depends(source, tmp_path, notes):  # noqa: F811
    evaluate(source, tmp_path / "one", method=f"{__name__}:Placed", device="cpu")
    assert [note.read_text() for note in notes.iterdir()] == ["cpu\n"]
    (notes / str(os.getpid())).unlink()
    evaluate(source, tmp_path / "two", RunOptions(workers=2), method=f"{__name__}:Placed", device="cpu:7,3")
    assert sorted(note.read_text() for note in notes.iterdir()) == ["cpu:3\n", "cpu:7\n"]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_devices_that_would_be_idle_are_refused(source, tmp_path):  # noqa: F811
    with pytest.raises(RunError, match=r"--workers 2, or"):
        evaluate(source, tmp_path / "run", method=f"{__name__}:Placed", device="cpu:0,1")


class Hungry(Reddish):
    """Runs out of memory with more than 2 frames at once, and segments what is red in parts of as many."""

    def __init__(self, max_frames: int = 9, least: int = 1):
        super().__init__()
        self.max_frames = max_frames

    @staticmethod
    def smaller_options(options):
        half = options["max_frames"] // 2
        return {**options, "max_frames": half} if half >= options["least"] else None

    def segment(self, adapted, clip, expressions):
        masks = super().segment(adapted, clip, expressions)
        for start in range(0, len(clip.frames), self.max_frames):
            yield masks[:, start : start + self.max_frames]
            if self.max_frames > 2:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("workers", [1, 2])
def test_out_of_memory_is_tried_again_with_less_and_told(source, tmp_path, caplog, workers):  # noqa: F811
    small = evaluate(source, tmp_path / "small", method=f"{__name__}:Hungry", options={"max_frames": "2"})
    assert not caplog.messages
    run = RunOptions(workers=workers)
    large = evaluate(source, tmp_path / "large", run, method=f"{__name__}:Hungry")
    told = [text for text in caplog.messages if "max_frames" in text]
    assert [text.partition("goes on with ")[2] for text in told] == [
        "max_frames=4, to the same masks but for rounding.",
        "max_frames=2, to the same masks but for rounding.",
    ] * workers
    assert (large.identity.options["max_frames"], large.score) == (9, small.score)
    parts = {path.name: path.read_bytes() for path in tmp_path.glob("small/fold-0/*/part-*.parquet")}
    assert parts == {path.name: path.read_bytes() for path in tmp_path.glob("large/fold-0/*/part-*.parquet")}


def test_out_of_memory_that_nothing_helps_against_is_told(source, tmp_path):  # noqa: F811
    method = {"method": f"{__name__}:Hungry", "options": {"least": "3"}}
    with pytest.raises(RunError, match=r"ran out of memory on the processor, video .*Tried to allocate.*--workers"):
        evaluate(source, tmp_path / "run", **method)
    with pytest.raises(RunError, match="every episode failed, the first with: Method 'reddish' ran out of memory"):
        evaluate(source, tmp_path / "going", RunOptions(keep_going=True), **method)


class TwoWordsError(Exception):
    """Does not survive pickling: its constructor takes other arguments than it hands on."""

    def __init__(self, one: str, two: str):
        super().__init__(f"{one} {two}")


class Speaks(Reddish):
    """Fails with an error of its own."""

    def segment(self, adapted, clip, expressions):
        raise TwoWordsError("lost", "words")


def test_an_error_that_no_pickle_holds_is_told(source, tmp_path):  # noqa: F811
    with pytest.raises(RuntimeError, match="TwoWordsError: lost words") as caught:
        evaluate(source, tmp_path / "run", RunOptions(workers=2), method=f"{__name__}:Speaks")
    assert any("in method 'reddish'" in note for note in caught.value.__notes__)


def test_an_engine_that_there_is_not_is_refused():
    with pytest.raises(RunError, match="no engine 'slurm'"), open_engine("slurm", 2):
        pass
