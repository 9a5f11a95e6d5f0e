import re

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.tiny import HEIGHT
from tests.tiny import write_dataset

EPISODE = "f0/dog/d1/dog-1/0"


@pytest.fixture
def run(fsbench, tmp_path):
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3, "cat": 2})
    fsbench("build-splits", "mini-ref-davis", "--draws", 2, "--frames", 2)
    fsbench("evaluate", "--method", "tests.tiny:Reddish", "--dataset", "mini-ref-davis")
    return "runs/mini-ref-davis/reddish"


def episode(tmp_path):
    import pyarrow.parquet as pq

    ids = pq.read_table(tmp_path / "splits/mini-ref-davis/pack-v1/episodes.parquet")["episode_id"].to_pylist()
    return next(i for i in ids if i.startswith("f0/dog/d1/") and i.endswith("/0"))


def test_an_episode_is_shown_as_a_sheet_a_video_and_a_page(fsbench, run, tmp_path):
    name = episode(tmp_path)
    for out in ("e.png", "e.mp4", "e.html"):
        assert fsbench("show", name, "--run", run, "--out", out).stdout == f"{out}\n"
    plain = fsbench("show", name, "--out", "plain.png")
    assert plain.exit_code == 0
    with Image.open(tmp_path / "e.png") as one, Image.open(tmp_path / "plain.png") as other:
        assert one.size == other.size
        assert (np.asarray(one) != np.asarray(other)).any()
    video = cv2.VideoCapture(str(tmp_path / "e.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    ok, frame = video.read()
    assert ok
    assert min(frame.shape[:2]) > HEIGHT
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert "reddish" in page
    assert not re.search(r"<(?:link|script|img)[^>]+(?:src|href)=\"(?!data:)", page.replace("plotly", ""))
    assert not list(tmp_path.glob(".e.*"))


def test_a_class_is_shown_by_its_support_sets(fsbench, run, tmp_path):
    fsbench("show", "--class", "dog", "--out", "dog.png")
    with Image.open(tmp_path / "dog.png") as sheet:
        assert sheet.height > 2 * 150


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((EPISODE.replace("dog-1", "dog-11"), "--out", "x.png"), 2, "Near are: f0/dog/d1/dog-"),
        (("nonsense", "--out", "x.png"), 2, "Near are: f0/cat/d0/"),
        (("--class", "dogg", "--out", "x.png"), 2, "Did you mean 'dog'?"),
        (("--class", "dog", "--out", "x.mp4"), 2, "shown as .png"),
        ((EPISODE, "--out", "x.gif"), 2, ".png, .mp4 or .html"),
        (("--out", "x.png"), 2, "Name an episode, or a class"),
        ((EPISODE, "--class", "dog", "--out", "x.png"), 2, "Name an episode, or a class"),
        ((EPISODE, "--dataset", "mini-ref-davos", "--out", "x.png"), 3, "Did you mean 'mini-ref-davis'"),
        ((EPISODE, "--data-root", "nowhere", "--dataset", "mini-ref-davis", "--out", "x.png"), 3, "--data-root"),
    ],
)
def test_wrong_use_says_what_is_right(fsbench, tmp_path, arguments, code, message):
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3, "cat": 2})
    fsbench("build-splits", "mini-ref-davis", "--draws", 2, "--frames", 2)
    assert message in fsbench("show", *arguments, code=code).output
    assert not list(tmp_path.glob("x.*"))


def test_a_run_of_other_episodes_is_refused(fsbench, run, tmp_path):
    name = episode(tmp_path)
    fsbench("build-splits", "mini-ref-davis", "--draws", 3, "--version", "other", "--supersedes", "pack-v1")
    output = fsbench("show", name, "--run", run, "--out", "x.png", code=2).output
    assert "was made with mini-ref-davis pack-v1, not with mini-ref-davis other" in output
