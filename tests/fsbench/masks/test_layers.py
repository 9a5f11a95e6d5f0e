import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fsbench.masks.layers import layered
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import stack_layers
from fsbench.masks.layers import union_of

MASKS = st.dictionaries(st.integers(1, 2**16 - 1), arrays(bool, (3, 4)), max_size=6)


@given(MASKS, st.sets(st.integers(1, 2**16 - 1)))
def test_layers_hold_every_mask_and_every_union(masks, others):
    labels = layered(masks, (3, 4))
    for chosen in [*([key] for key in masks), list(masks), [], sorted(others - masks.keys())]:
        expected = np.zeros((3, 4), bool)
        for key in chosen:
            expected |= masks.get(key, False)
        assert np.array_equal(union_of(layers_of(labels), chosen), expected)


def test_masks_that_do_not_overlap_are_one_label_map():
    left, right = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    left[:, :2], right[:, 3:] = True, True
    assert layered({5: left, 9: right}, (2, 4)).tolist() == [[5, 5, 0, 9]] * 2
    assert layered({5: left, 9: right, 300: ~left}, (2, 4)).tolist() == [[[5, 5, 0, 9]] * 2, [[0, 0, 300, 300]] * 2]
    assert layered({}, (2, 4)).tolist() == [[0] * 4] * 2


def test_label_maps_of_several_depths_are_stacked_to_the_deepest():
    flat, deep = np.ones((2, 3), np.uint8), np.array([np.ones((2, 3)), 2 * np.ones((2, 3))], np.uint8)
    stacked = stack_layers([flat, deep])
    assert stacked.shape == (2, 2, 2, 3)
    assert union_of(stacked, [2]).tolist() == [[[False] * 3] * 2, [[True] * 3] * 2]
    assert union_of(stacked, [1]).all()
    assert stack_layers([flat, flat]).shape == (2, 1, 2, 3)
