import numpy as np
import pytest

from fsbench.metrics import contour_accuracy
from fsbench.metrics import region_similarity
from fsbench.metrics import table
from fsbench.scores.metrics import METRICS

EMPTY = np.zeros((1, 12, 16), bool)
SOME = EMPTY.copy()
SOME[:, 3:8, 4:11] = True


@pytest.mark.parametrize("name", list(METRICS.points))
def test_what_a_metric_gives_for_empty_masks_is_what_it_says(name):
    metric = METRICS.get(name)
    given = {"both_empty": (EMPTY, EMPTY), "truth_empty": (SOME, EMPTY), "pred_empty": (EMPTY, SOME)}
    for field, masks in given.items():
        assert metric.function(*masks).tolist() == [getattr(metric, field)]


@pytest.mark.parametrize("name", list(METRICS.points))
def test_a_perfect_mask_is_no_worse_than_a_shifted_one(name):
    metric = METRICS.get(name)
    perfect, shifted = metric.function(SOME, SOME)[0], metric.function(np.roll(SOME, 3, axis=2), SOME)[0]
    assert perfect > shifted if metric.is_better == "higher" else perfect < shifted


def test_j_and_f_are_registered_and_are_the_kernels():
    assert METRICS.get("J") is table.J
    assert METRICS.get("F") is table.F
    assert (table.J.function, table.F.function) == (region_similarity, contour_accuracy)
