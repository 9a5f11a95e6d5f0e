import numpy as np
import pytest
import torch
from torch.nn import functional

from fsbench.masks.rle import decode_masks
from fsbench.methods import Clip
from fsbench_baselines.hub.declarations import SAM2_TRACKER
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.following import Memory
from fsbench_baselines.hub.following import Prompt
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import SAM3
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from tests.baselines.test_contract import pixels

LENGTH = 9  # frames; the tiny models look back over 3
FRAMES, MASKS = pixels(LENGTH, 40, 44, seed=1)


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module", params=["sam2", "sam3"])
def segmenter(request, models):
    family, folder = {"sam2": (SAM2, models / "grounded" / "tracker"), "sam3": (SAM3, models / "sam3")}[request.param]
    return Segmenter(family, folder, torch.device("cpu"), torch.float32)


def shown(segmenter, masks=MASKS, frames=range(3)):
    memory = Memory(segmenter)
    for t in frames:
        memory.show(segmenter.see(FRAMES[t]), masks[t])
    return memory


def followed(segmenter, memory, frames=range(3, LENGTH)):
    return torch.stack([memory.find(segmenter.see(FRAMES[t])).logits for t in frames])


def library(segmenter, prompts, path, *, reverse=False):
    """The logits of the frames of a path, by the library's own session, which holds the video."""
    side, family = segmenter.side, segmenter.family
    video = normalised(FRAMES, (side, side), family.pixels)
    session = family.session(video=video, video_height=side, video_width=side, dtype=torch.float32)
    index = session.obj_id_to_idx(1)
    for t in prompts:
        whole = torch.tensor(MASKS[t])[None, None].float()
        mask = functional.interpolate(whole, (side, side), mode="bilinear", antialias=True) >= 0.5
        session.add_mask_inputs(index, t, mask.float())
        session.obj_with_new_inputs = [1]
        segmenter.model(inference_session=session, frame_idx=t)
    outputs = segmenter.model.propagate_in_video_iterator(session, start_frame_idx=path[0], reverse=reverse)
    return torch.stack([found.pred_masks[0, 0] for found in outputs])[: len(path)]


def test_an_object_is_followed_as_by_the_library_s_own_session(segmenter):
    ours = followed(segmenter, shown(segmenter))
    assert torch.equal(ours, library(segmenter, range(3), range(3, LENGTH)))
    assert not torch.equal(ours[0], ours[1])


def test_going_back_is_as_the_library_goes_back(segmenter):
    back = range(LENGTH - 2, -1, -1)
    ours = followed(segmenter, shown(segmenter, frames=[LENGTH - 1]), back)
    assert torch.equal(ours, library(segmenter, [LENGTH - 1], [LENGTH - 1, *back], reverse=True)[1:])


def test_every_mask_that_is_shown_counts(segmenter):
    def first(masks):
        return followed(segmenter, shown(segmenter, masks, frames=range(6)), [6])

    plain = first(MASKS)
    for t in range(6):
        other = MASKS.copy()
        other[t] = np.roll(MASKS[t], 20, axis=1)
        assert not torch.equal(first(other), plain), t


def test_what_is_found_does_not_depend_on_how_many_frames_come_after(segmenter):
    memory = shown(segmenter)
    whole = followed(segmenter, memory.copy())
    for stop in (4, 6):
        assert torch.equal(followed(segmenter, memory.copy(), range(3, stop)), whole[: stop - 3])


BOX = Prompt(torch.tensor([[0.1, 0.2], [0.6, 0.7]]), torch.tensor([2, 3]))
POINT = Prompt(torch.tensor([[0.5, 0.25]]), torch.tensor([1]))


def masks(coded):
    return decode_masks([each.mask for each in coded], 40, 44)


def test_what_is_pointed_at_is_followed_both_ways_as_by_the_library_s_own_session(segmenter):
    side, family = segmenter.side, segmenter.family
    video = normalised(FRAMES, (side, side), family.pixels)
    expected = {}
    for reverse in (True, False):
        session = family.session(video=video, video_height=side, video_width=side, dtype=torch.float32)
        box = {"point_coords": (BOX.points * side)[None, None], "point_labels": BOX.labels[None, None].int()}
        session.add_point_inputs(session.obj_id_to_idx(1), 4, box)
        session.obj_with_new_inputs = [1]
        segmenter.model(inference_session=session, frame_idx=4)
        for found in segmenter.model.propagate_in_video_iterator(session, start_frame_idx=4, reverse=reverse):
            expected[found.frame_idx] = masks_from(found.pred_masks[:, 0], (40, 44), 0.0)[0]
    coded = follow(segmenter, Clip(FRAMES), {4: BOX})
    np.testing.assert_array_equal(masks(coded), [expected[t] for t in range(LENGTH)])
    assert len({each.score for each in coded}) > 1


def test_a_later_prompt_is_used_in_its_frame_and_from_there_on(segmenter):
    once, twice = (follow(segmenter, Clip(FRAMES), prompts) for prompts in ({2: BOX}, {2: BOX, 5: POINT}))
    assert once[:5] == twice[:5]
    alone = Memory(segmenter).point(segmenter.see(FRAMES[5]), POINT)
    np.testing.assert_array_equal(masks(twice)[5], masks_from(alone.logits[None], (40, 44), 0.0)[0])
    assert once[6].score != twice[6].score


def test_half_precision_does_not_round_what_is_pointed_at(models):
    half = Segmenter(SAM2, models / "grounded" / "tracker", torch.device("cpu"), torch.bfloat16)
    seen = half.see(FRAMES[0])
    points = [Prompt(torch.tensor([[0.5 + part, 0.5]]), torch.tensor([1])) for part in (0.008, 0.009)]
    one, other = (Memory(half).point(seen, point).logits for point in points)  # both are 32.5 in bfloat16
    assert not torch.equal(one, other)


def test_without_a_prompt_nothing_is_found(segmenter):
    assert not masks(follow(segmenter, Clip(FRAMES), {})).any()


def sizes(thing, seen):
    """The numbers of bytes of all tensors, and of all entries of containers, that a thing holds."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        return thing.nbytes
    held = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple) else None
    if held is None:
        held = vars(thing).values() if type(thing).__module__.startswith("transformers.models") else ()
    return sum(sizes(each, seen) for each in held) + len(held)


def test_memory_does_not_grow_with_the_frames(segmenter):
    memory, seen = shown(segmenter), segmenter.see(FRAMES[4])
    held = []
    for _ in range(24):
        memory.find(seen)
        held.append(sizes(memory._session, set()))
    assert held[0] > 10_000
    assert len(set(held[4:])) == 1


def test_following_from_a_copy_leaves_the_memory_as_it_was(segmenter):
    memory = shown(segmenter)
    first = followed(segmenter, memory.copy())
    assert torch.equal(followed(segmenter, memory.copy()), first)


@pytest.mark.parametrize("shape", [(40, 44), (700, 900)])
def test_a_line_of_one_pixel_is_shown_whatever_the_model_s_side(segmenter, shape):
    mask = np.zeros(shape, bool)
    mask[:, shape[1] // 2] = True
    memory = Memory(segmenter)
    memory.show(segmenter.see(FRAMES[0]), mask)
    (output,) = memory._session.output_dict_per_obj[0]["cond_frame_outputs"].values()
    assert bool((output["object_score_logits"] > 0).all())


def test_the_features_of_a_clip_s_frame_are_computed_once(segmenter):
    clip = Clip(FRAMES)
    first = segmenter.see_in(clip, 2)
    assert segmenter.see_in(clip, 2) is first
    assert all(map(torch.equal, first, segmenter.see(FRAMES[2])))
    assert segmenter.see_in(clip, 3) is not first


@pytest.fixture(scope="module")
def tracker(models):
    return SAM2_TRACKER(checkpoint=models / "grounded" / "tracker", device="cpu")


@pytest.mark.parametrize("path", [range(2, LENGTH), range(4, -1, -1), [3]])
def test_the_tracker_follows_a_mask_along_a_path(tracker, path):
    found = list(tracker.follow(Clip(FRAMES), MASKS[path[0]], path))
    memory = shown(tracker.segmenter, frames=path[:1])
    expected = [followed(tracker.segmenter, memory, [t]) for t in path[1:]]
    np.testing.assert_array_equal(found, [masks_from(logits, (40, 44), 0.0)[0] for logits in expected])


def test_the_tracker_follows_an_empty_mask_nowhere_and_remembers_nothing(tracker):
    first = list(tracker.follow(Clip(FRAMES), MASKS[0], range(4)))
    assert not np.any(list(tracker.follow(Clip(FRAMES), np.zeros((40, 44), bool), range(4))))
    np.testing.assert_array_equal(list(tracker.follow(Clip(FRAMES), MASKS[0], range(4))), first)
