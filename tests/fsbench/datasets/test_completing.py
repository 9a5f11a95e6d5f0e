import pickle
from pathlib import Path

import pytest

from fsbench.datasets import complete
from fsbench.datasets import DatasetSpec
from fsbench.datasets import open_dataset
from fsbench.errors import DataError
from tests.fsbench.datasets.made import MadeDataset
from tests.tiny import write_dataset


def test_a_dataset_that_has_every_call_stays_what_it_is(tmp_path):
    dataset = open_dataset("mini-ref-davis", write_dataset(tmp_path, {"dog": 2}))
    assert complete(dataset) is dataset


def test_what_an_object_does_not_say_is_filled_in():
    dataset = complete(MadeDataset())
    assert (dataset.name, dataset.root) == ("made", Path("made"))
    assert dataset.frame_size("cat-0") == (16, 20)
    assert dataset.frame_size("no-such-video") is None
    assert dataset.missing_files("cat-0", "a") == []
    assert dataset.sources() == {}
    assert dataset.frame("cat-0", "a").shape == (16, 20, 3)


def test_what_an_object_does_say_is_asked(tmp_path):
    class Saying(MadeDataset):
        root = tmp_path
        spec = DatasetSpec("made", num_folds=3)

        def frame_size(self, video_id):
            return 1, 2

        def sources(self):
            return {"a": "b"}

    dataset = complete(Saying())
    assert (dataset.root, dataset.spec.num_folds) == (tmp_path, 3)
    assert (dataset.frame_size("cat-0"), dataset.sources()) == ((1, 2), {"a": "b"})


def test_files_that_an_object_cannot_read_are_errors_that_name_video_and_frame():
    class Bare(MadeDataset):
        def label_map(self, video_id, name):
            raise FileNotFoundError(2, "No such file", f"{video_id}.png")

    dataset = complete(Bare())
    assert dataset.frame_size("cat-0") is None
    for read in (dataset.frame, dataset.label_map):
        with pytest.raises(DataError, match=r"made: video 'cat-0', frame 'a' cannot be read .*cat-0\.png"):
            read("cat-0", "a")


def test_a_completed_dataset_can_be_sent_to_another_process():
    again = pickle.loads(pickle.dumps(complete(MadeDataset())))
    assert again.videos() == MadeDataset().videos()


def test_an_object_that_lacks_a_call_or_has_two_names_is_an_error():
    with pytest.raises(DataError, match=r"object is no dataset: it lacks name, videos, .*label_map"):
        complete(object())
    with pytest.raises(DataError, match="'made', and its spec 'other'"):
        complete(MadeDataset(), DatasetSpec("other"))
