import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.methods import whole_masks
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Method
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench_baselines.floors import Empty
from fsbench_baselines.floors import FullFrame
from fsbench_baselines.floors import SupportCopy


def support_of(*masks: np.ndarray) -> Support:
    """One shot per mask stack, bool [F, H, W], with black frames."""
    return Support(tuple(Shot(np.zeros((*mask.shape, 3), np.uint8), mask, "a thing") for mask in masks))


def box(height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((1, height, width), dtype=bool)
    mask[:, rows, columns] = True
    return mask


def masks_of(method: Method, support: Support, clip: Clip, sentences: int = 1) -> np.ndarray:
    return whole_masks(method.segment(method.adapt(support), clip, ["a thing"] * sentences))


@pytest.mark.parametrize("method", [Empty(), FullFrame(), SupportCopy()])
@pytest.mark.parametrize(("frames", "size", "sentences"), [(1, None, 1), (3, (30, 44), 2), (2, (7, 5), 4)])
def test_masks_have_the_contracts_shape_and_type(method, frames, size, sentences):
    clip = Clip(np.zeros((frames, 20, 24, 3), np.uint8), size)
    masks = masks_of(method, support_of(box(20, 24, slice(4, 9), slice(6, 15))), clip, sentences)
    assert masks.shape == (sentences, frames, *(size or (20, 24)))
    assert masks.dtype == np.bool_
    assert (masks == masks[:1, :1]).all()


def test_the_floors_are_methods_with_the_names_they_are_registered_under():
    assert [m.info.name for m in (Empty, FullFrame, SupportCopy)] == ["empty", "full-frame", "support-copy"]
    assert all(isinstance(m(), Method) for m in (Empty, FullFrame, SupportCopy))


def test_empty_finds_nothing_and_full_frame_everything():
    clip, support = Clip(np.zeros((2, 8, 9, 3), np.uint8)), support_of(box(8, 9, slice(2, 4), slice(3, 5)))
    assert not masks_of(Empty(), support, clip).any()
    assert masks_of(FullFrame(), support, clip).all()


def test_support_copy_of_one_mask_is_that_mask():
    mask = box(20, 24, slice(4, 9), slice(6, 15))
    np.testing.assert_array_equal(
        masks_of(SupportCopy(), support_of(mask), Clip(np.zeros((1, 20, 24, 3), np.uint8)))[0], mask
    )


def test_support_copy_keeps_place_and_share_at_another_size():
    mask = box(20, 24, slice(4, 10), slice(6, 16))
    copy = masks_of(SupportCopy(), support_of(mask), Clip(np.zeros((1, 9, 9, 3), np.uint8), (40, 48)))[0, 0]
    expected = box(40, 48, slice(8, 20), slice(12, 32))[0]
    assert (copy & expected).sum() / (copy | expected).sum() > 0.95


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 23), st.integers(1, 12), st.integers(1, 12)), max_size=6))
def test_support_copy_has_the_mean_area_of_the_support_masks(boxes):
    masks = [box(20, 24, slice(y, y + h), slice(x, x + w)) for y, x, h, w in boxes] + [
        np.zeros((1, 20, 24), dtype=bool)
    ]
    copy = masks_of(SupportCopy(), support_of(*masks), Clip(np.zeros((1, 20, 24, 3), np.uint8)))
    mean_area = np.mean([mask.sum() for mask in masks])
    assert abs(copy.sum() - mean_area) <= 0.5 or (copy.sum() == 1 and 0 < mean_area < 0.5)


def test_support_copy_counts_every_frame_alike_whatever_the_size_of_its_shot():
    small, large = box(10, 10, slice(0, 5), slice(0, 10)), box(100, 100, slice(0, 50), slice(0, 10))
    copy = masks_of(SupportCopy(), support_of(small, large), Clip(np.zeros((1, 40, 40, 3), np.uint8)))
    assert copy.mean() == pytest.approx(0.275, abs=1e-3)


def test_support_copy_prefers_what_more_masks_share():
    masks = [box(20, 24, slice(5, 10), slice(x, x + 10)) for x in (2, 4, 6)]
    copy = masks_of(SupportCopy(), support_of(*masks), Clip(np.zeros((1, 20, 24, 3), np.uint8)))[0, 0]
    assert copy[5:10, 6:12].all()


def test_support_copy_of_nothing_is_nothing_and_of_everything_everything():
    clip = Clip(np.zeros((2, 20, 24, 3), np.uint8), (31, 17))
    assert not masks_of(SupportCopy(), support_of(np.zeros((5, 20, 24), dtype=bool)), clip).any()
    assert masks_of(SupportCopy(), support_of(np.ones((5, 20, 24), dtype=bool)), clip).all()


def test_support_copy_of_one_pixel_is_not_lost_in_a_small_output():
    clip = Clip(np.zeros((1, 200, 200, 3), np.uint8), (10, 10))
    assert masks_of(SupportCopy(), support_of(box(200, 200, slice(60, 61), slice(30, 31))), clip).sum() == 1
