from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsbench
from fsbench.errors import PluginError
from fsbench.masks.rle import encode_masks
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Frames
from fsbench.methods import Judged
from fsbench.methods import MethodInfo
from fsbench.methods import whole_masks
from fsbench.methods.refining import _surest
from fsbench.methods.refining import refined
from fsbench.methods.registry import find_method
from fsbench.methods.registry import MethodFactory
from fsbench.splits.benchmark import open_benchmark
from fsbench.submissions.forms import open_submission
from tests.tiny import write_benchmark

FOLD = Fold("any", 0, ("dog",), ())
SIZE = (6, 9)


class Steps:
    """A tracker whose masks move one column to the right a frame, and one to the left on the way back."""

    info = MethodInfo("steps", "3", "one column a frame.", licence="MIT", trained_on=("steps",))

    def __init__(self, step: int = 1, dtype: str = "bool", device: str = "cpu") -> None:
        self.step, self.dtype, self.device = step, dtype, device

    def follow(self, clip: Clip, mask: np.ndarray, path: Sequence[int]) -> Iterator[np.ndarray]:
        for t in path[1:]:
            yield np.roll(mask, self.step * (t - path[0]), axis=1).astype(self.dtype)


class Stripe:
    """Finds a column in each frame: where it is right, the frame's number; it may say how sure it is."""

    info = MethodInfo("stripe", "2", "a column.", licence="MIT", trained_on=("stripes",), tuned_on=("dog",))

    def __init__(self, columns: str = "0123", sure: str = "") -> None:
        self.columns, self.sure = columns, sure

    def prepare(self, fold):
        self.num_parameters = 5

    def adapt(self, support):
        return None

    def segment(self, adapted, clip, expressions):
        masks = np.zeros((len(expressions), len(clip.frames), *clip.output_size), bool)
        for t, column in enumerate(self.columns):
            if column != "-":
                masks[:, t, 2:4, int(column)] = True
        sureness = np.array([[float(digit.replace("x", "inf")) for digit in self.sure]] * len(expressions))
        return Judged(masks, sureness) if self.sure else masks


class StripeInParts(Stripe):
    works_in_parts = True

    def segment(self, adapted, clip, expressions):
        result = super().segment(adapted, clip, expressions)
        for t in range(len(clip.frames)):
            if isinstance(result, Judged):
                yield Judged(result.masks[:, t : t + 1], result.sureness[:, t : t + 1])
            else:
                yield result[:, t : t + 1]


@pytest.fixture(autouse=True)
def trackers(monkeypatch):
    from fsbench.methods import refining

    there = {**refining.registered_trackers(), "steps": MethodFactory(f"{__name__}:Steps", "steps 1.0", "steps")}
    monkeypatch.setattr(refining, "registered_trackers", lambda: there)


def columns_of(kind, size=None, **options):
    """The column that is found in each frame, of the first of two sentences."""
    factory = refined(find_method(kind), "steps")
    method = factory.create(factory.resolve(options))
    method.prepare(FOLD)
    frames = np.zeros((4, *SIZE, 3), np.uint8)
    clip = Clip(Frames(frames.__getitem__, frames.shape) if factory.works_in_parts else frames, size)
    masks = whole_masks(method.segment(method.adapt(None), clip, ["it", "that"]))
    assert masks.shape == (2, 4, *(size or SIZE))
    assert np.array_equal(masks[0], masks[1])
    return ["".join(map(str, np.flatnonzero(mask.any(axis=0)))) for mask in masks[0]]


@pytest.mark.parametrize("kind", [Stripe, StripeInParts])
def test_the_surest_mask_is_carried_both_ways_and_kept_itself(kind):
    assert columns_of(kind, columns="0583", sure="0090") == ["6", "7", "8", "0"]
    assert columns_of(kind, columns="0583", sure="9000") == ["0", "1", "2", "3"]
    assert columns_of(kind, columns="0583", sure="0009") == ["0", "1", "2", "3"]
    assert columns_of(kind, columns="058-", sure="0009") == ["0", "1", "2", "3"], "an empty mask is never the surest"
    assert columns_of(kind, columns="----", sure="0009") == [""] * 4
    assert columns_of(kind, columns="----") == [""] * 4


def test_without_a_word_of_the_method_the_stablest_mask_is_the_surest():
    assert columns_of(Stripe, columns="0558") == ["4", "5", "6", "7"]
    assert columns_of(Stripe, columns="0855") == ["2", "3", "4", "5"]  # the last has one neighbour, of which it is sure


def test_masks_of_another_size_than_the_frames_are_carried_at_the_frames_size():
    assert columns_of(Stripe, size=(12, 9), columns="0-4-", sure="0010") == ["2", "3", "4", "5"]


@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=5),
    st.data(),
)
def test_the_surest_frame_equals_a_literal_search(rows, data):
    masks = np.array(rows).reshape(-1, 2, 3)
    sure = data.draw(st.just([]) | st.lists(st.integers(0, 3).map(float), min_size=len(rows), max_size=len(rows)))
    expected, best = None, -1.0
    for t, mask in enumerate(masks):
        beside = [masks[s] for s in (t - 1, t + 1) if 0 <= s < len(masks)]
        ious = [(mask & other).sum() / max((mask | other).sum(), 1) for other in beside]
        value = sure[t] if sure else np.mean(ious) if ious else 0.0
        if mask.any() and value > best:
            expected, best = t, value
    assert _surest(encode_masks(masks), sure, (2, 3)) == expected


def test_name_options_and_training_are_those_of_both():
    factory = refined(find_method(Stripe), "steps")
    assert factory.info == MethodInfo(
        "stripe+steps", "2+3", "a column. Refined: one column a frame.", "", "MIT", ("stripes", "steps"), ("dog",)
    )
    assert list(factory.options) == ["device", "columns", "sure", "refine_step", "refine_dtype"]
    assert factory.resolve({"refine_step": "2", "columns": "1"}) == {
        "device": "cpu",
        "columns": "1",
        "sure": "",
        "refine_step": 2,
        "refine_dtype": "bool",
    }
    assert columns_of(Stripe, columns="0---", refine_step="2") == ["0", "2", "4", "6"]
    method = factory.create({})
    method.prepare(FOLD)
    assert method.num_parameters == 5
    assert factory.source_sha256 not in (factory.method.source_sha256, factory.tracker.source_sha256)
    for wrong in ({"refine_speed": "1"}, {"speed": "1"}):
        with pytest.raises(PluginError, match="no option 'speed'"):
            factory.resolve(wrong)


def test_a_tracker_that_is_not_there_or_breaks_its_contract_is_an_error_that_says_so(monkeypatch):
    with pytest.raises(PluginError, match=r"no tracker 'flaw'.*flow"):
        refined(find_method(Stripe), "flaw")
    with pytest.raises(PluginError, match=r"Tracker 'steps' yielded uint8 \(6, 9\), expected bool \(6, 9\)"):
        columns_of(Stripe, refine_dtype="uint8")
    monkeypatch.delattr(Steps, "follow")
    with pytest.raises(PluginError, match=r"Steps without follow\(clip, mask, path\)"):
        columns_of(Stripe)


@pytest.mark.parametrize("sure", ["12", "9x99"])
def test_sureness_of_another_shape_or_kind_is_refused(sure):
    with pytest.raises(PluginError, match="says how sure it is by array float64"):
        columns_of(Stripe, sure=sure)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    base = tmp_path_factory.mktemp("refined")
    write_benchmark(base, {"dog": 3}, draws=2, frames=1)
    return open_benchmark("mini-ref-davis", base, base / "splits")


def tables(run):
    return {
        path.relative_to(run): path.read_bytes()
        for kind in ("predictions", "scores")
        for path in run.rglob(f"{kind}/*")
    }


def test_a_refined_run_is_a_method_s_of_its_own_and_the_same_with_any_number_of_workers(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = fsbench.evaluate("tests.tiny:Reddish", bench, refine="flow")
    ((folder, result),) = run.results.items()
    assert str(folder) == "runs/mini-ref-davis/reddish+flow/fold-0"
    assert result.identity.method.name == "reddish+flow"
    assert result.identity.options["refine_preset"] == "medium"
    fsbench.evaluate("tests.tiny:Reddish", bench, refine="flow", workers=2, out="two")
    assert tables(tmp_path / "two") == tables(folder.parent.resolve()) != {}
    plain = fsbench.evaluate("tests.tiny:Reddish", bench, out="plain")
    assert plain.to_frame()["J"].to_list() != run.to_frame()["J"].to_list()
    # What propagates its own masks again starts from the same frame, and comes to the same.
    again = fsbench.evaluate("masks", bench, options={"folder": str(tmp_path / "plain")}, refine="flow", out="again")
    assert again.to_frame()["J"].to_list() == run.to_frame()["J"].to_list()


def test_sentences_are_answered_with_refined_masks(bench, tmp_path):
    found = fsbench.predict("full-frame", tmp_path, "mini-ref-davis", bench.dataset.root.parent, refine="flow", limit=1)
    assert found.identity.method.name == "full-frame+flow"
    with open_submission(tmp_path) as masks:
        shares = {key.frame: masks.labels(key).mean() for key in masks.keys()}  # noqa: SIM118 - no mapping
    assert max(shares.values()) == 1
    assert min(shares.values()) < 1, "flow leads out of the frame"
