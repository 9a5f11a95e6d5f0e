"""Metrics that the field reports besides J and F, held against their definitions, written out here."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fsbench.metrics import contour_accuracy
from fsbench.metrics import region_similarity
from fsbench.metrics.adaptive import adaptive_contour
from fsbench.metrics.adaptive import capped_contour
from fsbench.metrics.adaptive import disappearance
from fsbench.metrics.adaptive import reappearance
from fsbench.protocol import Protocol
from fsbench.scores.measuring import Measure

CLIPS = arrays(np.bool_, st.tuples(st.just(2), st.integers(0, 6), st.just(7), st.just(9)))
ALL = ("mose-v2/J", "tIoU", "vIoU", "N_acc", "T_acc", "A", "R", "P@0.5", "P@0.6", "P@0.9", "oIoU", "mIoU")


def disk(height, width, row, column, radius):
    ys, xs = np.ogrid[:height, :width]
    return (ys - row) ** 2 + (xs - column) ** 2 <= radius**2


def scores(names, pred, truth):
    measure = Measure(Protocol("some", "", metrics=tuple(names), headline=names[0].rpartition("/")[2]))
    foreground = [measure.foreground([mask]) for mask in truth]
    return measure.scores(measure.see_clip(pred, truth, foreground)).values


@given(CLIPS)
def test_what_follows_from_counts_is_what_the_definitions_say(clips):
    pred, truth = clips
    both, either = (pred & truth).sum((1, 2)), (pred | truth).sum((1, 2))
    seen, there = pred.any((1, 2)), truth.any((1, 2))
    found = scores(ALL, pred, truth)
    assert found["J"].tolist() == [(i + 1) / (u + 1) for i, u in zip(both, either, strict=True)]
    either_seen = np.count_nonzero(seen | there)
    J = region_similarity(pred, truth)
    assert found["tIoU"] == [np.count_nonzero(seen & there) / either_seen if either_seen else 1]
    assert found["vIoU"] == pytest.approx([J[seen & there].sum() / either_seen if either_seen else 1])
    assert found["A"] == pytest.approx((pred == truth).mean((1, 2)))
    wrong = [(p & ~t).sum() / t.sum() if t.any() else float(p.any()) for p, t in zip(pred, truth, strict=True)]
    assert found["R"] == pytest.approx([max(0, 1 - share) for share in wrong])
    if there.any():
        assert math.isnan(found["N_acc"][0])
        assert found["T_acc"] == [seen.any()]
    else:
        assert math.isnan(found["T_acc"][0])
        assert found["N_acc"] == [not seen.any()]
    if len(pred):
        assert found["oIoU"] == [both.sum() / either.sum() if either.sum() else 1]
        assert found["mIoU"] == pytest.approx([J.mean()])
        single = ((both + np.float32(1e-6)) / (either + np.float32(1e-6))).astype(np.float32).astype(float)
        assert found["P@0.5"] == pytest.approx([(single > 0.5).mean()])
        assert found["P@0.9"] == pytest.approx([(single > 0.9).mean()])


def test_an_iou_of_exactly_three_fifths_is_above_it_and_of_one_half_is_not():
    truth = np.ones((1, 10, 100), np.bool_)
    for count, name, expected in ((6, "P@0.6", 1.0), (5, "P@0.5", 0.0), (8, "P@0.8", 1.0), (9, "P@0.9", 0.0)):
        pred = truth.copy()
        pred[:, count:] = False
        assert scores([name], pred, truth)[name].tolist() == [expected]


def test_sentences_without_a_target_have_no_j():
    truth, some = np.zeros((3, 7, 9), np.bool_), np.ones((3, 7, 9), np.bool_)
    assert np.isnan(scores(["mevis-v2/J", "mevis-v2/F"], some, truth)["J"]).all()
    truth[2, 3:, 3:] = True
    found = scores(["mevis-v2/J", "mevis-v2/F"], some, truth)
    assert found["J"].tolist() == region_similarity(some, truth).tolist()
    assert found["F"].tolist() == contour_accuracy(some, truth).tolist()


@pytest.mark.parametrize("radius", [4, 20, 60, 100])
def test_the_tolerance_follows_the_object_up_to_a_bound(radius):
    """300 x 400 pixels: the bound is 4, a whole number, so that F of DAVIS with these radii is the reference."""
    truth, pred = disk(300, 400, 150, 200, radius)[None], disk(300, 400, 152, 203, radius)[None]
    reach = min(4, math.ceil(0.1 * math.sqrt(truth.sum())))
    assert adaptive_contour(pred, truth, 0.008) == contour_accuracy(pred, truth, reach)
    assert capped_contour(pred, truth, 0.008) == contour_accuracy(pred, truth, 4)


def test_a_bound_that_is_no_whole_number_is_the_disk_that_skimage_and_opencv_make_of_it():
    cv2, morphology = pytest.importorskip("cv2"), pytest.importorskip("skimage.morphology")
    from fsbench.metrics.counts import boundary_map

    truth, pred = disk(240, 427, 100, 200, 80), disk(240, 427, 103, 197, 84)
    bound = 0.008 * math.hypot(240, 427)
    assert bound != int(bound)
    edges = [boundary_map(mask).astype(np.uint8) for mask in (pred, truth)]
    near = [cv2.dilate(edge, morphology.disk(bound).astype(np.uint8)) for edge in edges]
    precision, recall = ((edges[i] & near[1 - i]).sum() / edges[i].sum() for i in (0, 1))
    expected = 2 * precision * recall / (precision + recall)
    assert adaptive_contour(pred[None], truth[None], 0.008).tolist() == [expected]
    assert capped_contour(pred[None], truth[None], 0.008).tolist() == [expected]


def test_spans_without_and_with_the_object():
    area = np.array([0, 0, 5, 5, 0, 0, 0, 5, 0, 5, 5])
    values = np.arange(11.0)
    assert disappearance(values, area).tolist() == [np.mean([5.0, 8.0])]
    assert reappearance(values, area).tolist() == [np.mean([2.5, 7.0, 9.5])]
    assert np.isnan(disappearance(values, np.array([0] * 3 + [5] * 8))).all()
    assert np.isnan(reappearance(values, np.array([5] * 8 + [0] * 3))).all()
