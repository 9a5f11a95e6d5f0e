import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fsbench.metrics import jaccard
from fsbench.metrics import pair_counts
from fsbench.metrics import region_and_contour
from fsbench.metrics import region_similarity
from tests.fsbench.metrics import oracles

pytestmark = pytest.mark.usefixtures("kernel")

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "metrics_reference.json").read_text(encoding="utf-8"))

EMPTY = np.zeros((5, 7), dtype=np.bool_)
FULL = np.ones((5, 7), dtype=np.bool_)
CORNER = np.zeros((5, 7), dtype=np.bool_)
CORNER[-1, -1] = True

pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


@given(pairs)
def test_it_is_symmetric_and_between_zero_and_one(pair):
    pred, truth = pair
    score = region_similarity(pred, truth)
    assert 0 <= score[0] <= 1
    np.testing.assert_array_equal(score, region_similarity(truth, pred))


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9)))
def test_equal_masks_score_one(mask):
    assert (region_similarity(mask, mask.copy()) == 1).all()


@pytest.mark.parametrize(
    ("pred", "truth", "score"),
    [
        (EMPTY, EMPTY, 1.0),
        (EMPTY, CORNER, 0.0),
        (CORNER, EMPTY, 0.0),
        (CORNER, FULL, 1 / 35),
        (EMPTY, FULL, 0.0),
        (FULL, FULL, 1.0),
        (FULL ^ CORNER, CORNER, 0.0),
    ],
)
def test_odd_masks(pred, truth, score):
    assert region_similarity(pred, truth).tolist() == [score]
    counts = pair_counts(pred, truth, 1)
    assert jaccard(np.array([counts.intersection]), np.array([counts.union])).tolist() == [score]


def test_a_clip_is_scored_frame_by_frame():
    pred = np.stack([EMPTY, CORNER, FULL])
    truth = np.stack([EMPTY, FULL, FULL])
    scores = region_similarity(pred, truth)
    assert scores.dtype == np.float64
    assert scores.tolist() == [1.0, 1 / 35, 1.0]


def test_a_single_frame_gives_one_score():
    assert region_similarity(FULL, FULL).shape == (1,)


def test_a_clip_without_frames_gives_no_score():
    none = np.zeros((0, 4, 4), dtype=np.bool_)
    scores = region_similarity(none, none)
    assert scores.shape == (0,)
    assert scores.dtype == np.float64


def test_jaccard_of_counts():
    assert jaccard(np.array([1, 0, 0]), np.array([3, 0, 7])).tolist() == [1 / 3, 1.0, 0.0]


def test_no_bit_differs_from_the_literal_count():
    for pred, truth, _ in oracles.mask_pairs(seed=1, number=400, largest=70):
        expected = np.logical_and(pred, truth).sum() / np.logical_or(pred, truth).sum() if (pred | truth).any() else 1
        assert region_similarity(pred, truth)[0] == expected
        assert region_and_contour(pred, truth)[0][0] == expected


@pytest.mark.parametrize("case", REFERENCE["pairs"], ids=lambda case: case["name"])
def test_no_bit_differs_from_the_stored_values(case):
    pred, truth = (np.array([[c == "#" for c in row] for row in case[key]]) for key in ("pred", "truth"))
    assert region_similarity(pred, truth)[0] == case["J"]


def test_the_memory_order_does_not_matter():
    rng = np.random.default_rng(2)
    pred, truth = rng.random((2, 9, 14)) < 0.4
    expected = region_similarity(pred, truth)
    assert region_similarity(np.asfortranarray(pred), truth) == expected
    assert region_similarity(pred[::-1, ::-1], truth[::-1, ::-1]) == expected


@pytest.mark.parametrize("score", [region_similarity, region_and_contour])
@pytest.mark.parametrize(
    ("pred", "truth", "message"),
    [
        (FULL, FULL[:, 1:], r"differ in shape: \[5, 7\] and \[5, 6\]"),
        (FULL.astype(np.uint8), FULL, "pred must be bool, got uint8"),
        (FULL, FULL * 1.0, "truth must be bool, got float64"),
        (FULL[0], FULL[0], r"pred must be \[H, W\] or \[T, H, W\], got \[7\]"),
        (FULL[None, None], FULL[None, None], r"got \[1, 1, 5, 7\]"),
        (FULL[None], FULL, r"differ in shape"),
        (FULL[:0], FULL[:0], "without pixels"),
        (FULL.tolist(), FULL, "pred must be a numpy array, got list"),
    ],
)
def test_wrong_arrays_are_refused(score, pred, truth, message):
    with pytest.raises(ValueError, match=message):
        score(pred, truth)
