import numpy as np
import pytest
import torch

from fsbench.errors import PluginError
from fsbench.methods.outcome import as_masks
from fsbench.methods.outcome import as_parts
from fsbench.methods.outcome import whole_masks

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


def parts(*frames, size=(3, 4)):
    """Parts of two sentences' masks, of so many frames each."""
    return [np.zeros((2, t, *size), bool) for t in frames]


WHOLE = (2, 5, 3, 4)


@pytest.mark.parametrize("frames", [(5,), (1, 4), (2, 0, 3), (1, 1, 1, 1, 1)])
def test_parts_in_any_division_are_taken_as_they_are_one_at_a_time(frames):
    given = parts(*frames)
    asked = []
    yielded = (asked.append(number) or part for number, part in enumerate(given))
    for number, part in enumerate(as_parts(yielded, WHOLE, "Method 'm'")):
        assert part is given[number]
        assert len(asked) == number + 1
    assert len(asked) == len(given)


def test_a_part_may_be_a_tensor():
    (part,) = as_parts(iter([torch.ones(WHOLE, dtype=torch.bool)]), WHOLE, "Method 'm'")
    assert part.dtype == np.bool_
    assert part.all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (parts(2, 2), r"'m' yielded masks of 4 frames, expected the video's 5"),
        (parts(), r"'m' yielded masks of 0 frames, expected the video's 5"),
        (parts(3, 3), r"'m' yielded masks of more than the video's 5 frames: 6 so far"),
        ([*parts(5), *parts(1)], r"'m' yielded masks of more than the video's 5 frames: 6 so far"),
        (parts(5, size=(4, 3)), r"'m' yielded array bool \(2, 5, 4, 3\), expected parts of a bool .* \(2, 5, 3, 4\)"),
        ([parts(5)[0][0]], r"'m' yielded array bool \(5, 3, 4\), expected parts"),
        ([parts(5)[0][:1]], r"'m' yielded array bool \(1, 5, 3, 4\), expected parts"),
        ([parts(5)[0].astype(np.uint8)], r"'m' yielded array uint8 \(2, 5, 3, 4\), expected parts"),
        ([torch.zeros(WHOLE)], r"'m' yielded tensor torch.float32 \(2, 5, 3, 4\), expected parts"),
        ([np.zeros((), bool)], r"'m' yielded array bool \(\), expected parts"),
        ([None], r"'m' yielded NoneType, expected parts"),
    ],
)
def test_parts_that_do_not_make_the_video_are_an_error_that_says_what_was_wanted(given, message):
    with pytest.raises(PluginError, match=message) as error:
        list(as_parts(iter(given), WHOLE, "Method 'm'"))
    assert "\n" not in str(error.value)


def test_the_whole_is_had_of_either():
    masks = np.random.default_rng(0).random(WHOLE) < 0.5
    assert whole_masks(masks) is masks
    assert np.array_equal(whole_masks(iter([masks[:, :2], torch.from_numpy(masks[:, 2:])])), masks)
    with pytest.raises(PluginError, match="not NoneType"):
        whole_masks(iter([masks, None]))
