import itertools
import tracemalloc
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from fsbench.datasets import open_dataset
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.methods import Fold
from fsbench.methods import Frames
from fsbench.methods import MethodInfo
from fsbench.methods.registry import find_method
from fsbench.protocol import named_protocol
from fsbench.running.plan import DrawTask
from fsbench.running.plan import ShotTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup
from tests.tiny import PATCH_FRAMES
from tests.tiny import Patches
from tests.tiny import Reddish
from tests.tiny import write_dataset

FRAMES = 4
NAMES = tuple(f"{5 * t:05d}" for t in range(FRAMES))
ANNOTATED = {1: NAMES, 2: NAMES[1:]}
SENTENCES = ("the left dog", "the right dog", "both of them dog")
IDS = ("0", "1", "2")
OBJECTS = ((1,), (2,), (1, 2))
DIVISIONS = [steps for n in range(1, 5) for steps in itertools.product(range(1, 5), repeat=n) if sum(steps) == FRAMES]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "mini-ref-davis"
    return open_dataset("mini-ref-davis", write_dataset(root, {"dog": 2}))


def unit(draws=2):
    shots = (ShotTask("dog-0", (1,), SENTENCES[0], NAMES[:2], ANNOTATED),)
    tasks = [
        DrawTask(d, SupportTask(f"f0/dog/d{d}", shots), tuple(f"f0/dog/d{d}/dog-1/{n}" for n in range(3)))
        for d in range(draws)
    ]
    return Unit(0, "dog", "dog-1", NAMES, IDS, SENTENCES, OBJECTS, tuple(tasks), ANNOTATED)


def run(dataset, method, *, draws=2, protocol="standard", **setup):
    protocol = named_protocol(protocol) if isinstance(protocol, str) else protocol
    fold = Fold("mini-ref-davis", 0, ("dog",), ())
    return Worker(WorkerSetup(dataset, fold, find_method(method), {}, protocol, **setup)).run(unit(draws))


class InParts(Reddish):
    """The masks of `Reddish`, frame by frame, handed out by a division of the frames."""

    info = MethodInfo(name="in-parts", version="1", summary="what is red, in parts")
    works_in_parts = True

    def __init__(self, division=(1,) * FRAMES, as_tensors=False) -> None:
        super().__init__()
        self.division, self.as_tensors = division, as_tensors

    def segment(self, adapted, clip, expressions):
        assert isinstance(clip.frames, Frames)
        start = 0
        for step in self.division:
            part = _Part(clip.frames[start : start + step], clip.output_size)
            masks = super().segment(adapted, part, expressions)
            yield torch.from_numpy(masks) if self.as_tensors else masks
            start += step


class _Part:
    def __init__(self, frames, output_size):
        self.frames, self.output_size = frames, output_size

    def memo(self, key, compute):
        return compute()


INNER = replace(named_protocol("standard"), name="inner", frames="inner")


@pytest.mark.parametrize("protocol", ["standard", "released", INNER], ids=str)
@pytest.mark.parametrize("as_tensors", [False, True])
def test_masks_in_parts_give_the_rows_of_masks_that_come_whole(dataset, protocol, as_tensors):
    whole = run(dataset, Reddish(), protocol=protocol)
    assert whole.predictions.num_rows == 2 * 3 * FRAMES
    assert len(set(whole.predictions["counts"].to_pylist())) > FRAMES
    for division in DIVISIONS:
        parts = run(dataset, InParts(division, as_tensors), protocol=protocol)
        assert parts.predictions.equals(whole.predictions, check_metadata=True)
        assert parts.scores.equals(whole.scores, check_metadata=True)
        assert (parts.frames, parts.pixels) == (whole.frames, whole.pixels)


class Vandal(InParts):
    """Blackens what it is given, array or sequence, and says so in what it remembers."""

    seen: ClassVar[list[bytes]] = []

    def segment(self, adapted, clip, expressions):
        self.seen.append(np.asarray(clip.frames).tobytes())
        for t in range(len(clip.frames)):
            frame = clip.frames[t]
            frame[:] = 0
        yield from InParts.segment(self, adapted, clip, expressions)


def test_what_a_method_does_to_frames_that_it_read_reaches_no_other_draw_nor_itself(dataset):
    Vandal.seen.clear()
    result = run(dataset, Vandal(), draws=3)
    assert len(Vandal.seen) == 3
    assert len(set(Vandal.seen)) == 1
    assert result.predictions.equals(run(dataset, Reddish(), draws=3).predictions)


class OldStyle(Reddish):
    """A method as one was before videos came in parts: frames are an array, with all that arrays have."""

    info = MethodInfo(name="old-style", version="1", summary="what is red")

    def segment(self, adapted, clip, expressions):
        assert type(clip.frames) is np.ndarray
        assert clip.frames.flags.owndata
        assert clip.frames.flags.writeable
        shared = torch.from_numpy(clip.frames)
        assert shared.data_ptr() == clip.frames.ctypes.data
        clip.frames += 0
        assert abs(clip.frames.astype(np.float32).mean() - shared.float().mean()) < 1e-3
        assert len(clip.frames.tobytes()) == clip.frames.size == clip.frames.transpose(0, 3, 1, 2).copy().size
        return super().segment(adapted, clip, expressions)


def test_a_method_of_the_contract_before_runs_as_it_is(dataset):
    assert run(dataset, OldStyle()).scores.equals(run(dataset, Reddish()).scores)


class Wrong(InParts):
    """Goes wrong after a part, at one support draw of two."""

    info = MethodInfo(name="wrong", version="1", summary="goes wrong on its way")
    closed: ClassVar[list[str]] = []

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.calls = how, 0

    def segment(self, adapted, clip, expressions):
        self.calls += 1
        masks = np.concatenate(list(super().segment(adapted, clip, expressions)), axis=1)
        how = self.how if self.calls == 1 else "not"
        try:
            yield masks[:, :1]
            if how == "raise":
                raise ZeroDivisionError("of its own making")
            if how == "exit":
                raise SystemExit(3)
            yield {"few": masks[:, 2:], "size": masks[:, 1:, 1:], "none": None}.get(how, masks[:, 1:])
            if how == "many":
                yield masks[:, 1:]
        finally:
            self.closed.append(how)


WRONG = {
    "few": (PluginError, "Method 'wrong', video 'dog-1': yielded masks of 3 frames, expected the video's 4."),
    "many": (PluginError, "Method 'wrong', video 'dog-1': yielded masks of more than the video's 4 frames: 7 so far."),
    "size": (PluginError, "Method 'wrong', video 'dog-1': yielded array bool (3, 3, 23, 32), expected parts of "),
    "none": (PluginError, "Method 'wrong', video 'dog-1': yielded NoneType, expected parts of "),
    "raise": (ZeroDivisionError, "of its own making"),
    "exit": (PluginError, "Method 'wrong' tried to end the program (exit status 3)."),
}


@pytest.mark.parametrize("how", WRONG)
def test_parts_that_go_wrong_are_one_clear_line_and_what_was_done_before_and_after_stays(dataset, how):
    error, message = WRONG[how]
    Wrong.closed.clear()
    with pytest.raises(error) as raised:
        run(dataset, Wrong(how))
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    assert Wrong.closed == [how], "a method that is stopped may clean up at once"
    if how == "raise":
        assert "in method 'wrong', support set 'f0/dog/d0', video 'dog-1'" in raised.value.__notes__

    result = run(dataset, Wrong(how), keep_going=True)
    first, second = (task.episode_ids for task in unit().draws)
    assert set(result.failures) == set(first)
    assert all(message in text for text in result.failures.values())
    whole = run(dataset, Reddish())
    kept = [episode in second for episode in whole.predictions["episode_id"].to_pylist()]
    assert result.predictions.equals(whole.predictions.filter(kept))
    assert set(result.scores["episode_id"].to_pylist()) == set(second)
    assert result.frames == whole.frames / 2


class Fallible:
    """A dataset whose label map of the last frame cannot be read."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def label_map(self, video_id, name):
        if (video_id, name) == ("dog-1", NAMES[-1]):
            raise DataError("dog-1 is damaged")
        return self._dataset.label_map(video_id, name)


@pytest.mark.parametrize("method", [Reddish(), InParts()], ids=["whole", "parts"])
def test_truth_that_turns_out_damaged_after_the_first_part_leaves_no_row(dataset, method):
    with pytest.raises(DataError, match="dog-1 is damaged"):
        run(Fallible(dataset), method)
    result = run(Fallible(dataset), method, keep_going=True)
    assert result.failures == {e: "dog-1 is damaged" for task in unit().draws for e in task.episode_ids}
    assert (result.predictions.num_rows, result.scores.num_rows, result.frames) == (0, 0, 0)
    assert not result.pixels


class Grouped(Reddish):
    """Keeps how many sentences it was asked for at once."""

    info = MethodInfo(name="grouped", version="1", summary="what is red")
    asked: ClassVar[list[int]] = []

    def segment(self, adapted, clip, expressions):
        self.asked.append(len(expressions))
        masks = super().segment(adapted, clip, expressions)
        clip.frames[:] = 0
        return masks


@pytest.mark.parametrize(("masks_at_once", "groups"), [(3, [3]), (2.5, [2, 1]), (1, [1, 1, 1]), (0, [1, 1, 1])])
def test_sentences_come_in_groups_where_their_masks_would_be_too_many(dataset, masks_at_once, groups):
    Grouped.asked.clear()
    result = run(dataset, Grouped(), mask_limit=int(masks_at_once * FRAMES * 24 * 32))
    assert Grouped.asked == 2 * groups
    whole = run(dataset, Reddish())
    assert result.predictions.equals(whole.predictions)
    assert result.scores.equals(whole.scores)


def test_a_method_in_parts_gets_all_sentences(dataset):
    assert run(dataset, InParts(), mask_limit=0).scores.equals(run(dataset, Reddish()).scores)


class Large(Patches):
    """A video that would be large, if it were held: frames and label maps are made when they are asked for."""

    SIDE = 12

    def label_map(self, video_id, name):
        return np.kron(super().label_map(video_id, name[:5]), np.ones((self.SIDE, self.SIDE), np.uint8))

    @property
    def root(self):
        return "large"

    def fingerprint(self, video_id, names):
        return "same"


def test_memory_does_not_grow_with_the_video(monkeypatch):
    monkeypatch.setattr("fsbench.running.opening._KEPT_BYTES", 1 << 20)
    peaks = {}
    for length in (10, 60):
        names = tuple(f"{PATCH_FRAMES[t % 4]}-{t:03d}" for t in range(length))
        shots = (ShotTask("red-0", (1,), "it", names[:1], {1: names}),)
        draws = tuple(DrawTask(d, SupportTask(f"f0/red/d{d}", shots), ("a", "b")) for d in range(2))
        work = Unit(0, "red", "red-1", names, ("0", "1"), ("it", "that"), ((1,), (1,)), draws, {1: names})
        setup = WorkerSetup(
            Large(), Fold("large", 0, ("red",), ()), find_method("support-copy"), {}, named_protocol("standard")
        )
        worker = Worker(setup)
        tracemalloc.start()
        assert worker.run(work).predictions.num_rows == 4 * length
        peaks[length] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    frame = 24 * 32 * Large.SIDE**2
    assert peaks[60] - peaks[10] < frame, "50 frames more need not the room of one mask"
