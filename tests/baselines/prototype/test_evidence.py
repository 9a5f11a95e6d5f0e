import numpy as np
import pytest
import torch

from fsbench_baselines.prototype.evidence import border_prototype
from fsbench_baselines.prototype.evidence import cosine_map
from fsbench_baselines.prototype.evidence import support_prototypes


def maps(masks, ground=1):
    """Features [T, 3, h, w]: channel 0 on the object, channel `ground` elsewhere."""
    found = np.zeros((len(masks), 3, *masks.shape[1:]), dtype=np.float32)
    found[:, 0] = masks
    found[:, ground] = ~masks
    return torch.from_numpy(found)


def square(height=10, width=12):
    mask = np.zeros((2, height, width), dtype=bool)
    mask[:, 3:6, 4:8] = True
    return mask


@pytest.mark.parametrize("border_weight", [0.0, 1.0])
def test_the_map_is_positive_on_the_object_alone(border_weight):
    mask = square()
    support = support_prototypes([([maps(mask)], mask)])
    score = cosine_map(support, [maps(mask)], border_weight, (10, 12))
    np.testing.assert_array_equal(score.numpy() > 0, mask)


def test_a_background_new_to_the_support_is_known_from_the_border():
    mask = square()
    support = support_prototypes([([maps(mask)], mask)])
    query = maps(mask, ground=2)
    without, border = (cosine_map(support, [query], weight, (10, 12)).numpy() for weight in (0.0, 1.0))
    assert without[~mask].max() == 0
    assert border[~mask].max() < 0 < border[mask].min()


def test_a_support_without_an_object_has_no_prototypes():
    empty = np.zeros((2, 10, 12), dtype=bool)
    assert support_prototypes([([maps(empty)], empty)]) is None


def test_shots_of_different_sizes_add_up_and_odds_count_frames_with_the_object():
    small, large = square(10, 12), square(20, 24)
    large[1] = False
    support = support_prototypes([([maps(mask)], mask) for mask in (small, large)])
    share = np.mean([12 / 120, 12 / 120, 12 / 480])
    assert support.odds == pytest.approx(share / (1 - share))
    torch.testing.assert_close(support.objects[0], torch.tensor([1.0, 0.0, 0.0]))


def test_a_map_of_one_cell_is_all_border():
    torch.testing.assert_close(border_prototype(torch.ones(1, 4, 1, 1)), torch.full((4,), 0.5))
