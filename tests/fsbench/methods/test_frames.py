import numpy as np
import pytest

from fsbench.methods import Frames

ARRAY = np.random.default_rng(3).integers(0, 255, (5, 4, 6, 3), np.uint8)


class Counted:
    """Frames of an array, and the numbers of those that were read."""

    def __init__(self):
        self.read = []
        self.frames = Frames(self._read, ARRAY.shape)

    def _read(self, t):
        self.read.append(t)
        return ARRAY[t]


@pytest.mark.parametrize(
    ("index", "read"),
    [
        (2, [2]),
        (-1, [4]),
        (np.int64(3), [3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -2), [4, 2, 0]),
        (slice(3, 3), []),
        ([4, 0, 4], [4, 0, 4]),
        ([], []),
        ((), range(5)),
        (np.array([1, -2]), [1, 3]),
        (np.array(2), [2]),
        ([True, False, False, True, False], [0, 3]),
        ((1, slice(1, 3), 2), [1]),
        ((slice(0, 2), ..., 0), [0, 1]),
        (([3, 1], [0, 2]), [3, 1]),
        ((2, slice(None), [1, 0]), [2]),
        (([3, 1], slice(None), [1, 0]), [3, 1]),
        ((..., 2), range(5)),
        (None, range(5)),
        (True, range(5)),
        (([[0, 1], [2, 3]],), range(5)),
        (np.array([[0, 1], [2, 3]]), range(5)),
        (ARRAY > 100, range(5)),
    ],
)
def test_an_index_gives_what_it_gives_of_an_array_and_reads_the_frames_that_it_names(index, read):
    counted = Counted()
    index = list(index) if isinstance(index, list) else index
    found, expected = counted.frames[index], ARRAY[index]
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    assert counted.read == list(read)


@pytest.mark.parametrize("index", [5, -6, [0, 5], (5, 0), [True, False]])
def test_an_index_beyond_the_frames_is_an_error_as_of_an_array(index):
    with pytest.raises(IndexError) as of_array:
        ARRAY[index]
    counted = Counted()
    with pytest.raises(IndexError) as raised:
        counted.frames[index]
    assert str(raised.value) == str(of_array.value)
    assert not counted.read


def test_frames_are_a_sequence_with_the_shape_of_an_array():
    counted = Counted()
    frames = counted.frames
    assert (frames.shape, frames.ndim, frames.dtype, len(frames)) == (ARRAY.shape, ARRAY.ndim, ARRAY.dtype, len(ARRAY))
    assert not counted.read
    for number, (frame, expected) in enumerate(zip(frames, ARRAY, strict=True)):
        assert np.array_equal(frame, expected)
        assert counted.read == list(range(number + 1))
    assert np.array_equal(np.asarray(frames), ARRAY)
    assert np.asarray(frames, np.float32).dtype == np.float32
    assert np.array_equal(np.stack([frames, frames]), np.stack([ARRAY, ARRAY]))
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(frames, copy=False)


@pytest.mark.parametrize("index", [1, slice(None), [1, 1], (1, ..., 0), (...,)])
def test_what_is_done_to_a_frame_reaches_no_other_reader(index):
    source = ARRAY.copy()
    frames = Frames(source.__getitem__, source.shape)
    frames[index][:] = 0
    assert np.array_equal(source, ARRAY)
