import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest
from PIL import Image

from fsbench.show import open_views
from tests.conftest import ROOT
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
    fsbench("show", name, "--out", "plain.png")
    with Image.open(tmp_path / "e.png") as one, Image.open(tmp_path / "plain.png") as other:
        assert one.width == other.width
        assert one.height > other.height + 150
    video = cv2.VideoCapture(str(tmp_path / "e.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    ok, frame = video.read()
    assert ok
    assert min(frame.shape[:2]) > HEIGHT
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert "reddish" in page
    assert not re.search(r"<(?:link|script|img)[^>]+(?:src|href)=\"(?!data:)", page.replace("plotly", ""))
    assert not list(tmp_path.glob(".e.*"))


def texts(path):
    return [text.text for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_a_figure_for_a_paper_has_support_truth_and_methods_with_texts_as_texts(fsbench, run, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'fsbench[figures]'")
    fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    name, runs = episode(tmp_path), ("--run", run, "--run", "runs/mini-ref-davis/empty")
    for out in ("e.svg", "again.svg", "e.pdf", "again.pdf"):
        fsbench("show", name, *runs, "--frames", 2, "--out", out)
    for form in ("svg", "pdf"):
        assert (tmp_path / f"e.{form}").read_bytes() == (tmp_path / f"again.{form}").read_bytes()
    found = texts(tmp_path / "e.svg")
    titles = [text.split(":")[0] for text in found if ":" in text]
    assert titles == ["support", "query", "2 of 4 frames; left out", "reddish", "empty"]
    names = sorted(path.stem for path in (tmp_path / "data/mini-ref-davis").glob(f"**/{name.split('/')[3]}/*.jpg"))
    assert f"2 of 4 frames; left out: {names[1]} to {names[2]}" in found
    assert found[-3:] == ["truth", "reddish", "empty"]
    assert (tmp_path / "e.pdf").read_bytes().count(b"/Subtype /Image") >= 2 + 3 * 2 + 3
    fsbench("show", "--class", "dog", "--out", "dog.svg")
    assert sum(text.startswith("f0/dog/d") for text in texts(tmp_path / "dog.svg")) == 2


def test_without_matplotlib_the_way_to_a_figure_is_said(fsbench, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    output = fsbench("show", episode(tmp_path), "--out", "x.pdf", code=2).output
    assert "pip install 'fsbench[figures]'" in output
    assert not list(tmp_path.glob("x.*"))


def test_the_examples_of_help_and_readme_name_an_episode_and_a_class_that_there_are(fsbench):
    text = fsbench("show", "--help").stdout + (ROOT / "README.md").read_text(encoding="utf-8")
    views = open_views("mini-ref-shapes", Path("data"), None)
    named = set(re.findall(r"fsbench show (f\S+) --(?:out|run runs/mini-ref-shapes)", text))
    assert named
    assert named <= set(views.episode_ids)
    assert set(re.findall(r"--class (\S+) --out", text)) <= set(views.manifest.class_names.values())


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
        (("--class", "dog", "--out", "x.mp4"), 2, "shown as .png, .pdf or .svg"),
        ((EPISODE, "--out", "x.gif"), 2, ".png, .pdf, .svg, .mp4 or .html"),
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
