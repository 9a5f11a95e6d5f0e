import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.datasets import DatasetSpec
from fsbench.datasets.reading import FrameReader
from fsbench.datasets.reading import LabelReader
from fsbench.datasets.reading import read_frames
from fsbench.errors import DataError
from fsbench.memo import Memo
from tests.fsbench.datasets.made import FRAMES
from tests.fsbench.datasets.made import MadeDataset

ANNOTATED = {1: FRAMES}


class Changed(MadeDataset):
    """Label maps that went through a function of the frame's name and the label map."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def label_map(self, video_id, name):
        return self._change(name, super().label_map(video_id, name))

    @property
    def root(self):
        return "made"


def read(dataset, names=FRAMES, annotated=ANNOTATED, memo=None):
    return read_frames(dataset, "cat-0", annotated, names, memo)


def test_masks_of_0_and_255_are_an_error_that_names_video_frame_index_and_objects():
    with pytest.raises(DataError, match=r"'cat-0', frame 'a': .* index 255, .* objects are 1\."):
        read(Changed(lambda _, labels: 255 * labels))


def test_an_index_that_the_dataset_knows_as_void_is_background():
    dataset = Changed(lambda _, labels: np.where(np.arange(20) > 17, np.uint8(255), labels))
    with pytest.raises(DataError, match="other_labels"):
        read(dataset)
    dataset.spec = DatasetSpec("made", other_labels=(255,))
    assert set(np.unique(read(dataset)[1])) == {0, 1, 255}


def test_an_object_may_be_hidden_in_some_of_its_frames_and_not_in_all():
    hidden = Changed(lambda name, labels: labels * (name == "c"))
    for names in (("a",), ("a", "b"), FRAMES):
        assert len(read(hidden, names)[0]) == len(names)
    for names in (("a",), FRAMES):
        with pytest.raises(DataError, match="'cat-0', frame 'a': object 1 is annotated here and in 2 more frames"):
            read(Changed(lambda _, labels: 0 * labels), names)


def test_every_object_of_the_video_is_looked_for_once():
    looked_at = []

    def change(name, labels):
        looked_at.append(name)
        return labels

    memo = Memo(1 << 20)
    with pytest.raises(DataError, match=r"object 2 is annotated"):
        read(Changed(change), ("a",), {1: FRAMES, 2: ("b", "c")}, memo)
    assert sorted(looked_at) == ["a", "a", "b", "c"]  # twice: the pictures here are made from the label maps
    del looked_at[:]
    for _ in range(3):
        read(Changed(change), ("b",), ANNOTATED, memo)
    assert sorted(looked_at) == ["b", "b"]


@pytest.mark.parametrize("dtype", [np.uint16, np.int64])
def test_label_maps_of_any_integers_are_looked_at(dtype):
    assert read(Changed(lambda _, labels: labels.astype(dtype)))[1].dtype == dtype
    with pytest.raises(DataError, match="index 300"):
        read(Changed(lambda _, labels: labels.astype(dtype) * 300))


@pytest.mark.parametrize("change", [lambda labels: labels > 0, lambda labels: labels / 2])
def test_label_maps_of_anything_else_are_an_error(change):
    with pytest.raises(DataError, match=r"not integer \[H, W\]"):
        read(Changed(lambda _, labels: change(labels)))


@given(st.lists(st.integers(0, 255), min_size=2, max_size=2))
def test_whatever_the_indices_become_it_is_refused_or_shows_the_objects(table):
    dataset = Changed(lambda _, labels: np.array(table, np.uint8)[labels])
    try:
        _, label_maps = read(dataset)
    except DataError:
        return
    assert set(np.unique(label_maps)) in ({0, 1}, {1})


class Watched(Changed):
    """Keeps what was read; the picture of frame "b" may be of another size."""

    def __init__(self, *, is_odd=False):
        super().__init__(lambda _, labels: labels)
        self.is_odd = is_odd
        self.pictures = []

    def frame(self, video_id, name):
        self.pictures.append(name)
        picture = super().frame(video_id, name)
        return picture[1:] if self.is_odd and name == "b" else picture


def readers(dataset, frames_memo=0):
    frames = FrameReader(dataset, "cat-0", Memo(frames_memo))
    return frames, LabelReader(dataset, "cat-0", ANNOTATED, frames)


def test_a_frame_that_nobody_asked_for_is_looked_at_once_with_its_label_map():
    dataset = Watched()
    frames, labels = readers(dataset)
    frames("a")
    for name in (*FRAMES, *FRAMES):
        assert labels(name).shape[-2:] == frames("a").shape[:2]
    assert [name for name in dataset.pictures if name != "a"] == ["b", "c"]
    labels.finish()


def test_frames_are_kept_as_long_as_there_is_room():
    dataset = Watched()
    frames, _ = readers(dataset, frames_memo=2 * read(dataset)[0][0].nbytes)
    del dataset.pictures[:]
    for name in (*FRAMES, *FRAMES):
        frames(name)
    assert dataset.pictures == ["a", "b", "c", "c"]


def test_a_picture_of_another_size_is_an_error_whoever_asks():
    frames, labels = readers(Watched(is_odd=True))
    frames("a")
    for ask in (frames, labels):
        with pytest.raises(DataError, match=r"'cat-0', frame 'b': the picture is .* must both be"):
            ask("b")
