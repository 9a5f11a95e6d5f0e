import json

import pytest

from fsbench.datasets.naming import same_thing
from fsbench.leaderboard.corpora import corpora_named
from fsbench.leaderboard.corpora import corpora_with


@pytest.mark.parametrize(
    ("text", "corpora"),
    [
        ("ImageNet-1k (features)", ("ImageNet-1k",)),
        ("imagenet 21k", ("ImageNet-1k",)),
        ("RefCOCO/+/g", ("RefCOCO",)),
        ("RefCOCOg", ("RefCOCO",)),
        ("MS COCO 2017", ("COCO",)),
        ("Ref-YouTube-VOS, Kinetics-400", ("YouTube-VOS", "Kinetics")),
        ("Ref_Youtube_VOS", ("YouTube-VOS",)),
        ("PASCAL VOC 2012", ("PASCAL VOC",)),
        ("Objects365", ("Objects365",)),
        ("cocoa pods", ()),
        ("CLIP's 400 M pairs of picture and text", ()),
        ("vocabulary", ()),
    ],
)
def test_corpora_are_known_by_the_names_that_people_give_them(text, corpora):
    assert corpora_named([text]) == corpora


@pytest.mark.parametrize(
    ("name", "corpora"),
    [
        ("dog", ("COCO", "ImageNet-1k", "Kinetics")),
        ("giant_panda", ("ImageNet-1k",)),
        ("sedan", ("COCO", "ImageNet-1k", "Kinetics")),
        ("Motorbike", ("COCO", "ImageNet-1k", "Kinetics")),
        ("person", ("COCO", "ImageNet-1k", "Kinetics")),
        ("plant", ("ImageNet-1k",)),
        ("raccoon", ()),
        ("dax", ()),
    ],
)
def test_a_class_is_found_under_any_of_its_names(name, corpora):
    assert corpora_with(name, ("COCO", "ImageNet-1k", "Kinetics")) == corpora


def test_every_class_of_mini_ref_youtube_vos_is_one_of_youtube_vos():
    from fsbench.splits.manifest import find_manifest
    from fsbench.splits.manifest import read_manifest

    names = read_manifest(find_manifest("mini-ref-youtube-vos")).class_names.values()
    assert [name for name in names if not corpora_with(name, ["YouTube-VOS"])] == []


def test_the_list_of_youtube_vos_is_that_of_its_metadata(test_data):
    metadata = json.loads((test_data / "ref-youtube-vos/train/meta.json").read_bytes())
    found = {each["category"] for video in metadata["videos"].values() for each in video["objects"].values()}
    assert len(found) == 65
    assert [name for name in sorted(found) if not corpora_with(name, ["YouTube-VOS"])] == ["others"]


def test_names_of_one_thing_are_one():
    assert same_thing("Giant_Panda") == same_thing("panda") == "giant panda"
