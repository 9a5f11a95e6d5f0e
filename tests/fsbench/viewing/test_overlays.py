import numpy as np
import pytest

from fsbench.viewing.overlays import DARK
from fsbench.viewing.overlays import draw_mask
from fsbench.viewing.overlays import outline
from fsbench.viewing.overlays import PALETTE
from fsbench.viewing.overlays import resized

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
    drawn = draw_mask(frame, square(), RED, line_px=1, rim_px=1)
    assert (frame == before).all()
    assert (drawn[~square()] == frame[~square()]).all()
    rim = outline(square(), 1)
    assert (drawn[rim] == DARK).all()
    assert (drawn[outline(square(), 2) & ~rim] == RED).all()


def luminance(colour):
    """As WCAG 2.2 defines it."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [*PALETTE, (255, 255, 255)])
def test_line_or_rim_stands_out_on_any_ground(colour):
    """WCAG asks for a contrast of 3; on the greys in the middle line and rim both have nearly that."""
    grounds = [(level,) * 3 for level in range(256)]
    assert min(max(contrast(colour, ground), contrast(DARK, ground)) for ground in grounds) > 2.8
    assert contrast(colour, DARK) > 7


def test_the_fill_is_a_share_of_the_colour():
    frame = np.full((12, 16, 3), 100, np.uint8)
    assert draw_mask(frame, square(), RED, fill=0.5, line_px=0, rim_px=0)[5, 6].tolist() == [178, 50, 50]
    assert draw_mask(frame, square(), RED, fill=0, line_px=1, rim_px=1)[5, 6].tolist() == [100, 100, 100]


def test_an_empty_mask_draws_nothing():
    frame = np.full((4, 5, 3), 7, np.uint8)
    assert (draw_mask(frame, np.zeros((4, 5), bool), RED) == frame).all()


def test_resizing_repeats_pixels_and_works_for_masks_and_pictures():
    mask = np.array([[0, 1], [1, 0]], bool)
    assert (resized(mask, (4, 6)) == np.kron(mask, np.ones((2, 3), bool))).all()
    assert resized(np.zeros((2, 3, 3), np.uint8), (4, 3)).shape == (4, 3, 3)
