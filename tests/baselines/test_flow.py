import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fsbench.methods import Clip
from fsbench.methods import Frames
from fsbench_baselines.flow import Flow

HEIGHT, WIDTH, LENGTH = 60, 90, 5


def film(down, right, *, height=HEIGHT, width=WIDTH):
    """A textured square that moves over a still, paler texture: frames [T, H, W, 3] and masks [T, H, W]."""
    rng = np.random.default_rng(3)
    frames = np.repeat(rng.integers(90, 120, (1, height, width, 3), np.uint8), LENGTH, axis=0)
    square = np.kron(rng.integers(0, 255, (7, 7, 3), np.uint8), np.ones((3, 3, 1), np.uint8))
    masks = np.zeros((LENGTH, height, width), bool)
    for t in range(LENGTH):
        rows, columns = slice(18 + down * t, 39 + down * t), slice(30 + right * t, 51 + right * t)
        frames[t, rows, columns], masks[t, rows, columns] = square, True
    return frames, masks


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@settings(max_examples=10, deadline=None)
@given(st.integers(-2, 2), st.integers(-3, 3), st.booleans())
def test_a_moving_object_is_followed_both_ways(down, right, back):
    frames, masks = film(down, right)
    path = range(LENGTH - 1, -1, -1) if back else range(LENGTH)
    found = list(Flow().follow(Clip(frames), masks[path[0]], path))
    assert len(found) == LENGTH - 1
    assert min(iou(mask, masks[t]) for mask, t in zip(found, path[1:], strict=True)) > 0.75


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_a_still_video_keeps_its_mask_to_the_pixel_and_a_path_of_one_frame_has_none(preset):
    frames, masks = film(0, 0)
    found = list(Flow(preset).follow(Clip(frames), masks[0], range(LENGTH)))
    assert np.array_equal(found, masks[1:])
    assert list(Flow(preset).follow(Clip(frames), masks[0], [2])) == []


def test_frames_that_are_read_give_what_frames_that_are_held_do():
    frames, masks = film(2, 1)
    read = Clip(Frames(frames.__getitem__, frames.shape), memo_limit=0)
    for path in (range(LENGTH), [2, 1, 0]):
        held = list(Flow().follow(Clip(frames), masks[path[0]], path))
        assert np.array_equal(list(Flow().follow(read, masks[path[0]], path)), held)


def test_frames_smaller_than_opencv_takes_keep_the_mask():
    frames = np.zeros((3, 8, 40, 3), np.uint8)
    mask = np.eye(8, 40, dtype=bool)
    assert np.array_equal(list(Flow().follow(Clip(frames), mask, range(3))), [mask, mask])
