"""Files in the form of YouTube-VIS and SA-Co as datasets."""

import json

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import complete
from fsbench.datasets.masklets import MaskletDataset
from fsbench.errors import DataError
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from tests.mevis import code_of
from tests.mevis import true_mask

VIDEOS = [{"id": 7, "file_names": ["v/00000.jpg", "v/00005.jpg"], "height": 24, "width": 32}]
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 30, "name": "cat"}]


def masklet(number, category, place):
    codes = [code_of(true_mask(0, place, frame)) if frame else None for frame in (0, 1)]
    return {"id": number, "video_id": 7, "category_id": category, "segmentations": codes, "iscrowd": 0}


ANNOTATIONS = [masklet(41, 30, 1), masklet(12, 1, 0), masklet(13, 1, 1)]
CONTENT = {"videos": VIDEOS, "annotations": ANNOTATIONS, "categories": CATEGORIES}


def written(tmp_path, **changes):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({key: value for key, value in {**CONTENT, **changes}.items() if value is not None}))
    return path


def test_the_categories_of_a_video_are_its_sentences(tmp_path):
    path = written(tmp_path)
    dataset = complete(MaskletDataset(path))
    assert [tuple(video) for video in dataset.videos()] == [("7", ("00000", "00005"))]
    assert [(track.object_id, track.category, track.frames) for track in dataset.objects()] == [
        (1, "dog", ("00005",)),
        (2, "dog", ("00005",)),
        (3, "cat", ("00005",)),
    ]
    assert [tuple(said)[:4] for said in dataset.expressions()] == [("7", "1", (1, 2), "dog"), ("7", "30", (3,), "cat")]
    layers = layers_of(dataset.label_map("7", "00005"))
    assert np.array_equal(union_of(layers, [1, 2]), true_mask(0, 0, 1) | true_mask(0, 1, 1))
    assert np.array_equal(union_of(layers, [3]), true_mask(0, 1, 1))
    assert dataset.label_map("7", "00000").tolist() == np.zeros((24, 32)).tolist()
    assert dataset.frame_size("7") == (24, 32)


def test_phrases_are_the_sentences_where_there_are_any_and_may_name_nothing(tmp_path):
    pairs = [
        {"video_id": 7, "category_id": number, "noun_phrase": text} for number, text in ((30, "a cat"), (9, "owls"))
    ]
    dataset = MaskletDataset(written(tmp_path, video_np_pairs=pairs))
    assert [tuple(said)[:4] for said in dataset.expressions()] == [("7", "9", (), "owls"), ("7", "30", (3,), "a cat")]


@pytest.mark.parametrize("folder", [".", "JPEGImages"])
def test_pictures_lie_below_the_file_s_folder(tmp_path, folder):
    (tmp_path / folder / "v").mkdir(parents=True)
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(tmp_path / folder / "v/00005.jpg")
    assert MaskletDataset(written(tmp_path)).frame("7", "00005").shape == (24, 32, 3)
    with pytest.raises(DataError, match=r"v/00000\.jpg: missing"):
        MaskletDataset(written(tmp_path)).frame("7", "00000")


WRONG = {
    "no categories": ({"categories": None}, "categories: Field required"),
    "no frames": ({"videos": [{"id": 7, "file_names": []}]}, r"videos\.0\.file_names: List should have at least 1"),
    "one video twice": ({"videos": VIDEOS * 2}, "two videos have one id"),
    "other video": (
        {"annotations": [{**ANNOTATIONS[0], "video_id": 8}]},
        "annotation 41 is of video '8', which is not",
    ),
    "short": (
        {"annotations": [{**ANNOTATIONS[0], "segmentations": [None]}]},
        "annotation 41 has 1 run-length codes, and",
    ),
    "none": (
        {"annotations": [{**ANNOTATIONS[0], "segmentations": None}]},
        "annotation 41 is no list of run-length codes",
    ),
    "null": ({"annotations": 5}, "is no JSON of its form"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_an_error_that_names_the_file(tmp_path, change, message):
    with pytest.raises(DataError, match=message) as caught:
        MaskletDataset(written(tmp_path, **change)).expressions()
    assert "instances.json" in str(caught.value)


def test_the_file_of_sa_co_as_it_is(test_data):
    dataset = MaskletDataset(test_data / "saco-toy/gt.json")
    assert [(video.video_id, len(video.frames)) for video in dataset.videos()] == [("0", 146)]
    assert len(dataset.objects()) == 33
    named = {said.text: len(said.object_ids) for said in dataset.expressions()}
    assert len(named) == 8
    assert named["thick gold chain"] == 0
    assert named["the face"] == 4
