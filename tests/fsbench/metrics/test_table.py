import math

import numpy as np
import pytest

from fsbench.protocol import Protocol
from fsbench.scores.measuring import Measure
from fsbench.scores.metrics import METRICS

EMPTY = np.zeros((1, 120, 160), bool)
SOME = EMPTY.copy()
SOME[:, 30:80, 40:110] = True


def score(name, pred, truth):
    """What a metric gives of a single sequence, whose every object is the truth's."""
    metric = METRICS.get(name)
    measure = Measure(Protocol("one", "", metrics=(name,), headline=metric.label))
    foreground = [measure.foreground([mask]) for mask in truth]
    return measure.scores(measure.see_clip(pred, truth, foreground)).values[metric.label].tolist()


@pytest.mark.parametrize("name", list(METRICS.points))
def test_what_a_metric_gives_for_empty_masks_is_what_it_says(name):
    metric = METRICS.get(name)
    given = {"both_empty": (EMPTY, EMPTY), "truth_empty": (SOME, EMPTY), "pred_empty": (EMPTY, SOME)}
    for field, masks in given.items():
        said = getattr(metric, field)
        if said is None:
            more = tuple(np.maximum(mask, np.roll(mask, 1, axis=2)) for mask in masks)
            assert score(name, *masks) != score(name, *more), field
        else:
            assert score(name, *masks) == pytest.approx([said], nan_ok=True, abs=0), field


@pytest.mark.parametrize("name", list(METRICS.points))
def test_a_perfect_mask_is_no_worse_than_a_shifted_or_a_missing_one(name):
    truth = np.concatenate([SOME, EMPTY, SOME, EMPTY])
    worse = np.concatenate([np.roll(SOME, 30, axis=2), SOME, EMPTY, SOME])
    if name == "N_acc":
        truth = np.zeros_like(truth)
    if name == "T_acc":
        worse = np.zeros_like(truth)
    perfect, shifted = (np.mean(score(name, masks, truth)) for masks in (truth, worse))
    assert perfect > shifted if METRICS.get(name).is_better == "higher" else perfect < shifted


OF_SUMS = [name for name in METRICS.points if METRICS.get(name).of_sums]


@pytest.mark.parametrize("name", OF_SUMS)
def test_a_metric_of_sums_gives_the_same_for_sums_as_for_frames(name):
    metric = METRICS.get(name)
    union = np.random.default_rng(0).integers(0, 50, 40)
    counts = {"union": union, "intersection": union // 3, "pixels": union * 2 + 7}
    needed = [counts[need] for need in metric.needs]
    assert metric.function(*needed) == metric.function(*(each.sum(keepdims=True) for each in needed))


def test_the_iou_of_foreground_and_background_is_that_of_all_pixels_of_all_frames():
    random = np.random.default_rng(2)
    pred, truth = random.random((2, 5, 9, 13)) < 0.3
    ious = [np.sum(a & b) / np.sum(a | b) for a, b in ((pred, truth), (~pred, ~truth))]
    assert score("FB_IoU", pred, truth) == [sum(ious) / 2]
    assert "FB_IoU" in OF_SUMS


def test_names_of_a_tools_own_variants_stand_without_the_tool():
    assert METRICS.get("mose-v2/J").label == "J"
    assert (METRICS.get("J").mean_label, METRICS.get("tIoU").mean_label) == ("J_mean", "tIoU")
    assert math.isnan(METRICS.get("T_acc").both_empty)
