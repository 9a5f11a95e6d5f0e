"""Masks that are cut out once and counted against many others: the counts are those of the masks."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from fsbench.metrics import label_counts
from fsbench.metrics import outline_code
from fsbench.metrics import outline_labels
from fsbench.metrics import outline_pairs
from fsbench.metrics import outline_rle
from fsbench.metrics import pair_counts
from fsbench.metrics import PairCounts

pytestmark = pytest.mark.usefixtures("kernel")

maps = hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 140)), elements=st.integers(0, 3))
labels_of_some = st.sets(st.sampled_from([0, 1, 2, 3, 255]), max_size=4)


def encoded(mask):
    return coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]


@given(maps, st.integers(0, 90))
def test_outlines_of_labels_are_counted_as_label_maps_are(frames, radius):
    pairs = list(itertools.product((1, 2, 3, 200), repeat=2))
    found = outline_pairs(outline_labels(frames[0]), outline_labels(frames[1]), pairs, radius)
    assert found == label_counts(frames[0], frames[1], pairs, radius)
    assert all(type(each) is PairCounts for each in found)


@given(maps, labels_of_some, labels_of_some, st.integers(0, 90))
def test_sets_of_labels_and_run_lengths_are_counted_as_their_masks_are(frames, some, others, radius):
    masks = np.isin(frames[0], list(some)), np.isin(frames[1], list(others))
    expected = pair_counts(*masks, radius)
    forms = [
        (outline_labels(labels, members), outline_rle(encoded(mask), *mask.shape))
        for labels, members, mask in zip(frames, (some, others), masks, strict=True)
    ]
    for pred, truth in itertools.product(*forms):  # also a map against run lengths
        assert outline_pairs(pred, truth, [(0, 0)], radius) == [expected]


@given(maps, labels_of_some, st.integers(1, 9))
def test_codes_are_those_of_coco_of_the_masks(frames, some, size):
    for labels in (frames[0], frames[0].repeat(size, 0).repeat(size, 1)):
        code = encoded(np.isin(labels, list(some)))
        assert outline_code(outline_labels(labels, some)) == code
        assert outline_code(outline_rle(code, *labels.shape)) == code
    every = outline_labels(frames[0])
    for label in (1, 2, 200):
        assert outline_code(every, label) == encoded(frames[0] == label)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (3, 64), (64, 3), (5, 129)])
def test_codes_of_runs_that_go_on_in_the_next_column(shape):
    empty = np.zeros(shape, np.uint8)
    down = empty.T.reshape(-1)
    for first, stop in itertools.combinations(
        {0, 1, shape[0] - 1, shape[0], 2 * shape[0], down.size - 1, down.size}, 2
    ):
        flat = np.zeros_like(down)
        flat[min(first, stop) : max(first, stop)] = 1
        mask = np.ascontiguousarray(flat.reshape(shape[::-1]).T)
        assert outline_code(outline_labels(mask, (1,))) == encoded(mask)


@given(maps)
def test_what_a_map_shows_is_told_whatever_is_cut_out(frames):
    for members in (None, (), (1, 2)):
        assert list(outline_labels(frames[0], members).present) == sorted(set(frames[0].ravel().tolist()))


def test_outlines_are_counted_by_many_threads_at_once_and_again():
    rng = np.random.default_rng(31)
    truth, *preds = (np.kron(rng.integers(0, 3, (9, 11)), np.ones((13, 17))).astype(np.uint8) for _ in range(9))
    shared = outline_labels(truth)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pred: outline_pairs(outline_labels(pred), shared, [(1, 1), (2, 1)], 5), preds * 3))
    assert found == [label_counts(pred, truth, [(1, 1), (2, 1)], 5) for pred in preds * 3]


def test_outlines_outlive_what_they_were_made_of():
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 5:50] = 1
    outlines = outline_labels(labels)
    labels[:] = 2
    assert outline_pairs(outlines, outlines, [(1, 1), (2, 2)], 1) == [(450, 450, 110, 110, 110, 110), (0,) * 6]


def test_what_does_not_fit_is_refused(kernel):
    frame = np.zeros((4, 6), np.uint8)
    single, every = outline_labels(frame, (1,)), outline_labels(frame)
    for pred, truth, pairs, radius, message in (
        (single, outline_labels(frame.T), [(0, 0)], 1, "two sizes"),
        (every, single, [(1, 1)], 1, "not there"),
        (single, every, [(1, 1)], 1, "not there"),
        (single, single, [(0, 0)], -1, "radius_px"),
    ):
        with pytest.raises(ValueError, match=message):
            outline_pairs(pred, truth, pairs, radius)
    for code in (b"", b"h", b"p"):
        with pytest.raises(ValueError, match="the run lengths "):
            outline_rle(code, 4, 6)
    with pytest.raises(ValueError, match="uint8"):
        outline_labels(frame.astype(np.uint16))
    with pytest.raises(ValueError, match="range"):
        outline_labels(frame, (256,))
    with pytest.raises(ValueError, match="second label"):
        kernel.outline_pairs(single.masks, single.masks, b"\0", 1)
    with pytest.raises(ValueError, match="radius is negative"):
        kernel.outline_pairs(single.masks, single.masks, b"\0\0", -1)
    for outlines, number in ((single, 1), (single, -1), (every, 256)):
        with pytest.raises(ValueError, match="no outline of this number"):
            outline_code(outlines, number)
    for size, height, width in ((23, 4, 6), (0, 0, 6), (24, 2**62, 4)):
        with pytest.raises(ValueError, match="the frame"):
            kernel.outline_labels(bytes(size), height, width, None)
    with pytest.raises(ValueError, match="no pixels"):
        kernel.outline_counts(b"h0", 0, 6)
