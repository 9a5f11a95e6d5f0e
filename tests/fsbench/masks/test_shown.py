"""A mask is the same in whichever form it comes."""

import numpy as np
import pytest
from pycocotools import mask as coco

from fsbench.masks.resize import at_size
from fsbench.masks.rle import Rle
from fsbench.masks.shown import BinaryMask
from fsbench.metrics import outline_labels
from fsbench.metrics import outline_pairs

LABELS = np.kron([[0, 1, 1, 3], [2, 2, 0, 3], [0, 0, 0, 0]], np.ones((20, 15))).astype(np.uint8)


def in_layers(object_ids):
    """A map in two layers, in the second of which an object lies over another."""
    above = np.zeros_like(LABELS)
    above[5:25, 20:50] = 2
    layers = np.stack([LABELS, above])
    return layers, np.isin(layers, object_ids).any(axis=0)


FORMS = {
    "labels": (LABELS, None, LABELS > 0),
    "objects": (LABELS, (1, 3), np.isin(LABELS, (1, 3))),
    "an object that is hidden": (LABELS, (7, 300), np.zeros_like(LABELS)),
    "16 bits": (LABELS.astype(np.uint16) * 300, (300, 900), np.isin(LABELS, (1, 3))),
    "layers": (in_layers((1, 2))[0], (1, 2), in_layers((1, 2))[1]),
    "one layer": (LABELS[None], (2,), LABELS == 2),
    "run lengths": (
        Rle(60, 60, coco.encode(np.asfortranarray(LABELS == 2, dtype=np.uint8))["counts"]),
        None,
        LABELS == 2,
    ),
    "empty run lengths": (Rle(60, 60, coco.encode(np.zeros((60, 60), np.uint8, "F"))["counts"]), None, LABELS == 9),
}


@pytest.mark.parametrize("outlined_first", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_mask_that_it_says(form, outlined_first):
    content, object_ids, mask = FORMS[form]
    expected = mask.astype(np.uint8)
    made = BinaryMask(content, object_ids)
    for size in ((60, 60), (30, 41)) if outlined_first else ():
        against = outline_labels(at_size(expected, size), (1,))
        assert outline_pairs(made.outlines(size), against, [(0, 0)], 2) == outline_pairs(against, against, [(0, 0)], 2)
        assert made.outlines(size) is made.outlines(size)
    assert made.shape == (60, 60)
    assert made.is_empty == (not mask.any())
    assert made.labels.dtype == np.uint8
    np.testing.assert_array_equal(made.labels, expected)


def test_values_are_those_of_the_file():
    assert BinaryMask(LABELS).values == {1, 2, 3}
    assert BinaryMask(LABELS.astype(np.uint16) * 300).values == {300, 600, 900}
    assert BinaryMask(FORMS["run lengths"][0]).values == {1}


def test_a_code_that_is_none_is_never_decoded():
    with pytest.raises(ValueError, match="do not fill the frame"):
        BinaryMask(Rle(60, 60, b"11")).labels  # noqa: B018 - it is computed when it is asked for
