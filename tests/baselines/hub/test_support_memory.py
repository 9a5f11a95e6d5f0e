import numpy as np
import pytest

from fsbench.methods import Clip
from fsbench.methods import Frames
from fsbench.methods import Judged
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.methods.outcome import judged_parts
from fsbench.methods.refining import refined
from fsbench.methods.registry import find_method
from tests.baselines.hub.test_methods import FOLD
from tests.baselines.hub.test_methods import make
from tests.baselines.test_contract import pixels

QUERY = pixels(7, 32, 44, seed=1)[0]
SHOTS = tuple(Shot(*pixels(2, *size, seed=seed), "the dog") for seed, size in ((2, (32, 44)), (3, (50, 40))))


@pytest.fixture(scope="module", params=["sam2-support", "sam3-support"])
def method(request, models):
    return make(request.param, models)


def found(method, *shots, frames=QUERY, sentences=("a",)):
    return whole_masks(method.segment(method.adapt(Support(shots)), Clip(frames), list(sentences)))


def test_every_support_mask_counts_whatever_its_shot(method):
    def first(*shots):
        memory = method.adapt(Support(shots)).copy()
        return memory.find(method.segmenter.see(QUERY[0])).logits

    plain = first(*SHOTS)
    for n, shot in enumerate(SHOTS):
        for k in range(2):
            masks = shot.masks.copy()
            masks[k] = np.roll(masks[k], 9, axis=1)
            other = [*SHOTS[:n], Shot(shot.frames, masks, ""), *SHOTS[n + 1 :]]
            assert not np.array_equal(first(*other), plain)


def test_a_support_frame_without_the_object_counts_as_if_it_were_not_there(method):
    (shot, _), nothing = SHOTS, np.zeros((32, 44), bool)
    half = Shot(shot.frames, np.stack([shot.masks[0], nothing]), "")
    alone = Shot(shot.frames[:1], shot.masks[:1], "")
    np.testing.assert_array_equal(found(method, half), found(method, alone))
    assert not found(method, Shot(shot.frames, np.stack([nothing] * 2), "")).any()


def test_masks_do_not_depend_on_the_clip_s_length_or_on_other_sentences(method):
    whole = found(method, *SHOTS, sentences=("a", "b"))
    assert whole.any()
    for length in (1, 4):
        np.testing.assert_array_equal(found(method, *SHOTS, frames=QUERY[:length]), whole[:1, :length])


def test_it_says_how_sure_it_is_of_each_frame(method):
    adapted = method.adapt(Support(SHOTS))
    parts = list(method.segment(adapted, Clip(QUERY), ["a", "b"]))
    assert all(isinstance(part, Judged) for part in parts)
    sureness = np.concatenate([sure for _, sure in judged_parts(iter(parts), (2, 7, 32, 44), "it")], axis=1)
    assert len(set(sureness[0])) > 1
    np.testing.assert_array_equal(sureness[0], sureness[1])


def test_its_masks_and_a_line_of_one_pixel_are_refined_by_the_tracker(models):
    folder = models / "grounded" / "tracker"
    thin = np.zeros((32, 44), bool)
    thin[5:20, 7] = True
    shots = (Shot(QUERY[:1], thin[None], ""),)
    options = {"refine_checkpoint": folder, "device": "cpu"}
    copied = refined(find_method("support-copy"), "sam2").create(options)
    copied.prepare(FOLD)
    masks = whole_masks(
        copied.segment(copied.adapt(Support(shots)), Clip(Frames(QUERY.__getitem__, QUERY.shape)), ["a"])
    )
    np.testing.assert_array_equal(masks[0, 0], thin)  # of masks that are all alike, the first is the surest
    assert not np.array_equal(masks[0, 1], thin)
    both = refined(find_method("sam2-support"), "sam2").create({**options, "checkpoint": folder})
    both.prepare(FOLD)
    assert both.num_parameters == 2 * make("sam2-support", models).num_parameters
    assert found(both, *SHOTS).shape == (1, 7, 32, 44)
