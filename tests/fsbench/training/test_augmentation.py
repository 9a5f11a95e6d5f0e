import colorsys
from dataclasses import asdict
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from fsbench.training import augment
from fsbench.training import Augmentation
from fsbench.training import RELEASED_AUGMENTATION
from fsbench.training import TrainingClip
from fsbench.training.augmentation import crop
from fsbench.training.augmentation import distort_colours
from fsbench.training.augmentation import flip
from fsbench.training.augmentation import random_crop
from fsbench.training.augmentation import relight
from fsbench.training.augmentation import replace_word
from fsbench.training.augmentation import resize
from fsbench.training.augmentation import resized_shape
from fsbench.training.clips import object_boxes
from fsbench.training.clips import released_boxes
from fsbench.training.clips import without_vanished

EVERYTHING = Augmentation(
    flip=0.5,
    swap_sides=True,
    light=0.3,
    photometric=True,
    scales=(7, 11, 24),
    max_size=30,
    crop=0.5,
    crop_scales=(9, 16, 20),
    crop_sides=(6, 14),
)


def test_lengths_go_with_the_size_of_frames_and_nothing_else_changes():
    assert RELEASED_AUGMENTATION.scaled(1) == RELEASED_AUGMENTATION
    half = EVERYTHING.scaled(0.5)
    assert (half.scales, half.max_size, half.crop_scales, half.crop_sides) == ((4, 6, 12), 15, (4, 8, 10), (3, 7))
    lengths = ("scales", "max_size", "crop_scales", "crop_sides")
    assert replace(half, **{name: getattr(EVERYTHING, name) for name in lengths}) == EVERYTHING
    assert Augmentation().scaled(0.001).crop_sides == (1, 1)


class Script:
    """A generator whose draws are written down."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def random(self):
        return self.draws.pop(0)


def clip_of(masks, frames=None, sentence="the left one"):
    if frames is None:
        frames = np.random.default_rng(0).integers(0, 256, (*masks.shape, 3), dtype=np.uint8)
    return without_vanished(TrainingClip(frames, masks, object_boxes(masks), np.ones(len(masks), bool), sentence, 3))


@st.composite
def clips(draw):
    """Clips of 1 to 3 frames; an object is a few rectangles, a single pixel, or not there."""
    num_frames, height, width = draw(st.integers(1, 3)), draw(st.integers(6, 40)), draw(st.integers(6, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = np.zeros((num_frames, height, width), bool)
    for mask in masks:
        for _ in range(rng.integers(0, 3)):
            top, left = rng.integers(height), rng.integers(width)
            mask[top : top + rng.integers(1, height + 1), left : left + rng.integers(1, width + 1)] = True
    return clip_of(masks, rng.integers(0, 256, (*masks.shape, 3), dtype=np.uint8))


seeds = st.integers(0, 2**32)


def fields_of(clip):
    return [clip.frames, clip.masks, clip.boxes, clip.valid, clip.sentence, clip.class_id]


def assert_equal(one, other):
    for left, right in zip(fields_of(one), fields_of(other), strict=True):
        assert type(left) is type(right)
        np.testing.assert_array_equal(left, right)


def assert_consistent(clip, slack=1e-3):
    """Shapes and types agree; `boxes`, `valid` and masks fit each other."""
    length, height, width = clip.masks.shape
    assert clip.frames.shape == (length, height, width, 3)
    types = [array.dtype for array in (clip.frames, clip.masks, clip.boxes, clip.valid)]
    assert types == [np.uint8, bool, np.float32, bool]
    assert clip.boxes.shape == (length, 4)
    assert clip.valid.shape == (length,)
    for mask, (x0, y0, x1, y1), valid in zip(clip.masks, clip.boxes, clip.valid, strict=True):
        if not valid:
            assert not mask.any()
            assert (x0, y0, x1, y1) == (0, 0, 0, 0)
        else:
            assert 0 <= x0 < x1 <= width + slack
            assert 0 <= y0 < y1 <= height + slack
        for y, x in np.argwhere(mask):
            assert y0 - 1e-3 <= y < y1 + slack
            assert x0 - 1e-3 <= x < x1 + slack


# ---- boxes ----


@given(clips())
def test_boxes_are_the_smallest_around_the_masks(clip):
    for mask, box in zip(clip.masks, object_boxes(clip.masks), strict=True):
        places = np.argwhere(mask)
        expected = [*places.min(0)[::-1], *places.max(0)[::-1] + 1] if len(places) else [0] * 4
        assert box.tolist() == expected


def test_released_boxes_swap_height_and_width():
    masks = np.zeros((4, 10, 20), bool)
    masks[0, 2:5, 3:7] = True  # wholly left of x = height
    masks[1, 2:5, 8:15] = True  # cut there
    masks[2, 2:5, 12:15] = True  # beyond
    assert released_boxes(masks).tolist() == [[3, 2, 6, 4], [8, 2, 10, 4], [10, 2, 10, 4], [0, 0, 0, 0]]
    clip = without_vanished(replace(clip_of(masks), boxes=released_boxes(masks)))
    assert clip.valid.tolist() == [True, True, False, False]
    assert clip.boxes[2:].tolist() == [[0] * 4] * 2


def test_released_boxes_of_a_line_have_no_area():
    masks = np.zeros((1, 8, 8), bool)
    masks[0, 3, 1:6] = True
    assert not without_vanished(replace(clip_of(masks), boxes=released_boxes(masks))).valid.any()


# ---- flip ----


@given(clips())
def test_flipping_twice_is_the_identity(clip):
    assert_equal(flip(flip(clip, swap_sides=True), swap_sides=True), clip)


@given(clips())
def test_flipped_boxes_are_those_of_the_flipped_masks(clip):
    flipped = flip(clip, swap_sides=False)
    np.testing.assert_array_equal(flipped.boxes, object_boxes(flipped.masks))
    np.testing.assert_array_equal(flipped.frames, clip.frames[:, :, ::-1])
    assert_consistent(flipped)


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("the dax on the left, moving right", "the dax on the right, moving left"),
        ("Left of the leftmost", "right of the rightmost"),
        ("a bright dog", "a bleft dog"),
    ],
)
def test_sides_are_exchanged_in_the_sentence_if_asked_for(sentence, other):
    clip = clip_of(np.ones((1, 6, 6), bool), sentence=sentence)
    assert flip(clip, swap_sides=True).sentence == other
    assert flip(clip, swap_sides=False).sentence == sentence


# ---- colours ----


def test_light_changes_all_frames_alike_and_cuts_what_leaves_the_range():
    frames = np.tile(np.arange(256, dtype=np.uint8), (2, 3, 1))[..., None].repeat(3, axis=3)
    brighter = relight(frames, Script(1.0, 1.0), 0.25)
    expected = np.minimum(np.rint(np.arange(256) * 1.25 + 32), 255)
    np.testing.assert_array_equal(brighter, np.broadcast_to(expected[:, None], frames.shape))
    darker = relight(frames, Script(0.0, 0.0), 0.25)
    assert darker.min() == 0
    assert darker.max() == np.rint(255 * 0.75 - 32)
    np.testing.assert_array_equal(relight(frames, Script(0.5, 0.5), 0.25), frames)


def hsv_distorted(pixel, saturation, hue):
    """The same in the standard library's colours, with red and blue exchanged."""
    h, s, v = colorsys.rgb_to_hsv(*pixel[::-1])
    return np.array(colorsys.hsv_to_rgb((h + hue / 360) % 1, s * saturation, v))[::-1]


@pytest.mark.parametrize("is_contrast_first", [True, False])
def test_colours_are_distorted_in_the_released_order(is_contrast_first):
    frames = np.random.default_rng(1).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    contrast = [0, 0.25]  # times 0.75
    script = [0, 0.75, *([0, *contrast] if is_contrast_first else [1])]  # plus 16
    script += [0, 0.1, 0, 0.9]  # saturation times 0.6, hue plus 14.4 degrees
    script += [*([] if is_contrast_first else contrast), 0, 0.6]  # the fourth order of channels: 1, 2, 0
    (result,) = distort_colours(frames, Script(*script))
    for pixel, got in zip(frames.reshape(-1, 3), result.reshape(-1, 3), strict=True):
        value = pixel.astype(float) + 16
        value = value * 0.75 if is_contrast_first else value
        value = hsv_distorted(value, 0.6, 14.4)
        value = value if is_contrast_first else value * 0.75
        np.testing.assert_allclose(got, value[[1, 2, 0]], atol=1 + 1e-2)  # truncated
        assert (got <= value[[1, 2, 0]] + 1e-2).all()


def test_what_gets_too_bright_or_too_dark_goes_round():
    frames = np.full((1, 1, 1, 3), 250, np.uint8)
    assert distort_colours(frames, Script(0, 0.75, 1, 1, 1, 1, 1)).tolist() == [[[[10] * 3]]]  # 250 + 16 - 256
    assert distort_colours(frames - 245, Script(0, 0.25, 1, 1, 1, 1, 1)).tolist() == [[[[245] * 3]]]  # 5 - 16 + 256


def test_without_luck_colours_stay():
    frames = np.random.default_rng(2).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    result = distort_colours(frames, Script(*[1] * 12))
    assert np.abs(result.astype(int) - frames).max() <= 1  # there and back through another colour space, truncated


def test_colours_are_drawn_anew_for_every_frame():
    frames = np.full((6, 3, 3, 3), (40, 90, 160), np.uint8)
    assert len({frame.tobytes() for frame in distort_colours(frames, np.random.default_rng(0))}) > 3


# ---- sizes ----


def test_sizes_are_those_of_the_released_code():
    assert resized_shape(720, 1280, 288) == (288, 512)
    assert resized_shape(720, 1280, 512, 640) == (360, 640)
    assert resized_shape(1280, 720, 512, 640) == (640, 360)
    assert resized_shape(480, 853, 400) == (400, 710)
    assert resized_shape(500, 500, 700, 640) == (640, 640)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 700), st.integers(1, 700))
def test_no_side_exceeds_the_bound(height, width, short_side, max_size):
    new = resized_shape(height, width, short_side, max_size)
    assert 1 <= min(new) <= short_side
    assert max(new) <= max_size


@given(clips(), st.integers(1, 50), st.integers(1, 60))
def test_resizing_takes_the_nearest_pixel_and_pillows_frames(clip, short_side, max_size):
    resized = resize(clip, short_side, max_size)
    height, width = resized.masks.shape[1:]
    assert (height, width) == resized_shape(*clip.masks.shape[1:], short_side, max_size)
    nearest = functional.interpolate(torch.from_numpy(clip.masks)[None].float(), (height, width), mode="nearest")
    np.testing.assert_array_equal(resized.masks, nearest[0].numpy() > 0.5)
    for frame, new in zip(clip.frames, resized.frames, strict=True):
        expected = Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(new, np.asarray(expected))
    assert_consistent(resized)


# ---- crop ----


def test_a_crop_cuts_boxes_to_what_lies_in_it():
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 5:15, 10:20] = True  # cut at the right and below
    masks[1, 0:4, 0:30] = True  # above the crop
    masks[2, 8, 12] = True  # inside
    cut = without_vanished(crop(clip_of(masks), 6, 8, 6, 7))
    assert cut.boxes.tolist() == [[2, 0, 7, 6], [0, 0, 0, 0], [4, 2, 5, 3]]
    assert cut.valid.tolist() == [True, False, True]
    np.testing.assert_array_equal(cut.masks, masks[:, 6:12, 8:15])
    assert_consistent(cut)


def test_a_cut_box_may_hold_nothing_of_the_mask():
    masks = np.zeros((1, 10, 10), bool)
    masks[0, [0, 9], [0, 9]] = True
    cut = without_vanished(crop(clip_of(masks), 2, 2, 4, 4))
    assert not cut.masks.any()
    assert cut.boxes.tolist() == [[0, 0, 4, 4]]
    assert cut.valid.all()


@given(clips(), seeds)
def test_random_crops_have_sides_between_the_bounds_and_lie_in_the_frame(clip, seed):
    cut = random_crop(clip, np.random.default_rng(seed), (5, 12))
    for new, old in zip(cut.masks.shape[1:], clip.masks.shape[1:], strict=True):
        assert min(5, old) <= new <= min(12, old)
    assert_consistent(without_vanished(cut))


def test_random_crops_reach_every_place_and_size():
    frames = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1).repeat(3, axis=3)
    clip = clip_of(np.ones((1, 3, 4), bool), frames)
    rng = np.random.default_rng(0)
    cuts = [random_crop(clip, rng, (2, 3)) for _ in range(300)]
    assert {cut.masks[0].shape for cut in cuts} == {(2, 2), (2, 3), (3, 2), (3, 3)}
    assert {int(cut.frames[0, 0, 0, 0]) for cut in cuts if cut.masks[0].shape == (2, 2)} == {0, 1, 2, 4, 5, 6}


# ---- all of it ----


@given(clips(), seeds)
def test_augmented_clips_are_consistent(clip, seed):
    result = augment(clip, np.random.default_rng(seed), EVERYTHING)
    assert max(result.masks.shape[1:]) <= 30
    # what is resized for a second time lies up to a pixel of the crop, at least 6 wide, beyond the box
    assert_consistent(result, slack=max(result.masks.shape[1:]) / 6)


@given(clips(), seeds)
def test_the_same_state_gives_the_same_result_and_the_input_is_kept(clip, seed):
    before = [np.array(value) for value in fields_of(clip)]
    results = [augment(clip, np.random.default_rng(seed), EVERYTHING) for _ in range(2)]
    assert_equal(*results)
    for old, now in zip(before, fields_of(clip), strict=True):
        np.testing.assert_array_equal(old, now)


@given(clips(), seeds)
def test_with_nothing_switched_on_clips_stay_as_they_are(clip, seed):
    assert_equal(augment(clip, np.random.default_rng(seed), Augmentation()), clip)


def test_steps_happen_as_often_as_said():
    clip = clip_of(np.ones((1, 12, 12), bool), sentence="left")
    settings = Augmentation(flip=0.3, swap_sides=True, crop=0.2, crop_scales=(12,), crop_sides=(6, 6))
    rng = np.random.default_rng(0)
    results = [augment(clip, rng, settings) for _ in range(2000)]
    assert np.mean([result.sentence == "right" for result in results]) == pytest.approx(0.3, abs=0.04)
    assert np.mean([result.masks.shape == (1, 6, 6) for result in results]) == pytest.approx(0.2, abs=0.04)


def test_the_released_values_are_those_of_the_released_code():
    assert asdict(RELEASED_AUGMENTATION) == {
        "flip": 0.5,
        "swap_sides": True,
        "light": 0.0,
        "photometric": True,
        "scales": (288, 320, 352, 392, 416, 448, 480, 512),
        "max_size": 640,
        "crop": 0.5,
        "crop_scales": (400, 500, 600),
        "crop_sides": (384, 600),
        "hide_name": 0.0,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"flip": 1.5},
        {"hide_name": -0.1},
        {"light": -0.1},
        {"scales": (0,)},
        {"crop_scales": ()},
        {"crop_sides": (9, 8)},
        {"max_size": 0},
    ],
)
def test_values_without_meaning_are_refused(values):
    with pytest.raises(ValueError, match="augmentation: "):
        Augmentation(**values)


@pytest.mark.parametrize(
    ("sentence", "name", "hidden"),
    [
        ("the Dax by the daxes", "dax", "the <unk> by the daxes"),
        ("a giant panda, giant_panda", "giant_panda", "a <unk>, <unk>"),
        ("no name here", "dax", "no name here"),
    ],
)
def test_names_are_hidden_where_they_are_words(sentence, name, hidden):
    assert replace_word(sentence, name, "<unk>") == hidden
