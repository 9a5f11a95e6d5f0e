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


def test_resized_masks_lose_the_pixels_of_their_rim():
    mask = np.zeros((1, 40, 60), bool)
    mask[:, 8:32, 10:50] = True
    # Of 3 pixels in 2, those at the rim mix 4 : 1 across it, or 3 : 1.
    placed = Letterbox.of((40, 60), (27, 40)).masks(mask)
    whole = np.argwhere(placed[0].numpy())
    assert set(placed.unique().tolist()) == {0.0, 1.0}
    assert (whole.min(0) >= (8 * 2 / 3 - 0.5, 10 * 2 / 3 - 0.5)).all()
    assert placed.sum() < 24 * 40 * (2 / 3) ** 2


@pytest.mark.parametrize("frame", [(48, 90), (90, 48), (64, 64)])
def test_masks_come_back_where_they_were(frame):
    mask = np.zeros((1, *frame), bool)
    mask[:, 10:40, 12:44] = True
    box = Letterbox.of(frame, (96, 160))
    back = box.restored(box.masks(mask), frame)[0].numpy() > 0.5
    overlap = (back & mask[0]).sum() / (back | mask[0]).sum()
    assert overlap > 0.85
    assert not (back & ~mask[0]).any(), "a mask only loses pixels"
