import numpy as np

from fsbench.viewing.overlays import draw_mask
from fsbench.viewing.overlays import enlarged
from fsbench.viewing.overlays import outline

RED = (255, 0, 0)


def square(height=12, width=16):
    mask = np.zeros((height, width), bool)
    mask[3:9, 4:12] = True
    return mask


def test_the_outline_is_the_rim_inside_the_mask():
    inner = np.zeros((12, 16), bool)
    inner[5:7, 6:10] = True
    assert (outline(square(), 2) == (square() & ~inner)).all()


def test_the_border_of_the_frame_is_no_outline():
    full = np.ones((6, 7), bool)
    assert not outline(full, 2).any()
    half = full.copy()
    half[:, 4:] = False
    assert (outline(half, 1) == (np.arange(7) == 3)).all()


def test_pixels_outside_of_the_mask_stay_and_the_given_frame_is_left_alone():
    frame = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    before = frame.copy()
    drawn = draw_mask(frame, square(), RED)
    assert (frame == before).all()
    assert (drawn[~square()] == frame[~square()]).all()
    assert (drawn[outline(square(), 2)] == RED).all()


def test_the_fill_is_a_share_of_the_colour():
    frame = np.full((12, 16, 3), 100, np.uint8)
    assert draw_mask(frame, square(), RED, fill=0.5, line_px=0)[5, 6].tolist() == [178, 50, 50]
    assert draw_mask(frame, square(), RED, fill=0)[5, 6].tolist() == [100, 100, 100]


def test_an_empty_mask_draws_nothing():
    frame = np.full((4, 5, 3), 7, np.uint8)
    assert (draw_mask(frame, np.zeros((4, 5), bool), RED) == frame).all()


def test_enlarging_repeats_pixels_and_works_for_masks_and_pictures():
    mask = np.array([[0, 1], [1, 0]], bool)
    assert (enlarged(mask, (4, 6)) == np.kron(mask, np.ones((2, 3), bool))).all()
    assert enlarged(np.zeros((2, 3, 3), np.uint8), (4, 3)).shape == (4, 3, 3)
