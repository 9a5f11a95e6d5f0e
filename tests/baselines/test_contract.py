"""What the contract asks of every method, held against all that this repository registers."""

import configparser
import gc
import warnings
from types import FunctionType
from typing import Any
from typing import ClassVar

import numpy as np
import pytest
import torch

from fsbench.datasets import open_dataset
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Frames
from fsbench.methods import Judged
from fsbench.methods import MethodInfo
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.methods.registry import find_method
from fsbench.methods.registry import MethodFactory
from fsbench.protocol import named_protocol
from fsbench.running.plan import DrawTask
from fsbench.running.plan import ShotTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup
from tests.baselines.method_samples import SAMPLES
from tests.conftest import ROOT
from tests.tiny import write_dataset

FOLD = Fold("mini-ref-shapes", 1, ("dog",), ("cat",))
SENTENCES = ("the left dog", "a big cat", "the dog on the right")
HEADINGS = ("Paper", "Licence", "Training data", "How it runs here", "What was verified here")


def registered() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["fsbench.methods"].split("\n")
    return [line.partition("=")[0].strip() for line in lines if line.strip()]


RECALLING = ("masks",)  # which have their masks already, and see nothing; tests/baselines/test_recalled.py is theirs
ORACLES = ("oracle-class", "oracle-sentence")  # which are given the truth; tests/baselines/test_oracles.py is theirs
METHODS = [name for name in registered() if name not in (*RECALLING, *ORACLES)]
WHOLE = ("sam3",)  # which holds a video whole
IGNORING = ("empty", "full-frame", "clipseg", "grounded-sam2", "mllm-sam2", "sam3", "referformer")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Options of a method by its name, made once."""
    made: dict[str, dict[str, Any]] = {}

    def of(name):
        if name not in made:
            made[name] = SAMPLES[name](tmp_path_factory.mktemp(name))
        return made[name]

    return of


@pytest.fixture(scope="module")
def make(options):
    """A method that is prepared; a new one with `new`, else the one of this module."""
    made = {}

    def of(name, *, new=False):
        if new or name not in made:
            method = find_method(name).create(options(name))
            method.prepare(FOLD)
            if new:
                return method
            made[name] = method
        return made[name]

    return of


@pytest.fixture(scope="module")
def second(make):
    """Another instance of a method, made once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = make(name, new=True)
        return made[name]

    return of


@pytest.fixture(scope="module")
def alone(make):
    """The masks of all sentences on a clip of their own, by the seed of the support set; found once."""
    found = {}

    def of(name, seed=2):
        if (name, seed) not in found:
            method = make(name)
            found[name, seed] = whole_masks(method.segment(method.adapt(support(seed=seed)), clip(), SENTENCES))
        return found[name, seed]

    return of


@pytest.fixture(scope="module", params=METHODS)
def name(request) -> str:
    return request.param


def pixels(frames, height, width, *, seed):
    """A bright rectangle that moves over noise: uint8 [T, H, W, 3] and bool [T, H, W], read-only."""
    noise = np.random.default_rng(seed).integers(0, 120, (frames, height, width, 3), np.uint8)
    masks = np.zeros((frames, height, width), bool)
    for t in range(frames):
        masks[t, 4 + t : height // 2 + t, 6 + 2 * t : width // 2 + 2 * t] = True
    noise[masks] = (250, 220, 40)
    noise.flags.writeable = masks.flags.writeable = False
    return noise, masks


def clip(frames=3, *, size=None):
    return Clip(pixels(frames, 32, 44, seed=1)[0], size)


def support(*sizes, seed=2, frames=2):
    shots = (pixels(frames, *size, seed=seed + n) for n, size in enumerate(sizes or [(32, 44)]))
    return Support(tuple(Shot(*shot, "the dog") for shot in shots))


def empty_support():
    (shot,) = support().shots
    nothing = np.zeros_like(shot.masks)
    nothing.flags.writeable = False
    return Support((Shot(shot.frames, nothing, shot.sentence),))


def test_every_registered_method_can_be_tried_here():
    missing = set(METHODS) - set(SAMPLES)
    assert not missing, f"tests/baselines/method_samples.py has no line for {sorted(missing)}"
    assert set(SAMPLES) <= set(METHODS)


@pytest.mark.parametrize("name", IGNORING)
def test_a_method_that_says_that_it_ignores_the_support_gives_the_same_masks_without_one(name, make, alone):
    method = make(name)
    np.testing.assert_array_equal(
        whole_masks(method.segment(method.adapt(Support(())), clip(), SENTENCES)), alone(name)
    )


def test_no_other_method_says_so():
    assert {name for name in METHODS if find_method(name).ignores_support} == set(IGNORING)


def test_no_method_but_those_that_recall_masks_is_told_whose_are_asked_for():
    assert {name for name in registered() if find_method(name).recalls_masks} == set(RECALLING)
    assert {name for name in registered() if find_method(name).reads_truth} == set(ORACLES)


def test_masks_have_shape_and_type_of_the_contract(name, make):
    method = make(name)
    adapted = method.adapt(support())
    for frames, size, sentences in ((3, None, SENTENCES), (1, (40, 55), SENTENCES[:1])):
        masks = whole_masks(method.segment(adapted, clip(frames, size=size), sentences))
        assert masks.shape == (len(sentences), frames, *(size or (32, 44)))
        assert masks.dtype == np.bool_


def test_two_calls_and_two_instances_give_the_same_masks(name, make, second, alone):
    expected = alone(name)
    for place, each in enumerate((make(name), second(name))):
        torch.manual_seed(place)  # whatever else a process draws must not matter
        assert np.array_equal(whole_masks(each.segment(each.adapt(support()), clip(), SENTENCES)), expected)


def test_a_sentence_gives_the_same_masks_in_any_company_and_order(name, make, alone):
    method = make(name)
    adapted = method.adapt(support())
    together = alone(name)
    assert np.array_equal(together[::-1], whole_masks(method.segment(adapted, clip(), SENTENCES[::-1])))
    for sentence, masks in zip(SENTENCES, together, strict=True):
        assert np.array_equal(whole_masks(method.segment(adapted, clip(), [sentence]))[0], masks)


def test_draws_that_share_a_clip_give_what_each_gives_alone(name, make, alone):
    method = make(name)
    draws = {seed: method.adapt(support(seed=seed)) for seed in (2, 7)}
    shared, forgetful = clip(), Clip(clip().frames, memo_limit=0)
    for seed in (2, 7, 2):
        assert np.array_equal(whole_masks(method.segment(draws[seed], shared, SENTENCES)), alone(name, seed))
        assert np.array_equal(whole_masks(method.segment(draws[seed], forgetful, SENTENCES)), alone(name, seed))


def test_what_was_learnt_from_one_support_set_does_not_reach_another(name, second, alone):
    method = second(name)
    first = method.adapt(support(seed=2))
    assert np.array_equal(whole_masks(method.segment(method.adapt(support(seed=7)), clip(), SENTENCES)), alone(name, 7))
    assert np.array_equal(whole_masks(method.segment(first, clip(), SENTENCES)), alone(name, 2))


def test_empty_masks_shots_of_several_sizes_and_long_sentences_are_no_trouble(name, make):
    method = make(name)
    long = "the dog that runs " * 200
    for given in (empty_support(), support((32, 44), (48, 40)), support(frames=1)):
        masks = whole_masks(method.segment(method.adapt(given), clip(1), [long, "dog"]))
        assert masks.shape == (2, 1, 32, 44)


class Reels(Frames):
    """Frames of an array, and how many were read at once."""

    def __init__(self, array):
        super().__init__(array.__getitem__, array.shape)
        self.at_once = [0]

    def __getitem__(self, index):
        found = super().__getitem__(index)
        self.at_once.append(len(found) if found.ndim == 4 else 1)
        return found


def test_all_but_the_one_that_the_guide_names_work_in_parts():
    assert {name for name in METHODS if not find_method(name).works_in_parts} == set(WHOLE)
    assert "of those that ship, `sam3` and `oracle-sentence`\nhold a video whole" in (
        ROOT / "docs/guides/my-method.md"
    ).read_text(encoding="utf-8")
    assert not find_method("oracle-sentence").works_in_parts


@pytest.mark.parametrize("name", [name for name in METHODS if name not in WHOLE])
def test_a_method_in_parts_gives_of_frames_that_are_read_the_masks_of_frames_that_are_held(name, make):
    held = pixels(11, 32, 44, seed=1)[0]
    reels = Reels(held)
    method = make(name)
    adapted = method.adapt(support())
    yielded = method.segment(adapted, Clip(reels), SENTENCES[:2])
    parts = [part.masks if isinstance(part, Judged) else part for part in yielded]
    expected = whole_masks(method.segment(adapted, Clip(held), SENTENCES[:2]))
    assert np.array_equal(np.concatenate(parts, axis=1), expected)
    assert max(reels.at_once) < len(held), "all frames were read at once"
    owned = [part for part in parts if 0 not in part.strides[:2]]
    assert max((part.shape[1] for part in owned), default=0) < len(held), "all masks were held at once"


class Watched:
    """Keeps what the harness gives to a method."""

    info = MethodInfo(name="watched", version="1", summary="keeps what it is given")
    works_in_parts = False
    given: ClassVar[list[Any]] = []

    def prepare(self, fold):
        self.given.append(fold)

    def adapt(self, support):
        self.given.append(support)

    def segment(self, adapted, clip, expressions):
        self.given += [clip, expressions]
        return np.zeros((len(expressions), len(clip.frames), *clip.output_size), bool)


def arrays_within(things):
    """All arrays that can be reached from things, classes, modules and what these have left out."""
    seen, todo, found = set(), list(things), []
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType):  # its globals are a module's
            todo += thing.__closure__ or ()
            continue
        if isinstance(thing, np.ndarray):
            found.append(thing)
            todo += [] if thing.base is None else [thing.base]
        todo += gc.get_referents(thing)
    return found


class WatchedReader(Watched):
    """Reads its frames, and yields parts."""

    works_in_parts = True

    def segment(self, adapted, clip, expressions):
        masks = super().segment(adapted, clip, expressions)
        for t, _ in enumerate(clip.frames):
            yield masks[:, t : t + 1]


@pytest.mark.parametrize("method", ["Watched", "WatchedReader"])
def test_no_ground_truth_of_a_query_can_be_reached_from_what_a_method_gets(tmp_path, method):
    dataset = open_dataset("mini-ref-davis", write_dataset(tmp_path / "mini-ref-davis", {"dog": 2}))
    names = tuple(f"{5 * t:05d}" for t in range(4))
    annotated = {1: names, 2: names[1:]}
    shots = (ShotTask("dog-0", (1,), "the left dog", names[:2], annotated),)
    draws = tuple(DrawTask(d, SupportTask(f"f0/dog/d{d}", shots), (f"f0/dog/d{d}/dog-1/1",)) for d in range(2))
    unit = Unit(0, "dog", "dog-1", names, ("1",), ("the right dog",), ((2,),), draws, annotated)
    Watched.given.clear()
    factory = MethodFactory(f"{__name__}:{method}", "")
    Worker(WorkerSetup(dataset, FOLD, factory, {}, named_protocol("standard"))).run(unit)
    supports = [thing.shots[0] for thing in Watched.given if isinstance(thing, Support)]
    queries = [thing for thing in Watched.given if isinstance(thing, Clip)]
    assert len(supports) == len(queries) == 2
    assert all(query.frames.shape == (4, 24, 32, 3) for query in queries)
    reached = arrays_within(Watched.given)
    shown = [array for shot in supports for array in (shot.frames, shot.masks)]
    others = [array for array in reached if not any(np.shares_memory(array, one) for one in shown)]
    pictures = {dataset.frame("dog-1", name).tobytes() for name in names}
    assert {frame.tobytes() for array in others for frame in array.reshape(-1, 24, 32, 3)} == pictures


class Torchy(Watched):
    """Works on tensors that share the frames, writes into them, and returns a tensor."""

    info = MethodInfo(name="torchy", version="1", summary="works with torch, in place")
    seen: ClassVar[list[bytes]] = []

    def adapt(self, support):
        torch.from_numpy(support.shots[0].frames).zero_()

    def segment(self, adapted, clip, expressions):
        self.seen.append(clip.frames.tobytes())
        frames = torch.from_numpy(clip.frames)
        blue = frames[..., 2] > frames[..., 0]
        frames.zero_()
        return blue.expand(len(expressions), *blue.shape)


def test_frames_reach_torch_without_a_warning_and_what_is_done_to_them_reaches_no_other_draw(tmp_path):
    root = write_dataset(tmp_path / "mini-ref-davis", {"dog": 2})
    names = tuple(f"{5 * t:05d}" for t in range(4))
    annotated = {1: names, 2: names[1:]}
    shots = (ShotTask("dog-0", (1,), "the left dog", names[:2], annotated),)
    draws = tuple(DrawTask(d, SupportTask(f"f0/dog/d{d}", shots), (f"episode {d}",)) for d in range(3))
    unit = Unit(0, "dog", "dog-1", names, ("1",), ("the right dog",), ((2,),), draws, annotated)
    protocol = named_protocol("standard")
    factory = MethodFactory(f"{__name__}:Torchy", "")
    Torchy.seen.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = Worker(WorkerSetup(open_dataset("mini-ref-davis", root), FOLD, factory, {}, protocol)).run(unit)
    assert result.predictions.num_rows == 12
    assert len(Torchy.seen) == 3
    assert len(set(Torchy.seen)) == 1


def test_every_registered_method_has_a_card():
    for name in registered():
        package = "cma" if find_method(name).target.startswith("fsbench_cma") else "baselines"
        module = find_method(name).target.partition(":")[0].rpartition(".")[2]
        card = module if module in ("floors", "oracles") else name
        text = (ROOT / package / "cards" / f"{card}.md").read_text(encoding="utf-8")
        assert f"`{name}`" in text, f"{card}.md does not name {name}"
        lines = text.splitlines()
        for heading in HEADINGS:
            assert f"## {heading}" in lines, f"{card}.md has no heading {heading}"
