"""Reading ahead of the method and scoring behind it: nothing of a run tells whether that was done."""

import json
import os
import threading
import time
import weakref
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fsbench.datasets import open_dataset
from fsbench.errors import DataError
from fsbench.methods import Fold
from fsbench.methods import Frames
from fsbench.methods import MethodInfo
from fsbench.methods.registry import find_method
from fsbench.protocol import named_protocol
from fsbench.running import opening
from fsbench.running.fold import RunOptions
from fsbench.running.plan import DrawTask
from fsbench.running.plan import ShotTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.predict import predict
from fsbench.running.predict import PredictionRequest
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup
from tests.forked import let_pools_fork
from tests.fsbench.running.test_fold import contents
from tests.fsbench.running.test_fold import damage
from tests.fsbench.running.test_fold import evaluate
from tests.fsbench.running.test_fold import place  # noqa: F401 - a fixture
from tests.fsbench.running.test_fold import source  # noqa: F401 - a fixture
from tests.fsbench.running.test_worker import InParts
from tests.tiny import PATCH_FRAMES
from tests.tiny import Patches
from tests.tiny import Reddish

PATIENCE_S = 10


class Alternating(InParts):
    """In parts, and as `Reddish` would; fails on what is named."""

    info = MethodInfo(name="alternating", version="1", summary="what is red")
    ignores_support = True

    def __init__(self, fails_on: str = "") -> None:
        super().__init__()
        self.fails_on = fails_on

    def adapt(self, support):
        return 1

    def segment(self, adapted, clip, expressions):
        for t, mask in enumerate(super().segment(adapted, clip, expressions)):
            if self.fails_on and t == 2 and self.fails_on in expressions[0]:
                raise ZeroDivisionError("of its own making")
            yield mask


METHODS = ["tests.tiny:Reddish", f"{__name__}:Alternating"]


def told(folder):
    """The lines of a run's timing, without what no two runs share."""
    lines = map(json.loads, (folder / "fold-0/timing.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in ("seconds", "peak_bytes")} for line in lines]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_has_the_same_bytes_however_far_is_read_ahead(source, tmp_path, method, monkeypatch):  # noqa: F811
    let_pools_fork(monkeypatch)
    for ahead in (0, 1, 9):
        evaluate(source, tmp_path / str(ahead), RunOptions(ahead=ahead), method=method)
    evaluate(source, tmp_path / "pool", RunOptions(ahead=1, workers=2), method=method)
    assert all(contents(tmp_path / name) == contents(tmp_path / "0") for name in ("1", "9", "pool"))
    assert told(tmp_path / "0") == told(tmp_path / "1") == told(tmp_path / "9")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["missing", "truncated", "size"])
def test_an_error_is_told_in_its_turn_once_all_before_is_kept(place, how, method):  # noqa: F811
    damage(place, how)
    messages, failures = [], []
    for ahead in (0, 1, 9):
        with pytest.raises(DataError) as raised:
            evaluate(place, f"stopped-{ahead}", RunOptions(ahead=ahead), method=method)
        messages.append(str(raised.value))
        evaluate(place, f"run-{ahead}", RunOptions(ahead=ahead, keep_going=True), method=method)
        failures.append((place / f"run-{ahead}/fold-0/failures.json").read_bytes())
        assert contents(place / f"stopped-{ahead}") == contents(place / "stopped-0")
        assert contents(place / f"run-{ahead}") == contents(place / "run-0")
    assert len(contents(place / "stopped-0")) > 1
    assert len(set(messages)) == len(set(failures)) == 1
    assert "dog-1" in messages[0]


def test_predictions_have_the_same_bytes(source, tmp_path):  # noqa: F811
    dataset = open_dataset("mini-ref-davis", source)
    for ahead in (0, 2):
        predict(PredictionRequest(f"{__name__}:Alternating", dataset), tmp_path / str(ahead), RunOptions(ahead=ahead))
    assert contents(tmp_path / "0") == contents(tmp_path / "2") != {}


def units(count, draws=1):
    """Videos of a class, cut from `Patches`, whose names say which of the count they are."""
    annotated = {1: PATCH_FRAMES}
    shots = (ShotTask("teal-0", (1,), "it", PATCH_FRAMES[:1], annotated),)
    for n in range(count):
        tasks = [DrawTask(d, SupportTask(f"f0/red/d{d}", shots), (f"{n}/{d}",)) for d in range(draws)]
        yield Unit(n, "red", f"red-{n}", PATCH_FRAMES, ("0",), (f"patch {n}",), ((1,),), tuple(tasks), annotated)


class Watched(Patches):
    """Calls what a test wants to know of or to hold up."""

    root = "watched"

    def frame(self, video_id, name):
        Hooks.on_frame(video_id, name)
        return Patches().frame(f"red-{int(video_id[4:]) % 3}", name)

    def label_map(self, video_id, name):
        if video_id.startswith("red"):
            Hooks.on_labels(video_id, name)
        return Patches().label_map(f"red-{int(video_id[4:]) % 3}", name)

    def fingerprint(self, video_id, names):
        return "same"


class Hooks:
    on_frame: ClassVar = staticmethod(lambda video_id, name: None)
    on_labels: ClassVar = staticmethod(lambda video_id, name: None)
    on_segment: ClassVar = staticmethod(lambda sentence: None)


class Hooked(Reddish):
    info = MethodInfo(name="hooked", version="1", summary="what is red")

    def segment(self, adapted, clip, expressions):
        Hooks.on_segment(expressions[0])
        return Reddish.segment(self, adapted, clip, expressions)


class HookedParts(Hooked):
    works_in_parts = True

    def segment(self, adapted, clip, expressions):
        assert isinstance(clip.frames, Frames)
        Hooks.on_segment(expressions[0])
        masks = Reddish.segment(self, adapted, clip, expressions)
        for t in range(masks.shape[1]):
            yield masks[:, t : t + 1]


def work(ahead, method=Hooked, *, count=5, draws=1, keep=None, **setup):
    """Does units; returns what was kept, and the error that was raised."""
    kept, error = [], None
    settings = WorkerSetup(
        Watched(),
        Fold("w", 0, ("red",), ()),
        find_method(method()),
        {},
        named_protocol("standard"),
        ahead=ahead,
        **setup,
    )
    try:
        for _ in Worker(settings).run_all(units(count, draws), keep or kept.append):
            pass
    except Exception as raised:
        error = raised
    return kept, error


@pytest.fixture(autouse=True)
def _hooks(monkeypatch):
    monkeypatch.setattr(Hooks, "on_frame", Hooks.on_frame)
    monkeypatch.setattr(Hooks, "on_labels", Hooks.on_labels)
    monkeypatch.setattr(Hooks, "on_segment", Hooks.on_segment)


@pytest.mark.parametrize("method", [Hooked, HookedParts])
def test_the_next_video_is_read_and_the_last_one_scored_and_kept_while_the_method_works(method):
    read, scored, kept = ([threading.Event() for _ in range(5)] for _ in range(3))
    Hooks.on_frame = staticmethod(lambda video_id, name: read[int(video_id[4:])].set())
    Hooks.on_labels = staticmethod(lambda video_id, name: scored[int(video_id[4:])].set())
    seen = []

    def in_method(sentence):
        n = int(sentence.split()[1])
        seen.append((n == 4 or read[n + 1].wait(PATIENCE_S), n == 0 or kept[n - 1].wait(PATIENCE_S)))

    Hooks.on_segment = staticmethod(in_method)
    assert work(1, method, keep=lambda result: kept[result.number].set()) == ([], None)
    assert seen == [(True, True)] * 5
    assert all(event.is_set() for event in scored)


def test_without_reading_ahead_one_thing_is_done_after_the_other():
    order = []
    Hooks.on_frame = staticmethod(lambda video_id, name: order.append((int(video_id[4:]), "read")))
    Hooks.on_segment = staticmethod(lambda sentence: order.append((int(sentence.split()[1]), "method")))
    work(0, keep=lambda result: order.append((result.number, "kept")))
    assert [step for step in dict.fromkeys(order) if step[0]] == [
        (n, step) for n in range(1, 5) for step in ("read", "method", "kept")
    ]


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_no_more_videos_are_held_than_is_said(ahead, monkeypatch):
    opened, masks_of = weakref.WeakSet(), weakref.WeakKeyDictionary()
    most, scored = [0, 0], threading.Semaphore(0)

    class Counted(opening.OpenQuery):
        def __new__(cls, *args):
            new = super().__new__(cls)
            opened.add(new)
            return new

    class Masks(Hooked):
        def segment(self, adapted, clip, expressions):
            n = int(expressions[0].split()[1])
            deadline = time.monotonic() + PATIENCE_S
            while len(opened) < min(ahead + 1, 6 - n) and time.monotonic() < deadline:
                time.sleep(0.001)  # till all is read that will be
            masks = super().segment(adapted, clip, expressions)
            masks_of[Holder(masks)] = n
            most[:] = max(most[0], len(opened)), max(most[1], len(set(masks_of.values())))
            if n:
                scored.release()  # only now those of the video before are scored
            return masks

    class Holder:
        def __init__(self, array):
            weakref.finalize(array, alive.discard, self)
            alive.add(self)

    alive = set()
    if ahead:
        Hooks.on_labels = staticmethod(lambda video_id, name: name == PATCH_FRAMES[0] and scored.acquire(timeout=0.2))
    monkeypatch.setattr(opening, "OpenQuery", Counted)
    kept, error = work(ahead, Masks, count=6)
    assert (len(kept), error) == (6, None)
    assert most == [ahead + 1, 2 if ahead else 1]


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("keep_going", [False, True])
def test_the_first_error_in_the_order_of_the_work_is_told_even_if_it_comes_last(ahead, keep_going):
    failed = threading.Event()

    def on_labels(video_id, name):
        if video_id == "red-2":
            if ahead:
                failed.wait(PATIENCE_S)
            raise DataError("labels of red-2 are damaged")

    def in_method(sentence):
        if sentence == "patch 3":
            failed.set()
            raise ZeroDivisionError("of its own making")

    Hooks.on_labels, Hooks.on_segment = staticmethod(on_labels), staticmethod(in_method)
    kept, error = work(ahead, keep_going=keep_going)
    if keep_going:
        assert error is None
        assert [result.failures for result in kept] == [
            {},
            {},
            {"2/0": "labels of red-2 are damaged"},
            {"3/0": "ZeroDivisionError: of its own making"},
            {},
        ]
    else:
        assert str(error) == "labels of red-2 are damaged"
        assert [result.number for result in kept] == [0, 1]


@pytest.mark.parametrize("ahead", [0, 2])
def test_nothing_is_kept_after_an_error_in_keeping(ahead):
    kept = []

    def keep(result):
        if result.number == 2:
            raise OSError("the disk is full")
        kept.append(result.number)

    _, error = work(ahead, keep=keep)
    assert str(error) == "the disk is full"
    assert kept == [0, 1]


@pytest.mark.parametrize("ahead", [0, 1])
def test_what_cannot_be_read_ahead_is_read_in_its_turn(ahead):
    tries, tried = [], threading.Event()

    def on_frame(video_id, name):
        if video_id == "red-3":
            tries.append(threading.current_thread() is threading.main_thread())
            tried.set()
            if not tries[-1]:
                raise DataError("not from here")

    Hooks.on_frame = staticmethod(on_frame)
    if ahead:
        Hooks.on_segment = staticmethod(lambda sentence: sentence == "patch 2" and tried.wait(PATIENCE_S))
    kept, error = work(ahead)
    assert (len(kept), error) == (5, None)
    assert all(tries) is not bool(ahead)


class Reuses(Hooked):
    """Gives the same array again and again; so it may, once it is asked for the next masks."""

    def segment(self, adapted, clip, expressions):
        masks = super().segment(adapted, clip, expressions)
        if not hasattr(self, "masks"):
            self.masks = np.empty_like(masks)
        self.masks[:] = masks
        return self.masks


class ReusesView(Reuses):
    def segment(self, adapted, clip, expressions):
        return super().segment(adapted, clip, expressions)[:]


@pytest.mark.parametrize("method", [Reuses, ReusesView])
def test_masks_that_a_method_writes_over_are_taken_in_before(method):
    Hooks.on_labels = staticmethod(lambda video_id, name: time.sleep(0.002))
    kept, _ = work(1, method, draws=3)
    expected, _ = work(0, Hooked, draws=3)
    assert [r.predictions for r in kept] == [r.predictions for r in expected]
    assert [r.scores for r in kept] == [r.scores for r in expected]


class Wanders(Alternating):
    """Works in another folder."""

    info = MethodInfo(name="wanders", version="1", summary="what is red")

    def segment(self, adapted, clip, expressions):
        for part in super().segment(adapted, clip, expressions):
            os.chdir("/")
            time.sleep(0.002)
            assert Path.cwd() == Path("/")
            os.chdir(Path("/tmp"))
            yield part


def test_a_method_in_another_folder_keeps_nobody_from_finding_the_way(source, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(source)
    evaluate(Path(), Path(os.path.relpath(tmp_path / "run")), RunOptions(ahead=1), method=f"{__name__}:Wanders")
    evaluate(source, tmp_path / "whole", RunOptions(ahead=0), method=f"{__name__}:Alternating")
    wandered, whole = contents(tmp_path / "run"), contents(tmp_path / "whole")
    assert {path: of for path, of in wandered.items() if "predictions" in path.parts} == {
        path: of for path, of in whole.items() if "predictions" in path.parts
    }
    assert Path.cwd() == source.resolve()


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("method", [Hooked, HookedParts])
def test_time_in_the_method_is_without_reading_scoring_and_keeping(ahead, method, monkeypatch):
    clock = threading.local()

    def tick(seconds):
        clock.now = getattr(clock, "now", 0.0) + seconds

    def now():
        tick(0)
        return clock.now

    monkeypatch.setattr(time, "perf_counter", now)
    Hooks.on_frame = staticmethod(lambda video_id, name: tick(100))
    Hooks.on_labels = staticmethod(lambda video_id, name: tick(1000))
    Hooks.on_segment = staticmethod(lambda sentence: tick(1))
    kept, _ = work(ahead, method, draws=2)
    assert [result.seconds for result in kept] == [2.0] * 5


def test_a_video_is_read_ahead_where_that_takes_nothing_from_the_method(source, monkeypatch):  # noqa: F811
    dataset = open_dataset("mini-ref-davis", source)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for options, run, expected in [
        ({}, RunOptions(), 1),
        ({}, RunOptions(workers=4), 0),
        ({"device": "cpu"}, RunOptions(workers=4), 0),
        ({"device": "cuda"}, RunOptions(workers=4), 1),
        ({"device": "cuda:1"}, RunOptions(engine="ray"), 1),
        ({"device": "cpu"}, RunOptions(engine="ray"), 0),
        ({}, RunOptions(ahead=3, workers=4), 3),
        ({"device": "cuda"}, RunOptions(ahead=0), 0),
    ]:
        assert run.videos_ahead(dataset, options) == expected
    assert RunOptions().videos_ahead(Patches(), {"device": "cuda"}) == 0
    assert RunOptions(ahead=1).videos_ahead(Patches(), {}) == 1
