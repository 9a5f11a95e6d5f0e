"""Sets whose masks are run lengths in one file."""

import json
import pickle

import numpy as np
import pytest

from fsbench.datasets import Dataset
from fsbench.datasets.catalogue import open_spec
from fsbench.datasets.mevis import LAYOUT
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import DataError
from fsbench.leaderboard import read_entries
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.splits.manifest import read_manifest
from tests.mevis import code_of
from tests.mevis import FRAMES
from tests.mevis import true_mask
from tests.mevis import write_mevis
from tests.tiny import rearrange

SPEC = DatasetSpec("mine", layout=LAYOUT)


@pytest.fixture
def root(tmp_path):
    return write_mevis(tmp_path / "mine", {"dog": 2, "cat": 1})


def test_annotations_that_a_video_s_sentences_name_are_its_objects(root):
    dataset = open_spec(SPEC, root)
    assert isinstance(dataset, Dataset)
    assert [(video.video_id, video.frames) for video in dataset.videos()] == [
        (name, FRAMES) for name in ("cat-0", "dog-0", "dog-1")
    ]
    assert [tuple(track) for track in dataset.objects()[:2]] == [
        ("cat-0", 1, "cat", FRAMES),
        ("cat-0", 2, "cat", FRAMES[1:]),
    ]
    said = [(each.expression_id, each.object_ids) for each in dataset.expressions() if each.video_id == "dog-0"]
    assert said == [("0", (1,)), ("1", (2,)), ("2", (1, 2)), ("10", ())]
    assert set(dataset.sources()) == {"meta_expressions.json", "mask_dict.json", "categories.json"}
    assert dataset.frame_size("dog-0") == (24, 32)


def test_masks_that_overlap_are_whole_in_any_thread_and_process(root):
    for dataset in (open_spec(SPEC, root), pickle.loads(pickle.dumps(open_spec(SPEC, root)))):
        for frame, name in enumerate(FRAMES):
            layers = layers_of(dataset.label_map("cat-0", name))
            assert len(layers) == (2 if frame else 1)
            for object_id in (1, 2):
                assert np.array_equal(union_of(layers, [object_id]), true_mask(2, object_id - 1, frame))
        assert dataset.label_map("dog-1", "00002").shape[-2:] == dataset.frame("dog-1", "00002").shape[:2]
    dataset = open_spec(SPEC, root)
    before = dataset.fingerprint("dog-0", FRAMES)
    assert pickle.loads(pickle.dumps(dataset)).fingerprint("dog-0", FRAMES) == before
    changed = json.loads((root / "mask_dict.json").read_text())
    changed["101"][3] = code_of(true_mask(0, 1, 2))
    (root / "mask_dict.json").write_text(json.dumps(changed))
    changed = open_spec(SPEC, root)
    assert changed.fingerprint("dog-0", FRAMES) != before
    assert changed.fingerprint("dog-0", FRAMES[:3]) == dataset.fingerprint("dog-0", FRAMES[:3])


@pytest.mark.parametrize("places", [{}, {"meta_expressions.json": "meta_expressions_valid_.json"}, "train"])
def test_every_part_is_found_where_releases_have_it(root, places):
    names = ("meta_expressions.json", "mask_dict.json", "categories.json", "JPEGImages")
    rearrange(root, {name: f"train/{name}" for name in names} if places == "train" else places)
    assert len(open_spec(SPEC, root).expressions()) == 12
    assert open_spec(SPEC, root).has_frames()


def test_without_a_file_of_categories_the_sentences_say_what_an_object_is(fsbench, root):
    (root / "categories.json").unlink()
    assert {(track.video_id[:3], track.category) for track in open_spec(SPEC, root).objects()} == {
        ("dog", "dog"),
        ("cat", "cat"),
    }


def test_objects_of_which_nobody_says_what_they_are_make_no_class(fsbench, root):
    (root / "categories.json").write_text(json.dumps({"100": "unknown"}))
    assert {track.category for track in open_spec(SPEC, root).objects()} == {"unknown"}
    (root / "mine.yaml").write_text("{name: mine, layout: mevis}")
    assert "no class has 2 videos" in fsbench("build-splits", root / "mine.yaml", code=3).stderr


def test_our_rule_makes_a_few_shot_set_of_mevis_and_says_so(fsbench, tmp_path):
    root = write_mevis(tmp_path / "MeViS", {"dog": 11, "cat": 12, "ape": 11, "horse": 3}, with_frames=False)
    (root / "categories.json").unlink()
    built = fsbench("build-splits", "mevis", "--data-root", tmp_path).stdout
    assert "Not the authors' Mini-MeViS" in built
    manifest = read_manifest(tmp_path / "splits/mevis/v1")
    found = {row["name"]: row["fold"] for row in manifest.rows("classes")}
    assert found == {"dog": 4, "cat": 1}  # as in Mini-Ref-YouTube-VOS; apes are none of its classes, horses too few
    assert (manifest.info.rule["minimum"], manifest.info.rule["cap"]) == (11, 50)


def edit_masks(root, number, change):
    masks = json.loads((root / "mask_dict.json").read_text())
    masks[number] = change(masks[number])
    (root / "mask_dict.json").write_text(json.dumps({key: value for key, value in masks.items() if value != "gone"}))


WRONG = {
    "gone": (lambda codes: "gone", "annotation 100 of video 'dog-0' is missing"),
    "no list": (lambda codes: codes[0], "annotation 100 of video 'dog-0' is no list of run-length codes"),
    "short": (lambda codes: codes[1:], "has 3 run-length codes, and its video 4 frames"),
    "no code": (lambda codes: ["x", *codes[1:]], "object 1 has no run-length code in frame '00000'"),
    "no size": (lambda codes: [{"counts": codes[0]["counts"]}, *codes[1:]], "object 1 has no run-length code in frame"),
    "wrong code": (lambda codes: [{"size": [9, 9], "counts": codes[0]["counts"]}, *codes[1:]], "not those of 9 x 9"),
    "other size": (lambda codes: [code_of(np.ones((3, 3), bool)), *codes[1:]], r"has masks of \(3, 3\) and \(24, 32\)"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_masks_that_are_not_what_the_sentences_say_are_an_error(root, change, message):
    edit_masks(root, "100", change)
    with pytest.raises(DataError, match=message):
        open_spec(SPEC, root).label_map("dog-0", "00000")


def test_a_code_of_no_pixel_shows_nothing_and_a_frame_that_is_not_there_is_an_error(root):
    edit_masks(root, "100", lambda codes: [code_of(np.zeros((24, 32), bool)), *codes[1:]])
    dataset = open_spec(SPEC, root)
    assert [track.frames for track in dataset.objects() if track.video_id == "dog-0"] == [FRAMES[1:], FRAMES[1:]]
    assert not dataset.label_map("dog-0", "00000").any()
    with pytest.raises(DataError, match=r"video 'dog-0' has no frame '00009'"):
        dataset.label_map("dog-0", "00009")


def test_a_video_without_any_mask_has_the_size_of_its_pictures(root):
    content = json.loads((root / "meta_expressions.json").read_text())
    for said in content["videos"]["cat-0"]["expressions"].values():
        said.update(obj_id=[], anno_id=[])
    (root / "meta_expressions.json").write_text(json.dumps(content))
    dataset = open_spec(SPEC, root)
    assert dataset.frame_size("cat-0") is None
    assert dataset.label_map("cat-0", "00000").tolist() == np.zeros((24, 32)).tolist()


def test_such_a_set_goes_from_splits_to_a_leaderboard_with_sentences_that_name_nothing(fsbench, tmp_path):
    write_mevis(tmp_path / "sets/videos", {"cat": 3, "dog": 3})
    path = tmp_path / "sets/mine.yaml"
    path.write_text("{name: mine, root: videos, layout: mevis, rule: {frames: 2, draws: 2}}")
    fsbench("build-splits", path)
    manifest = read_manifest(tmp_path / "splits/mine/v1")
    named = {tuple(row["object_ids"]) for row in manifest.rows("episodes")}
    assert named == {(), (1,), (2,), (1, 2)}
    assert {tuple(shot["object_ids"]) for row in manifest.rows("supports") for shot in row["shots"]}.isdisjoint({()})
    assert "no problems" in fsbench("verify", "splits/mine/v1", "--dataset", path, "--rebuild").stdout
    evaluated = ["evaluate", "--method", "tests.tiny:Reddish", "--dataset", path, "--workers", 2, "--json"]
    result = json.loads(fsbench(*evaluated).stdout)
    scored = json.loads(fsbench("score", "runs/mine/reddish", "--dataset", path, "--json").stdout)
    assert scored["mean"]["J_mean"] == pytest.approx(result["mean"]["J"])
    fsbench("show", "--class", "dog", "--dataset", path, "--out", "dog.png")
    fsbench("submit", "runs/mine/reddish")
    (entry,) = read_entries(tmp_path / "leaderboard/entries")
    assert entry.dataset == "mine"
