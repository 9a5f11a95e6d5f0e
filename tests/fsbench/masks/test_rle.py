import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import encode_masks
from fsbench.masks.rle import run_lengths
from fsbench.masks.rle import valid_code


def test_masks_are_encoded_as_coco_does_wherever_they_lie_and_whatever_is_true_in_them():
    masks = np.random.default_rng(0).random((6, 9, 4)) < 0.4
    masks[0] = False
    bytes_of_true = (masks * np.uint8(255)).view(np.bool_)
    for some in (masks, masks[::2, ::-1, 1:], masks.transpose(2, 0, 1), bytes_of_true):
        codes = coco.encode(np.asfortranarray((some.view(np.uint8) != 0).transpose(1, 2, 0), dtype=np.uint8))
        assert encode_masks(some) == [code["counts"] for code in codes]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(sum))
def test_counts_as_a_list_become_the_code_that_decodes_to_them(runs):
    expected = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    code = valid_code(1, sum(runs), runs)
    assert run_lengths(code.counts).tolist() == runs
    assert decode_masks([code.counts], 1, sum(runs))[0, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("code", [b"ooooo0", b"oooooo0", b"\xff", "\xe9", b"?PPPP0", b"?PPPPP0", b"?", b"/", b"1"])
def test_what_the_kernel_takes_for_a_code_is_what_numpy_takes_for_one(monkeypatch, code):
    quick = outcome(code)
    monkeypatch.setattr("fsbench.masks.rle.are_counts", lambda *_: False)
    assert outcome(code) == quick


def outcome(code):
    try:
        return valid_code(3, 5, code)
    except ValueError as error:
        return str(error)


@given(st.binary(max_size=12))
def test_any_bytes_are_a_valid_code_or_refused(counts):
    try:
        code = valid_code(3, 5, counts)
    except ValueError:
        return
    assert decode_masks([code.counts], 3, 5).shape == (1, 3, 5)
