"""Answers to four annotators' sentences, as the field's repositories write them for Ref-DAVIS17."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.fsbench.datasets.test_refdavis import VAL
from tests.fsbench.datasets.test_refdavis import write_release
from tests.fsbench.datasets.test_refdavis import write_text

ASKED = ("--dataset", "ref-davis17")


@pytest.fixture
def answered(fsbench, tmp_path):
    """A prepared Ref-DAVIS17, and answers by four annotators: annotator k's masks are moved down by k pixels."""
    release, text = write_release(tmp_path / "DAVIS"), write_text(tmp_path / "text")
    fsbench("prepare", "davis", "--davis", release, "--text", text)
    for annotator in range(4):
        for video in VAL:
            for path in (release / "Annotations/480p" / video).iterdir():
                labels = np.array(Image.open(path))
                labels[labels == 255] = 0
                moved = Image.fromarray(np.roll(labels, annotator, axis=0))
                moved.putpalette(bytes(768))
                target = tmp_path / f"results/valid/anno_{annotator}" / video / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                moved.save(target)
    return tmp_path / "results"


def jaccard_of_shift(rows):
    """Mean J of a rectangle that is moved down, over frames in which it has rows t + 2 to 20."""
    overlap = [(18 - t - rows) / (18 - t + rows) for t in range(3)]
    return sum(overlap) / 3


def test_each_annotator_is_scored_on_the_videos_of_the_field_and_the_mean_is_over_them(fsbench, answered):
    found = json.loads(fsbench("score", answered, *ASKED, "--json").stdout)
    assert found["protocol"].startswith("davis-2017-unsupervised|")
    assert "|videos=2 of 5|" in found["protocol"]
    assert found["protocol"].endswith("|annotators=4")
    by_annotator = found["mean"]["annotators"]
    expected = [jaccard_of_shift(rows) for rows in range(4)]
    assert [by_annotator[f"anno_{k}"]["J_mean"] for k in range(4)] == pytest.approx(expected, abs=1e-12)
    assert found["mean"]["J_mean"] == pytest.approx(sum(expected) / 4, abs=1e-12)
    assert found["mean"]["J&F"] == pytest.approx(np.mean([by_annotator[f"anno_{k}"]["J&F"] for k in range(4)]))
    assert [(row["annotator"], row["video"]) for row in found["objects"]] == [
        (f"anno_{k}", video) for k in range(4) for video in VAL
    ]
    table = fsbench("score", answered / "valid", *ASKED).stdout.splitlines()
    assert [line.split()[0] for line in table[4:9]] == ["mean", "anno_0", "anno_1", "anno_2", "anno_3"]


def test_each_annotators_numbers_are_those_of_its_folder_alone(fsbench, answered, tmp_path):
    both = json.loads(fsbench("score", answered, *ASKED, "--json").stdout)
    truth = ["--truth", tmp_path / "data/ref-davis17/train/Annotations", "--protocol", "davis-2017-unsupervised"]
    videos = ["--videos", tmp_path / "data/ref-davis17/ImageSets/2017/val.txt"]
    for k in range(4):
        alone = json.loads(fsbench("score", answered / f"valid/anno_{k}", *truth, *videos, "--json").stdout)
        assert alone["mean"] == both["mean"]["annotators"][f"anno_{k}"]
    together = json.loads(fsbench("score", answered, *truth, *videos, "--json").stdout)
    assert together == both


def test_objects_are_matched_as_proposals_are_whatever_their_numbers(fsbench, answered):
    for path in (answered / "valid/anno_0").rglob("*.png"):
        image = Image.fromarray(np.where(np.array(Image.open(path)) == 1, 3, 0).astype(np.uint8))
        image.putpalette(bytes(768))
        image.save(path)
    found = json.loads(fsbench("score", answered, *ASKED, "--json").stdout)
    assert found["mean"]["annotators"]["anno_0"]["J&F"] == 1


def test_an_annotator_that_is_missing_is_refused(fsbench, answered):
    shutil.rmtree(answered / "valid/anno_2")
    refused = fsbench("score", answered, *ASKED, code=4)
    assert "has anno_0, anno_1, anno_3; expected anno_0, anno_1, anno_2, anno_3" in refused.stderr


def test_every_problem_is_listed_with_its_annotator(fsbench, answered):
    assert "no problems" in fsbench("validate", answered, *ASKED).stdout
    for annotator in (1, 3):
        (answered / f"valid/anno_{annotator}/dog/00001.png").unlink()
    found = json.loads(fsbench("validate", answered, *ASKED, "--json", code=4).stdout)
    assert len(found["problems"] if isinstance(found, dict) else found) == 2
    text = fsbench("validate", answered, *ASKED, code=4).stdout
    assert "anno_1/" in text
    assert "anno_3/" in text


def test_masks_of_sentences_are_merged_as_the_field_merges_them(fsbench, tmp_path):
    """The field stacks the masks over a background of 0.1 and takes the first largest."""
    release, text = write_release(tmp_path / "DAVIS"), write_text(tmp_path / "text")
    (release / "ImageSets/2017/val.txt").write_text("classic-car")
    (release / "ImageSets/2017/train.txt").write_text("dog\ndog-agility")
    fsbench("prepare", "davis", "--davis", release, "--text", text)
    random = np.random.default_rng(1)
    for t in range(3):
        masks = random.random((12, 24, 32)) < 0.4
        for expression, mask in enumerate(masks):
            path = tmp_path / f"sentences/classic-car/{expression}/{t:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask * np.uint8(255)).save(path)
        for annotator in range(4):
            stack = np.concatenate([np.full((1, 24, 32), 0.1), masks[annotator::4].astype(float)])
            merged = Image.fromarray(np.argmax(stack, axis=0).astype(np.uint8))
            merged.putpalette(bytes(768))
            path = tmp_path / f"merged/anno_{annotator}/classic-car/{t:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            merged.save(path)
    by_hand = json.loads(fsbench("score", "merged", *ASKED, "--json").stdout)
    asked = (*ASKED, "--protocol", "davis-2017-unsupervised")
    found = json.loads(fsbench("score", "sentences", *asked, "--json").stdout)
    assert found == by_hand
    assert 0 < found["mean"]["J_mean"] < 1
    assert "no problems" in fsbench("validate", "sentences", *asked).stdout
    (tmp_path / "sentences/classic-car/7/00001.png").unlink()
    assert "classic-car/7: 1 of 3, e.g. 00001" in fsbench("score", "sentences", *asked, code=4).stderr


def test_what_predict_answers_is_merged_and_scored(fsbench, answered, tmp_path):
    """The whole frame for every sentence is a label map of the first object alone."""
    videos = tmp_path / "data/ref-davis17/ImageSets/2017/val.txt"
    assert (
        f"{len(VAL)} of 5 videos"
        in fsbench("predict", "out", "--method", "full-frame", *ASKED, "--videos", videos).stdout
    )
    found = json.loads(fsbench("score", "out", *ASKED, "--protocol", "davis-2017-unsupervised", "--json").stdout)
    for path in answered.rglob("*.png"):
        with Image.open(path) as image:
            full = Image.new("P", image.size, 1)
        full.putpalette(bytes(768))
        full.save(path)
    assert found["mean"] == json.loads(fsbench("score", answered, *ASKED, "--json").stdout)["mean"]
    assert 0 < found["mean"]["J_mean"] < 1
