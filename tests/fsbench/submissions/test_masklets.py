"""Truths of run lengths with several objects a sentence, and masklets that answer them."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as coco

from fsbench.datasets import open_dataset
from tests.fsbench.datasets.test_masklets import CONTENT
from tests.mevis import code_of
from tests.mevis import FRAMES
from tests.mevis import SAID
from tests.mevis import true_mask
from tests.mevis import write_mevis


def test_sa_co_s_files_as_they_are(fsbench, test_data):
    """The number was measured apart, with pycocotools on the union of each phrase's masklets."""
    toy = test_data / "saco-toy"
    asked = ["--truth", toy / "gt.json", "--min-score", 0.5, "--protocol", "mevis", "--json"]
    found = json.loads(fsbench("score", toy / "pred.json", *asked).stdout)
    assert found["mean"]["J_mean"] == pytest.approx(0.576964, abs=5e-7)
    by_phrase = {row["expression"]: row["J_mean"] for row in found["objects"]}
    assert len(by_phrase) == 8
    assert by_phrase["50554"] == 1  # of which there is nothing, and nothing was found
    assert "|missing=empty|min-score=0.5" in found["protocol"]


def answers(**changes):
    """Returns two masklets for the dogs of the file, and one with a low score for the cat."""
    rows = []
    for category, place, score, shift in ((1, 0, 0.9, 1), (1, 1, 0.6, 0), (30, 1, 0.5, 0)):
        codes = [None, code_of(np.roll(true_mask(0, place, 1), shift, axis=1))]
        rows.append({"video_id": 7, "category_id": category, "score": score, "segmentations": codes})
    rows[0].update(changes)
    return rows


@pytest.fixture
def truth(tmp_path):
    (tmp_path / "instances.json").write_text(json.dumps(CONTENT))
    return tmp_path / "instances.json"


def written(tmp_path, rows):
    (tmp_path / "results.json").write_text(json.dumps(rows))
    return tmp_path / "results.json"


def overlap(one, two):
    """Returns J as pycocotools has it."""
    codes = [{**code_of(mask), "counts": code_of(mask)["counts"].encode()} for mask in (one, two)]
    return float(coco.iou(codes[:1], codes[1:], [0])[0, 0])


@pytest.mark.parametrize(("least", "cat"), [(0.5, 0.0), (0.4, 1.0), (None, 1.0)])
def test_masklets_above_a_score_are_one_mask_a_sentence(fsbench, tmp_path, truth, least, cat):
    option = [] if least is None else ["--min-score", least]
    asked = ["--truth", truth, "--protocol", "mevis", "--json", *option]
    found = json.loads(fsbench("score", written(tmp_path, answers()), *asked).stdout)
    dogs = true_mask(0, 0, 1) | true_mask(0, 1, 1)
    expected = overlap(np.roll(true_mask(0, 0, 1), 1, axis=1) | true_mask(0, 1, 1), dogs)
    assert 0 < expected < 1
    by_sentence = {row["expression"]: row["J_mean"] for row in found["objects"]}
    assert by_sentence == pytest.approx({"1": (1 + expected) / 2, "30": (1 + cat) / 2})


WRONG = {
    "no score": ({"score": None}, "has no score"),
    "short": ({"segmentations": [None]}, "has 1 segmentations, and its video 2 frames"),
    "no list": ({"segmentations": {"0": None}}, "has no list of segmentations"),
    "no size": ({"segmentations": [None, {"counts": "1"}]}, "has no [height, width] in frame '00005'"),
    "no code": ({"segmentations": [None, {"size": [24, 32], "counts": "1"}]}, "not those of 24 x 32 pixels"),
    "no video": ({"video_id": None}, "video is missing"),
    "other sentence": ({"category_id": 5}, "nobody asks for it"),
    "other video": ({"video_id": 8}, "nobody asks for it"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_masklets_that_are_none_are_refused(fsbench, tmp_path, truth, change, message):
    rows = answers(**change)
    refused = fsbench("score", written(tmp_path, rows), "--truth", truth, "--min-score", 0.5, code=4)
    assert message in refused.stderr


def test_masklets_of_other_sizes_and_masks_without_scores_are_refused(fsbench, tmp_path, truth):
    rows = answers(segmentations=[None, code_of(np.ones((3, 3), bool))])
    assert "of several sizes" in fsbench("score", written(tmp_path, rows), "--truth", truth, code=4).stderr
    rows = answers(segmentations=[code_of(np.ones((3, 3), bool)), None])
    assert "3 x 3, expected 24 x 32" in fsbench("score", written(tmp_path, rows), "--truth", truth, code=4).stderr
    (tmp_path / "mine/7/1").mkdir(parents=True)
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(tmp_path / "mine/7/1/00000.png")
    refused = fsbench("score", "mine", "--truth", truth, "--min-score", 0.5, code=4)
    assert "has no masklets, which alone have a score" in refused.stderr
    assert "missing-sentence: 1" in fsbench("validate", "mine", "--truth", truth, code=4).stdout


@pytest.mark.parametrize("workers", [1, 3])
def test_a_folder_as_mevis_has_it_is_a_truth_with_every_sentence(fsbench, tmp_path, workers):
    """As the tool has it: one mask a sentence, the union of what it names, each counted in every frame."""
    root = write_mevis(tmp_path / "valid_u", {"cat": 2, "dog": 2}, with_frames=False)
    expected = {}
    for number, video in enumerate(("cat-0", "cat-1", "dog-0", "dog-1")):
        for key, (_, places) in SAID.items():
            overlaps = []
            for frame, name in enumerate(FRAMES):
                masks = [true_mask(number, place, frame) for place in places]
                true = np.logical_or.reduce([np.zeros((24, 32), bool), *masks])
                pred = np.roll(true, 2, axis=0)
                overlaps.append(overlap(pred, true) if true.any() else 1.0)
                path = tmp_path / "mine" / video / key / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pred.astype(np.uint8) * 255).save(path)
            expected[video, key] = np.mean(overlaps)
    asked = ["--truth", root, "--protocol", "mevis", "--workers", workers, "--json"]
    found = json.loads(fsbench("score", "mine", *asked).stdout)
    assert {(row["video"], row["expression"]): row["J_mean"] for row in found["objects"]} == pytest.approx(expected)
    (tmp_path / "mine/dog-1/10/00002.png").unlink()
    assert "dog-1/10: 1 of 4, e.g. 00002" in fsbench("validate", "mine", "--truth", root, code=4).stdout


def test_codes_frame_by_frame_are_a_truth_of_sentences(fsbench, tmp_path):
    rows = []
    for frame, name in enumerate(FRAMES):
        mask = true_mask(0, 0, frame)
        rows.append({"video": "v", "expression": "0", "frame": name, **code_of(mask)})
        (tmp_path / "mine/v/0").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(mask, 1, axis=1).view(np.uint8)).save(tmp_path / f"mine/v/0/{name}.png")
    found = json.loads(fsbench("score", "mine", "--truth", written(tmp_path, rows), "--json").stdout)
    masks = [true_mask(0, 0, frame) for frame in range(len(FRAMES))]
    expected = np.mean([overlap(np.roll(mask, 1, axis=1), mask) for mask in masks])
    assert found["mean"]["J_mean"] == pytest.approx(expected)


def test_videos_that_are_called_by_paths_as_in_revos_are_found_in_every_form(fsbench, tmp_path):
    root = write_mevis(tmp_path / "ReVOS", {"dog": 1})
    content = json.loads((root / "meta_expressions.json").read_text())["videos"]
    content = {"videos": {"UVO/all/dog-0": content["dog-0"]}}
    (root / "meta_expressions_valid_.json").write_text(json.dumps(content))
    (root / "meta_expressions.json").unlink()
    (root / "JPEGImages/UVO/all").mkdir(parents=True)
    (root / "JPEGImages/dog-0").rename(root / "JPEGImages/UVO/all/dog-0")
    (root / "mine.yaml").write_text("{name: mine, layout: mevis}")
    dataset = open_dataset(str(root / "mine.yaml"), root)
    assert dataset.missing_files("UVO__all__dog-0", FRAMES[0]) == []
    rows = []
    for key, (_, places) in SAID.items():
        for frame, name in enumerate(FRAMES):
            mask = np.logical_or.reduce([np.zeros((24, 32), bool), *(true_mask(0, place, frame) for place in places)])
            rows.append({"video": "UVO/all/dog-0", "expression": key, "frame": name, **code_of(mask)})
            path = tmp_path / "mine/Annotations/UVO/all/dog-0" / key / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    masklets = [
        {
            "video": "UVO/all/dog-0",
            "expression": key,
            "segmentations": [row for row in rows if row["expression"] == key],
        }
        for key in SAID
    ]
    (tmp_path / "masklets.json").write_text(json.dumps(masklets))
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    for answer in ("mine", "mine/Annotations", written(tmp_path, rows), "masklets.json", "rows.parquet"):
        found = json.loads(fsbench("score", answer, "--truth", root, "--protocol", "mevis", "--json").stdout)
        assert (found["mean"]["J&F"], len(found["objects"])) == (1, 4)
