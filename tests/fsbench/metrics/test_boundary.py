import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from fsbench.metrics import boundary_map
from fsbench.metrics import clip_counts
from fsbench.metrics import contour_accuracy
from fsbench.metrics import decay
from fsbench.metrics import f_measure
from fsbench.metrics import mean
from fsbench.metrics import pair_counts
from fsbench.metrics import PairCounts
from fsbench.metrics import radius_px
from fsbench.metrics import recall
from fsbench.metrics import region_and_contour
from fsbench.metrics import region_similarity
from tests.fsbench.metrics import oracles

pytestmark = pytest.mark.usefixtures("kernel")

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "metrics_reference.json").read_text(encoding="utf-8"))


def drawn(rows):
    return np.array([[c == "#" for c in row] for row in rows])


masks = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=10).flatmap(
    lambda shape: hnp.arrays(np.bool_, shape)
)
pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=10).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)
tolerances = st.one_of(st.floats(0, 0.999), st.integers(1, 15))


# Radius


@pytest.mark.parametrize(
    ("tolerance", "height", "width", "radius"),
    [
        (0.008, 480, 854, 8),
        (0.008, 720, 1280, 12),
        (0.010, 480, 854, 10),
        (0.010, 720, 1280, 15),
        (0.008, 600, 800, 8),  # 0.008 of a diagonal of exactly 1000: not rounded up to 9
        (0.008, 1, 1, 1),
        (0, 480, 854, 0),
        (1, 480, 854, 1),
        (7.0, 2, 2, 7),
    ],
)
def test_radius_is_a_share_of_the_diagonal_or_whole_pixels(tolerance, height, width, radius):
    found = radius_px(tolerance, height, width)
    assert found == radius
    assert type(found) is int


@given(st.floats(0, 0.999), st.integers(1, 5000), st.integers(1, 5000))
def test_radius_rounds_as_davis_does(tolerance, height, width):
    assert radius_px(tolerance, height, width) == np.ceil(tolerance * np.linalg.norm((height, width)))


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf"), 2.5])
def test_a_senseless_tolerance_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        radius_px(tolerance, 480, 854)
    with pytest.raises(ValueError, match="tolerance"):
        contour_accuracy(np.ones((4, 4), dtype=np.bool_), np.ones((4, 4), dtype=np.bool_), tolerance)


# Boundary maps


@pytest.mark.parametrize(
    ("mask", "boundary"),
    [
        (["....", "....", "...."], ["....", "....", "...."]),
        (["####", "####", "####"], ["....", "....", "...."]),  # the frame is no boundary
        (["....", "..#.", "...."], [".##.", ".##.", "...."]),  # up and left of a pixel, and itself
        (["#...", "....", "...."], ["#...", "....", "...."]),
        (["....", "....", "...#"], ["....", "..##", "..#."]),  # the last row looks right, the last column down
        (["####", "####", "###."], ["....", "..##", "..#."]),
        (["##..", "##..", "##.."], [".#..", ".#..", ".#.."]),
        (["..##."], [".#.#."]),
        (["#"], ["."]),
    ],
)
def test_boundary_is_where_a_forward_block_is_mixed(mask, boundary):
    np.testing.assert_array_equal(boundary_map(drawn(mask)), drawn(boundary))


@given(masks)
def test_boundary_equals_both_oracles_and_that_of_the_complement(mask):
    found = boundary_map(mask)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, oracles.edt_boundary(mask))
    np.testing.assert_array_equal(np.argwhere(found).tolist(), oracles.search_boundary(mask))
    np.testing.assert_array_equal(found, boundary_map(~mask))


@pytest.mark.parametrize("mask", [np.ones((2, 3, 4), np.bool_), np.ones((3, 4), np.uint8), np.ones((0, 4), np.bool_)])
def test_boundary_of_what_is_no_mask_is_refused(mask):
    with pytest.raises(ValueError, match=r"^mask "):
        boundary_map(mask)


# F


@given(pairs, tolerances)
def test_it_is_symmetric_and_between_zero_and_one(pair, tolerance):
    pred, truth = pair
    score = contour_accuracy(pred, truth, tolerance)
    assert 0 <= score[0] <= 1
    np.testing.assert_array_equal(score, contour_accuracy(truth, pred, tolerance))


@given(masks, tolerances)
def test_equal_masks_score_one(mask, tolerance):
    assert contour_accuracy(mask, mask.copy(), tolerance).tolist() == [1.0]


@given(
    pairs, tolerances, st.tuples(st.integers(1, 9), st.integers(1, 9)), st.tuples(st.integers(1, 9), st.integers(1, 9))
)
def test_shifting_both_masks_away_from_the_border_changes_nothing(pair, tolerance, here, there):
    found = []
    for y, x in (here, there):
        frames = np.zeros((2, 22, 22), dtype=np.bool_)
        height, width = pair[0].shape
        frames[:, y : y + height, x : x + width] = pair
        found.append(clip_counts(*frames, tolerance))
    assert found[0] == found[1]


@given(pairs, st.lists(tolerances, min_size=2, max_size=5))
def test_it_does_not_fall_when_the_tolerance_grows(pair, several):
    several.sort(key=lambda tolerance: radius_px(tolerance, *pair[0].shape))
    scores = [contour_accuracy(*pair, tolerance)[0] for tolerance in several]
    assert scores == sorted(scores)


@given(pairs, st.integers(0, 15))
def test_counts_equal_both_oracles(pair, radius):
    found = pair_counts(*pair, radius)
    assert all(type(count) is int for count in found)
    assert found == oracles.search_counts(*pair, radius)
    assert found == oracles.edt_counts(*pair, radius)


@settings(max_examples=30)
@given(hnp.arrays(np.bool_, (2, 3, 130)), st.integers(0, 140))
def test_counts_of_wide_frames_equal_the_distance_transform(frames, radius):
    assert pair_counts(*frames, radius) == oracles.edt_counts(*frames, radius)


def test_no_bit_differs_from_the_distance_transform_on_thousands_of_masks():
    for number, (pred, truth, tolerance) in enumerate(oracles.mask_pairs(seed=3, number=2500, largest=90)):
        counts = oracles.edt_counts(pred, truth, oracles.radius_of(tolerance, pred.shape))
        region, contour = region_and_contour(pred, truth, tolerance)
        assert clip_counts(pred, truth, tolerance) == [counts], number
        assert (region[0], contour[0]) == oracles.scores(counts), number


def test_no_bit_differs_from_the_literal_search_on_tiny_masks():
    for number, (pred, truth, tolerance) in enumerate(oracles.mask_pairs(seed=4, number=600, largest=7)):
        counts = oracles.search_counts(pred, truth, oracles.radius_of(tolerance, pred.shape))
        region, contour = region_and_contour(pred, truth, tolerance)
        assert (region[0], contour[0]) == oracles.scores(counts), number


def test_the_radius_may_exceed_the_frame():
    pred, truth = drawn(["#....", "....."]), drawn([".....", "...#."])
    assert contour_accuracy(pred, truth, 10**6).tolist() == [1.0]


def test_a_match_ends_exactly_at_the_radius():
    frames = np.zeros((2, 1, 40), dtype=np.bool_)
    frames[0, 0, :10], frames[1, 0, :18] = True, True  # one boundary pixel each, 8 apart
    assert contour_accuracy(*frames, 7).tolist() == [0.0]
    assert contour_accuracy(*frames, 8).tolist() == [1.0]


def test_the_default_tolerance_is_that_of_davis():
    frames = np.zeros((2, 480, 854), dtype=np.bool_)
    frames[0, :, :100], frames[1, :, :108] = True, True
    assert contour_accuracy(*frames).tolist() == [1.0]
    assert contour_accuracy(*frames, 7).tolist() == [0.0]


def test_full_frame_truth_against_empty_prediction_has_j_zero_and_f_one():
    truth = np.ones((3, 20, 30), dtype=np.bool_)
    region, contour = region_and_contour(~truth, truth)
    assert region.tolist() == [0.0] * 3
    assert contour.tolist() == [1.0] * 3


def test_one_empty_boundary_scores_zero():
    mask = np.zeros((9, 9), dtype=np.bool_)
    mask[4, 4] = True
    for other in (np.zeros_like(mask), np.ones_like(mask)):
        assert contour_accuracy(mask, other).tolist() == [0.0]
        assert contour_accuracy(other, mask).tolist() == [0.0]


@pytest.mark.parametrize(
    ("counts", "score"),
    [
        (PairCounts(0, 9, 4, 5, 0, 0), 0.0),
        (PairCounts(0, 9, 4, 0, 0, 0), 0.0),
        (PairCounts(0, 9, 0, 0, 0, 0), 1.0),
        (PairCounts(5, 9, 10, 5, 6, 4), 2 * 0.6 * 0.8 / (0.6 + 0.8)),
    ],
)
def test_f_measure_of_counts(counts, score):
    assert f_measure(*(np.array([count]) for count in counts[2:])).tolist() == [score]


def test_one_pass_gives_what_two_give():
    rng = np.random.default_rng(5)
    pred, truth = rng.random((2, 4, 30, 41)) < 0.3
    region, contour = region_and_contour(pred, truth, 0.05)
    np.testing.assert_array_equal(region, region_similarity(pred, truth))
    np.testing.assert_array_equal(contour, contour_accuracy(pred, truth, 0.05))
    assert region.dtype == contour.dtype == np.float64
    assert region.shape == contour.shape == (4,)


def test_a_clip_without_frames_gives_no_score():
    none = np.zeros((0, 4, 4), dtype=np.bool_)
    assert [scores.shape for scores in region_and_contour(none, none)] == [(0,), (0,)]


def test_the_masks_are_left_alone_and_their_memory_order_does_not_matter():
    rng = np.random.default_rng(6)
    pred, truth = rng.random((2, 12, 17)) < 0.2
    copies = pred.copy(), truth.copy()
    expected = pair_counts(pred, truth, 1)
    assert pair_counts(np.asfortranarray(pred), np.asfortranarray(truth), 1) == expected
    pred.flags.writeable = truth.flags.writeable = False
    assert pair_counts(pred, truth, 1) == expected
    assert pair_counts(np.repeat(pred, 2, axis=1)[:, ::2], truth, 1) == expected
    flipped = pred[::-1, ::-1], truth[::-1, ::-1]
    assert pair_counts(*flipped, 1) == pair_counts(*(mask.copy() for mask in flipped), 1)
    np.testing.assert_array_equal((pred, truth), copies)


def test_pair_counts_refuses_clips_and_negative_radii():
    mask = np.ones((2, 4, 4), dtype=np.bool_)
    with pytest.raises(ValueError, match=r"pred must be \[H, W\], got \[2, 4, 4\]"):
        pair_counts(mask, mask, 1)
    with pytest.raises(ValueError, match="radius_px must be >= 0, got -1"):
        pair_counts(mask[0], mask[0], -1)


# Numbers of davis2017-evaluation


@pytest.mark.parametrize("case", REFERENCE["pairs"], ids=lambda case: case["name"])
def test_no_bit_differs_from_the_stored_values(case):
    pred, truth = drawn(case["pred"]), drawn(case["truth"])
    assert {tolerance: contour_accuracy(pred, truth, float(tolerance))[0] for tolerance in case["F"]} == case["F"]


@pytest.mark.parametrize("index", range(6))
def test_the_official_scores_of_osvos_are_reproduced_to_the_last_digit(test_data, index):
    root = test_data / "davis17-osvos"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    with (root / "official_scores.csv").open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[index]
    video = row.pop("object").removesuffix("_1")
    truth_files = sorted((root / "Annotations" / "480p" / video).glob("*.png"))
    assert len(truth_files) == int(row.pop("frames"))
    truth, pred = (
        np.stack([np.asarray(Image.open(folder / file.name)) == 1 for file in truth_files[1:-1]])
        for folder in (truth_files[0].parent, root / "results_osvos" / video)
    )
    found = {}
    for letter, values in zip("JF", region_and_contour(pred, truth), strict=True):
        for name, summary in (("Mean", mean), ("Recall", recall), ("Decay", decay)):
            found[f"{letter}-{name}"] = f"{summary(values):.6f}"
    assert found == row
