"""A dataset in the layout of Ref-YouTube-VOS as truth: every sentence, without episodes."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets.opening import sentence_dataset
from fsbench.protocol import named_protocol
from fsbench.submissions.forms import open_truth
from fsbench.submissions.reference import FolderReference
from fsbench.submissions.sentences import SentenceReference
from tests.tiny import write_dataset

FRAMES = ("00000", "00005", "00010", "00015")
NAMED = {"0": [1], "1": [2], "10": [1, 2]}
"""The objects that the sentences of each video name."""


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "ref-youtube-vos", {"dog": 2, "cat": 1})


def answer(root, folder, videos, shift=0):
    """Writes the true masks of every sentence, moved down by some pixels, and returns the mean J of each sentence."""
    expected = {}
    for video in videos:
        for expression, named in NAMED.items():
            overlaps = []
            for frame in FRAMES:
                truth = np.isin(np.array(Image.open(root / f"train/Annotations/{video}/{frame}.png")), named)
                mask = np.roll(truth, shift, axis=0)
                union = (mask | truth).sum()
                overlaps.append((mask & truth).sum() / union if union else 1.0)
                path = folder / video / expression / f"{frame}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask.astype(np.uint8) * 255).save(path)
            expected[video, expression] = np.mean(overlaps)
    return expected


@pytest.mark.parametrize("protocol", ["mevis", "standard"])
def test_every_sentence_is_scored_against_the_union_of_what_it_names(fsbench, tmp_path, root, protocol):
    expected = answer(root, tmp_path / "mine", ["cat-0", "dog-0", "dog-1"], shift=2)
    found = json.loads(fsbench("score", "mine", "--truth", root, "--protocol", protocol, "--json").stdout)
    assert {(row["video"], row["expression"]): row["J_mean"] for row in found["objects"]} == pytest.approx(expected)
    assert found["mean"]["J_mean"] == pytest.approx(np.mean(list(expected.values())))
    assert 0 < found["mean"]["J_mean"] < 1


def test_some_videos_may_be_scored_and_what_is_missing_is_refused(fsbench, tmp_path, root):
    answer(root, tmp_path / "mine", ["dog-0"])
    refused = fsbench("score", "mine", "--truth", root, code=4)
    assert "missing-video: 2" in refused.stderr
    found = json.loads(fsbench("score", "mine", "--truth", root, "--videos-of", "predictions", "--json").stdout)
    assert found["mean"]["J&F"] == 1
    assert "videos=1 of 3" in found["protocol"]
    (tmp_path / "mine/dog-0/10/00005.png").unlink()
    refused = fsbench("validate", "mine", "--truth", root, "--videos-of", "predictions", code=4)
    assert "dog-0/10: 1 of 4, e.g. 00005" in refused.stdout


def test_label_maps_are_held_against_the_label_maps_of_the_same_root(fsbench, root):
    found = json.loads(fsbench("score", root / "train/Annotations", "--truth", root, "--json").stdout)
    assert found["mean"]["J&F"] == 1
    assert {row["object_id"] for row in found["objects"]} == {1, 2}


def test_real_videos_with_four_sentences_each(fsbench, test_data, tmp_path):
    """On the pack of DAVIS videos, whose sentences all name the one object, a sentence's J is the object's."""
    pack = test_data / "mini-ref-davis"
    for path in (pack / "train/Annotations/camel").glob("*.png"):
        mask = np.roll(np.array(Image.open(path)), 9, axis=1)
        for place in ("sentences/camel/0", "sentences/camel/1", "sentences/camel/2", "sentences/camel/3", "maps/camel"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(mask)
            image.putpalette(bytes(768))
            image.save(tmp_path / place / path.name)
    asked = ["--truth", pack, "--videos-of", "predictions", "--protocol", "mevis", "--json"]
    sentences = json.loads(fsbench("score", "sentences", *asked).stdout)
    maps = json.loads(fsbench("score", "maps", *asked).stdout)
    assert len(sentences["objects"]) == 4
    assert sentences["mean"] == maps["mean"]


def test_sentences_that_name_the_same_objects_share_one_truth(root, tmp_path):
    """Of label maps by the objects, of files by what they hold; whatever else is the same is not."""
    meta = root / "meta_expressions/train/meta_expressions.json"
    said = json.loads(meta.read_text())
    for video in said["videos"].values():
        video["expressions"]["2"] = {"exp": "the left one again", "obj_id": "1"}
    meta.write_text(json.dumps(said))
    answer(root, tmp_path / "true", ["dog-0"])
    shutil.copytree(tmp_path / "true/dog-0/0", tmp_path / "true/dog-0/2")
    references = (
        SentenceReference(sentence_dataset(root)),
        FolderReference(open_truth(tmp_path / "true", "Annotations", tuple), named_protocol("mevis")),
    )
    for reference in references:
        task = next(task for task in reference.tasks if task.video == "dog-0")
        *_, last = frames = list(reference.truth(task))
        assert all(masks["0"] is masks["2"] for masks in frames)
        assert last["0"].labels.any()
        assert (last["0"].labels != last["10"].labels).any()
