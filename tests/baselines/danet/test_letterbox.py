import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fsbench_baselines.danet.letterbox import Letterbox

SIDES = st.integers(1, 90)


@pytest.mark.parametrize(
    ("frame", "place"),
    [((720, 1280), (1, 0, 239, 425)), ((1280, 720), (0, 145, 241, 135)), ((241, 425), (0, 0, 241, 425))],
)
def test_frames_keep_their_proportions_in_the_middle_of_the_released_canvas(frame, place):
    box = Letterbox.of(frame, (241, 425))
    assert (box.top, box.left, box.height, box.width) == place


@given(frame=st.tuples(SIDES, SIDES), canvas=st.tuples(SIDES, SIDES))
def test_the_rectangle_lies_on_the_canvas(frame, canvas):
    box = Letterbox.of(frame, canvas)
    assert min(box.top, box.left) >= 0
    assert 1 <= box.height <= canvas[0] - box.top
    assert 1 <= box.width <= canvas[1] - box.left


def test_what_is_around_the_frames_is_black_and_off_the_object():
    box = Letterbox.of((20, 20), (20, 30))
    frames = box.frames(np.full((2, 20, 20, 3), 255, np.uint8))
    black, white = (-0.485 / 0.229, (1 - 0.485) / 0.229)
    assert frames.shape == (2, 3, 20, 30)
    torch.testing.assert_close(frames[:, 0, :, :5], torch.full((2, 20, 5), black))
    torch.testing.assert_close(frames[:, 0, :, 5:25], torch.full((2, 20, 20), white))
    masks = box.masks(np.ones((2, 20, 20), bool))
    assert masks[:, :, 5:25].all()
    assert masks.sum() == 2 * 400


def test_frames_of_the_canvas_stay_as_they_are():
    rng = np.random.default_rng(0)
    frames, masks = rng.integers(0, 256, (2, 12, 16, 3), np.uint8), rng.random((2, 12, 16)) > 0.5
    box = Letterbox.of((12, 16), (12, 16))
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    back = (box.frames(frames) * deviation + mean) * 255
    torch.testing.assert_close(back, torch.from_numpy(frames).permute(0, 3, 1, 2).float(), rtol=0, atol=1e-3)
    assert torch.equal(box.masks(masks), torch.from_numpy(masks).float())
    assert torch.equal(box.restored(box.masks(masks), (12, 16)), torch.from_numpy(masks).float())


def wholly_on(mask, size):
    """Returns bool [*size]: whether every pixel that a bilinear resize takes a part of is on the object."""
    sides = []
    for new, old in zip(size, mask.shape, strict=True):
        place = ((2 * np.arange(new) + 1) * old - new) / (2 * new)  # exact enough: a whole number comes out as one
        sides.append((np.floor(place).clip(0, old - 1).astype(int), np.ceil(place).clip(0, old - 1).astype(int)))
    (top, bottom), (left, right) = sides
    return mask[np.ix_(top, left)] & mask[np.ix_(top, right)] & mask[np.ix_(bottom, left)] & mask[np.ix_(bottom, right)]


# libs/dataset/transform.py of scutpaul/DANet (f0bc57d), for training and for tests: masks become floats (ToFloat), are
# resized, bilinearly, since the name of another interpolation stands where the output goes (Rescale), and are then cut
# down to whole numbers (ToTensor). A resize of whole numbers would round at one half.
@pytest.mark.parametrize("canvas", [(27, 40), (61, 97), (241, 425)])
def test_support_masks_keep_the_pixels_that_are_wholly_on_the_object_as_in_the_released_transform(canvas):
    rng = np.random.default_rng(0)
    masks = rng.random((3, 10, 15)).repeat(4, axis=1).repeat(4, axis=2) > 0.4
    box = Letterbox.of(masks.shape[1:], canvas)
    placed = box.masks(masks)
    inside = placed[:, box.top : box.top + box.height, box.left : box.left + box.width].numpy()
    size = (box.height, box.width)
    assert set(np.unique(inside)) == {0.0, 1.0}
    assert np.mean(inside != [wholly_on(mask, size) for mask in masks]) < 1e-4, "less than that of a pixel's weight"
    cut_down = [cv2.resize(mask.astype(np.float32), size[::-1]).astype(np.uint8) for mask in masks]
    assert np.mean(inside != cut_down) < 1e-3, "weights that do not sum to 1 alone make a difference"
    rounded = np.stack([cv2.resize(mask.astype(np.uint8), size[::-1]) for mask in masks])
    assert (inside <= rounded).all()
    assert inside.sum() < 0.97 * rounded.sum()


@pytest.mark.parametrize("frame", [(48, 90), (90, 48), (64, 64)])
def test_masks_come_back_where_they_were(frame):
    mask = np.zeros((1, *frame), bool)
    mask[:, 10:40, 12:44] = True
    box = Letterbox.of(frame, (96, 160))
    back = box.restored(box.masks(mask), frame)[0].numpy() > 0.5
    overlap = (back & mask[0]).sum() / (back | mask[0]).sum()
    assert overlap > 0.85
    assert not (back & ~mask[0]).any(), "a mask only loses pixels"
