import pytest

from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import Video
from fsbench.datasets.joins import check_records
from fsbench.errors import DataError
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from tests.fsbench.datasets.made import FRAMES
from tests.fsbench.datasets.made import MadeDataset


class With(MadeDataset):
    """A sound dataset with one more record."""

    root = "made"

    def __init__(self, which, record):
        super().__init__()
        self._more = {which: record}

    def videos(self):
        return [*super().videos(), *self._more.get("videos", ())]

    def objects(self):
        return [*super().objects(), *self._more.get("objects", ())]

    def expressions(self):
        return [*super().expressions(), *self._more.get("expressions", ())]


WRONG = {
    "unknown object": (
        "expressions",
        Expression("cat-0", "7", (1, 3), "it"),
        "sentence '7' of video 'cat-0' names object 3, and the video's annotated objects are 1",
    ),
    "unknown video": ("expressions", Expression("nowhere", "7", (1,), "it"), "annotated objects are none"),
    "object of no video": ("objects", ObjectTrack("nowhere", 1, "cat", FRAMES), "there is no such video"),
    "unlisted frame": ("objects", ObjectTrack("cat-0", 2, "cat", ("a", "z")), "annotated in frame 'z'"),
    "video twice": ("videos", Video("cat-0", FRAMES), "video 'cat-0' comes twice"),
    "object twice": ("objects", ObjectTrack("cat-0", 1, "cat", FRAMES), "object 'cat-0/1' comes twice"),
    "sentence twice": ("expressions", Expression("cat-0", "0", (1,), "it"), "sentence 'cat-0/0' comes twice"),
    "numbers for frames": ("videos", Video("more", (0, 5)), r"\(0, 5\).* among its videos .*: frames\.0: "),
    "text for objects": ("expressions", Expression("cat-0", "7", ("1",), "it"), r"object_ids\.0: "),
    "no category": ("objects", ObjectTrack("cat-0", 2, "", FRAMES), r"category: String should have at least 1"),
    "no record": ("objects", None, "None among its objects"),
}


@pytest.mark.parametrize("name", WRONG)
def test_records_that_do_not_join_build_no_manifest(name):
    which, record, message = WRONG[name]
    with pytest.raises(DataError, match=message):
        build_manifest(With(which, [record]), BuildOptions())


def test_sound_records_join_and_lists_serve_as_tuples():
    check_records(With("videos", [Video("more", ["a", "b"])]))


@pytest.mark.parametrize("category", ["cat/dog", "..", "a\nb", "x" * 300])
def test_a_class_whose_name_cannot_be_a_path_builds_no_manifest(category):
    with pytest.raises(DataError, match=r"class .* cannot be a file name"):
        build_manifest(MadeDataset(categories=(category, "dog")), BuildOptions(shots=1))
