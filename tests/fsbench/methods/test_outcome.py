import numpy as np
import pytest
import torch

from fsbench.errors import PluginError
from fsbench.methods.outcome import as_masks

SHAPE = (2, 1, 3, 4)


def test_an_array_of_the_contract_is_taken_as_it_is():
    masks = np.zeros(SHAPE, bool)
    assert as_masks(masks, SHAPE, "Method 'm'") is masks


def test_a_bool_tensor_is_taken():
    tensor = torch.zeros(SHAPE, dtype=torch.bool)
    tensor[1, 0, 2, 3] = True
    masks = as_masks(tensor, SHAPE, "Method 'm'")
    assert masks.dtype == np.bool_
    assert masks.nonzero() == (1, 0, 2, 3)


@pytest.mark.parametrize(
    ("result", "got"),
    [
        (np.zeros(SHAPE), r"array float64 \(2, 1, 3, 4\)"),
        (torch.zeros(SHAPE, requires_grad=True), r"tensor torch\.float32 \(2, 1, 3, 4\)"),
        (torch.zeros(SHAPE, dtype=torch.bfloat16), r"tensor torch\.bfloat16 \(2, 1, 3, 4\)"),
        (torch.zeros(2, 3, dtype=torch.bool), r"array bool \(2, 3\)|tensor bool \(2, 3\)"),
        (None, "NoneType"),
        ([[True]], "list"),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_wanted(result, got):
    with pytest.raises(PluginError, match=rf"Method 'm' returned ({got}), expected a bool .* \(2, 1, 3, 4\)"):
        as_masks(result, SHAPE, "Method 'm'")
