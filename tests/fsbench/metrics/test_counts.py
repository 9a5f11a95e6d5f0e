import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from fsbench.metrics import _pure
from fsbench.metrics import counts
from fsbench.metrics import label_counts
from fsbench.metrics import labels_present
from fsbench.metrics import pair_counts
from fsbench.metrics import PairCounts
from fsbench.metrics import rle_counts
from tests.fsbench.metrics import oracles

pytestmark = pytest.mark.usefixtures("kernel")

ZEROS = np.zeros((4, 6), dtype=np.uint8)


def encoded(mask):
    """COCO's compressed counts of a bool [H, W]."""
    return coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]


def digits(numbers):
    """Numbers in the digits of COCO's counts, as they stand: without differences."""
    text = bytearray()
    for number in numbers:
        more = True
        while more:
            digit, number = number & 0x1F, number >> 5
            more = number != (-1 if digit & 0x10 else 0)
            text.append(48 + digit + 0x20 * more)
    return bytes(text)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except ValueError as error:
        return str(error)


# Which kernel


def test_importing_the_metrics_costs_numpy_alone():
    heavy = {"cv2", "numba", "pandas", "pycocotools", "scipy", "skimage", "torch"}
    code = "import sys, fsbench.metrics; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "numpy" in done.stdout.split()
    assert heavy.isdisjoint(done.stdout.split())


def test_without_the_extension_numpy_counts():
    code = (
        "import sys; sys.modules['fsbench.metrics._kernel'] = None; import fsbench.metrics.counts as m, numpy as np;"
        "mask = np.ones((3, 3), dtype=np.bool_); print(m.kernel.NAME, *m.pair_counts(mask, mask, 1))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["numpy", "9", "9", "0", "0", "0", "0"]


# Pairs of masks


def test_no_count_differs_from_the_distance_transform_on_wide_masks():
    for number, (pred, truth, tolerance) in enumerate(oracles.mask_pairs(seed=21, number=1000, largest=200)):
        radius = oracles.radius_of(tolerance, pred.shape)
        assert pair_counts(pred, truth, radius) == oracles.edt_counts(pred, truth, radius), number


@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 66, 127, 128, 129, 191, 192, 193])
@pytest.mark.parametrize("transposed", [False, True], ids=["wide", "high"])
def test_no_count_differs_from_the_distance_transform_around_the_words(width, transposed):
    rng = np.random.default_rng(width)
    for height, density, radius in itertools.product((1, 2, 5), (0.01, 0.1, 0.5, 0.99), (0, 1, 3, 40, 70)):
        frames = rng.random((2, height, width)) < density
        pred, truth = frames.transpose(0, 2, 1) if transposed else frames
        assert pair_counts(pred, truth, radius) == oracles.edt_counts(pred, truth, radius), (height, density, radius)


def test_no_count_differs_from_the_literal_search_on_tiny_masks():
    for number, (pred, truth, tolerance) in enumerate(oracles.mask_pairs(seed=22, number=600, largest=7)):
        radius = oracles.radius_of(tolerance, pred.shape)
        assert pair_counts(pred, truth, radius) == oracles.search_counts(pred, truth, radius), number


def test_every_radius_up_to_90_counts_as_the_distance_transform_does():
    rng = np.random.default_rng(23)
    frames = rng.random((2, 100, 130)) < 0.0004
    frames[0, :50, :60] = False
    for radius in range(91):
        assert pair_counts(*frames, radius) == oracles.edt_counts(*frames, radius), radius


@pytest.mark.parametrize("offset", [(0, 4096), (4096, 0), (128, 4095)])
def test_a_large_radius_ends_exactly_where_it_should(offset):
    pred, truth = np.zeros((2, offset[0] + 1, offset[1] + 1), dtype=np.bool_)
    pred[0, 0] = truth[-1, -1] = True
    distance = int(np.hypot(*offset))  # a whole number
    # The boundary of the last pixel lies above and left of it, too.
    reached = [sum(pair_counts(pred, truth, distance - nearer)[4:]) for nearer in (0, 1, 2)]
    expected = [sum(oracles.edt_counts(pred, truth, distance - nearer)[4:]) for nearer in (0, 1, 2)]
    assert reached == expected
    assert reached[0] > reached[-1]


@pytest.mark.parametrize("radius", [10**6, 2**31, 2**63, 10**30])
def test_a_radius_beyond_all_bounds_reaches_everything(radius):
    pred, truth = np.zeros((2, 70, 140), dtype=np.bool_)
    pred[0, 0] = truth[-1, -1] = True
    assert pair_counts(pred, truth, radius) == (0, 2, 1, 3, 1, 3)
    assert rle_counts(encoded(pred), encoded(truth), 70, 140, radius) == (0, 2, 1, 3, 1, 3)


# Label maps


def test_labels_are_counted_as_their_masks_are():
    for number, (pred, truth, radius) in enumerate(oracles.label_maps(seed=24, number=150, largest=140)):
        # All pairs, with labels that are not there, and in an order that is not theirs.
        present = sorted({*np.unique(pred)[:6].tolist(), *np.unique(truth)[-6:].tolist(), 0, 255, 100}, reverse=True)
        pairs = list(itertools.product(present, repeat=2))
        found = label_counts(pred, truth, pairs, radius)
        assert found == [pair_counts(pred == p, truth == t, radius) for p, t in pairs], number


def test_no_count_of_a_label_differs_from_the_distance_transform():
    for number, (pred, truth, radius) in enumerate(oracles.label_maps(seed=25, number=400, largest=100)):
        labels = {*pred.flat, *truth.flat}
        pairs = [(label, label) for label in sorted(labels)[:4]]
        found = label_counts(pred, truth, pairs, radius)
        assert found == [oracles.edt_counts(pred == p, truth == t, radius) for p, t in pairs], number


def test_all_256_labels_are_counted_at_once():
    rng = np.random.default_rng(26)
    pred, truth = rng.integers(0, 256, (2, 40, 70), dtype=np.uint8)
    pairs = [(label, 255 - label) for label in range(256)]
    found = label_counts(pred, truth, pairs, 3)
    assert found == [oracles.edt_counts(pred == p, truth == t, 3) for p, t in pairs]
    assert all(type(counts) is PairCounts for counts in found)
    everything = label_counts(pred, truth, list(itertools.product(range(256), range(0, 256, 8))), 0)
    assert sum(counts.intersection for counts in everything) == np.count_nonzero(truth % 8 == 0)


def test_the_labels_that_are_present_are_those_of_unique():
    for number, (labels, other, _) in enumerate(oracles.label_maps(seed=31, number=300, largest=130)):
        assert labels_present(labels) == np.unique(labels).tolist(), number
        assert labels_present(other.T) == np.unique(other).tolist(), number
    assert labels_present(np.arange(256, dtype=np.uint8)[None]) == list(range(256))
    assert labels_present(ZEROS[:1, :1]) == [0]


@pytest.mark.parametrize("labels", [ZEROS.astype(np.uint16), ZEROS[None], ZEROS[:0]])
def test_the_labels_of_no_label_map_are_refused(labels):
    with pytest.raises(ValueError, match=r"^labels "):
        labels_present(labels)


def test_no_pairs_no_counts():
    assert label_counts(ZEROS, ZEROS, [], 1) == []


def test_a_pair_may_be_asked_for_twice_and_labels_may_be_of_numpy():
    labels = np.unique(ZEROS)
    pairs = [(labels[0], labels[0]), (0, 0)]
    assert label_counts(ZEROS, ZEROS, pairs, 1) == [(24, 24, 0, 0, 0, 0)] * 2


def test_the_memory_order_of_label_maps_does_not_matter():
    ((pred, truth, _),) = oracles.label_maps(seed=27, number=1, largest=90)
    pairs = list(itertools.product(np.unique(pred), np.unique(truth)))
    expected = label_counts(pred, truth, pairs, 2)
    assert label_counts(np.asfortranarray(pred), np.repeat(truth, 3, axis=1)[:, ::3], pairs, 2) == expected
    flipped = pred[::-1, ::-1], truth[::-1, ::-1]
    assert label_counts(*flipped, pairs, 2) == label_counts(*(labels.copy() for labels in flipped), pairs, 2)
    pred.flags.writeable = False
    assert label_counts(pred, truth, pairs, 2) == expected


@pytest.mark.parametrize(
    ("pred", "truth", "message"),
    [
        (ZEROS, ZEROS[:, 1:], r"differ in shape: \[4, 6\] and \[4, 5\]"),
        (ZEROS.astype(np.uint16), ZEROS, "pred must be uint8, got uint16"),
        (ZEROS, ZEROS == 1, "truth must be uint8, got bool"),
        (ZEROS[None], ZEROS[None], r"pred must be \[H, W\], got \[1, 4, 6\]"),
        (ZEROS[:0], ZEROS[:0], "without pixels"),
        (ZEROS.tobytes(), ZEROS, "pred must be a numpy array, got bytes"),
    ],
)
def test_wrong_label_maps_are_refused(pred, truth, message):
    with pytest.raises(ValueError, match=message):
        label_counts(pred, truth, [(1, 1)], 1)


@pytest.mark.parametrize("pair", [(256, 1), (1, -1), (1,), (1, 2, 3)])
def test_wrong_pairs_are_refused(pair):
    with pytest.raises(ValueError, match=r"a pair must be two labels in 0\.\.255"):
        label_counts(ZEROS, ZEROS, [(1, 1), pair], 1)


@pytest.mark.parametrize("function", [label_counts, rle_counts])
def test_a_negative_radius_is_refused(function):
    arguments = (ZEROS, ZEROS, [(1, 1)]) if function is label_counts else (b"h0", b"h0", 4, 6)
    with pytest.raises(ValueError, match="radius_px must be >= 0, got -1"):
        function(*arguments, -1)


def test_threads_do_not_disturb_each_other():
    cases = list(oracles.label_maps(seed=28, number=40, largest=130))
    pairs = [(label, label) for label in range(0, 256, 5)]

    def counted(case):
        return label_counts(*case[:2], pairs, case[2])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(counted, cases)) == [counted(case) for case in cases]


# Run lengths


def test_run_lengths_are_counted_as_their_masks_are():
    for number, (pred, truth, tolerance) in enumerate(oracles.mask_pairs(seed=29, number=1000, largest=140)):
        radius = oracles.radius_of(tolerance, pred.shape)
        found = rle_counts(encoded(pred), encoded(truth), *pred.shape, radius)
        assert found == oracles.edt_counts(pred, truth, radius), number
        assert type(found) is PairCounts


@given(hnp.arrays(np.bool_, st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 70))), st.integers(0, 90))
def test_run_lengths_of_any_masks_are_counted_as_the_masks_are(frames, radius):
    shape = frames.shape[1:]
    assert rle_counts(*map(encoded, frames), *shape, radius) == pair_counts(*frames, radius)


def test_long_runs_are_read():
    # 4000 x 4000 pixels, of which one is missing near the end: counts of 24 bits
    missing = np.zeros((4000, 4000), dtype=np.bool_)
    missing[-3, -1] = True
    assert rle_counts(encoded(~missing), encoded(missing), 4000, 4000, 8) == (0, 4000**2, 4, 4, 4, 4)
    assert pair_counts(~missing, missing, 8) == (0, 4000**2, 4, 4, 4, 4)


def test_empty_runs_are_allowed():
    plain = rle_counts(digits([3, 4, 17]), digits([0, 24]), 4, 6, 1)
    assert rle_counts(digits([3, 1, 0, 2, 17]), digits([0, 24, 0, -24]), 4, 6, 1) == plain


def test_a_number_may_have_more_digits_than_it_needs():
    assert digits([24]) == b"h0"
    assert rle_counts(b"hPPPP0", digits([0, 24]), 4, 6, 1) == (0, 24, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "do not fill the frame"),
        (digits([23]), "do not fill the frame"),
        (digits([25]), "exceed the frame"),
        (digits([3, 4, 18]), "exceed the frame"),
        (digits([-1, 25]), "a run length is negative"),
        (digits([3, 4, 3, -5, 19]), "a run length is negative"),  # 4 - 5
        (digits([24])[:-1], "end within a number"),
        (digits([3, 4]) + b"P", "end within a number"),
        (b"0" + b"P" * 7 + b"0", "of too many digits"),
        (b"0" + b"o" * 40, "of too many digits"),
        (digits([2**33]), "exceed the frame"),
        (b"P" * 6 + b"?", "exceed the frame"),
        (b"P" * 6 + b"@", "a run length is negative"),
        (b"/", "a byte that is no digit"),
        (b"p", "a byte that is no digit"),
        (b"\xff\x00", "a byte that is no digit"),
    ],
)
def test_malformed_run_lengths_are_refused(text, message):
    good = digits([24])
    with pytest.raises(ValueError, match=f"^pred: .*{message}"):
        rle_counts(text, good, 4, 6, 1)
    with pytest.raises(ValueError, match=f"^truth: .*{message}"):
        rle_counts(good, text, 4, 6, 1)


def test_run_lengths_of_another_frame_are_refused():
    text = encoded(np.ones((4, 6), dtype=np.bool_))
    for height, width in ((4, 5), (5, 6), (1, 1)):
        with pytest.raises(ValueError, match="the frame"):
            rle_counts(text, text, height, width, 1)


@pytest.mark.parametrize(
    ("height", "width", "message"),
    [
        (0, 6, "no pixels"),
        (6, 0, "no pixels"),
        (-2, -3, "no pixels"),
        (2**16, 2**15, "many pixels"),
        (1, 2**40, "many"),
    ],
)
def test_run_lengths_of_no_frame_are_refused(height, width, message):
    with pytest.raises(ValueError, match=message):
        rle_counts(b"h0", b"h0", height, width, 1)


texts = st.one_of(
    st.binary(max_size=12),
    st.binary(max_size=40).map(lambda text: bytes(48 + byte % 64 for byte in text)),
    st.lists(st.integers(-3, 9), max_size=12).map(digits),
    hnp.arrays(np.bool_, (6, 5)).map(encoded),
    st.tuples(hnp.arrays(np.bool_, (6, 5)).map(encoded), st.integers(0, 30), st.binary(max_size=2)).map(
        lambda changed: changed[0][: changed[1]] + changed[2] + changed[0][changed[1] + 1 :]
    ),
)


@pytest.mark.parametrize("kernel", ["C"], indirect=True)  # numpy's is what it is held against
@settings(max_examples=800)
@given(texts, texts, st.sampled_from([(6, 5), (5, 6), (3, 10), (1, 1), (1, 70)]), st.integers(0, 9))
@example(b"", b"", (1, 1), 0)
def test_whatever_the_run_lengths_hold_all_kernels_agree(kernel, pred, truth, shape, radius):
    arguments = (pred, truth, *shape, radius)
    assert outcome(kernel.rle_counts, *arguments) == outcome(_pure.rle_counts, *arguments)
    for digits_allowed in (1, 6, 7):
        found = kernel.are_counts(pred, *shape, digits_allowed)
        assert found == _pure.are_counts(pred, *shape, digits_allowed)
    assert found == (not isinstance(outcome(kernel.outline_counts, pred, *shape), str))


# What the kernels themselves refuse: the public functions let none of it through, but memory is at stake.


@pytest.mark.parametrize(
    ("size", "height", "width", "radius", "message"),
    [
        (23, 4, 6, 1, "not of the frame's size"),
        (25, 4, 6, 1, "not of the frame's size"),
        (0, 0, 6, 1, "no pixels"),
        (24, -4, -6, 1, "no pixels"),
        (24, 2**31, 2**31, 1, "many pixels"),
        (24, 2**62, 4, 1, "many pixels"),
        (24, 4, 6, -1, "radius is negative"),
    ],
)
def test_a_kernel_checks_every_size(kernel, size, height, width, radius, message):
    for pred, truth in ((bytes(size), bytes(24)), (bytes(24), bytes(size))):
        with pytest.raises(ValueError, match=message):
            kernel.pair_counts(pred, truth, height, width, radius)
        with pytest.raises(ValueError, match=message):
            kernel.label_counts(pred, truth, height, width, b"\0\0", radius)


def test_a_kernel_wants_whole_pairs(kernel):
    with pytest.raises(ValueError, match="second label"):
        kernel.label_counts(bytes(24), bytes(24), 4, 6, b"\0\0\0", 1)


def test_a_kernel_takes_every_byte_but_zero_as_the_mask(kernel):
    rng = np.random.default_rng(30)
    pred, truth = rng.integers(0, 256, (2, 20, 70), dtype=np.uint8) * (rng.random((2, 20, 70)) < 0.5)
    pred, truth = pred.astype(np.uint8), truth.astype(np.uint8)
    assert kernel.pair_counts(pred, truth, 20, 70, 2) == oracles.edt_counts(pred != 0, truth != 0, 2)


def test_the_counts_come_from_the_chosen_kernel(kernel):
    assert counts.kernel is kernel
