from dataclasses import replace
from functools import partial
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import shapes
from fsbench.datasets.catalogue import open_dataset
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from fsbench.viewing.pictures import DatasetPictures
from fsbench.viewing.pictures import find_pictures
from fsbench.viewing.pictures import RenderedPictures
from tests.conftest import ROOT

CONFIG = shapes.ShapesConfig(version="v2", videos_per_category=2, frames=3, height=40, width=48)
DRAW = partial(shapes.render_named, (CONFIG,))


def key(row):
    return row["video_id"], row["expression_id"]


def text_of(pictures, row):
    """The sentence that a set has by that name, whatever the manifest means; None if it has none."""
    sentences = dict(enumerate(text for text, _ in pictures._video(row["video_id"]).sentences))
    return sentences.get(int(row["expression_id"]))


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """A small embedded set on disk, and its manifest."""
    root = tmp_path_factory.mktemp("data")
    shapes.generate_shapes(root / "mini-ref-shapes-v2", CONFIG)
    dataset = open_dataset("mini-ref-shapes@v2", root)
    info, rows = build_manifest(dataset, BuildOptions(frames=2, draws=1))
    write_manifest(root / "splits", info, rows)
    return dataset, read_manifest(root / "splits" / info.dataset / info.version)


def test_what_is_drawn_on_demand_equals_the_set_on_disk(on_disk):
    dataset, manifest = on_disk
    drawn, read = RenderedPictures(manifest, DRAW), DatasetPictures(Benchmark(dataset, manifest))
    for video in list(dataset.videos())[::7]:
        for name in video.frames:
            file = dataset.root / "train/JPEGImages" / video.video_id / f"{name}.jpg"
            assert drawn.jpeg(video.video_id, name) == file.read_bytes()
            assert (drawn.frame(video.video_id, name) == read.frame(video.video_id, name)).all()
            assert (drawn.label_map(video.video_id, name) == read.label_map(video.video_id, name)).all()
    for expression in dataset.expressions()[::9]:
        key = (expression.video_id, expression.expression_id)
        assert drawn.sentence(*key) == read.sentence(*key) == expression.text


def test_only_what_is_asked_for_is_drawn(on_disk):
    drawn = []
    pictures = RenderedPictures(on_disk[1], lambda name: drawn.append(name) or DRAW(name))
    for frame in ("00000", "00005", "00000"):
        pictures.jpeg("wug-01", frame)
    assert drawn == ["wug-01"]


def test_many_videos_are_drawn_at_once_and_equal_those_drawn_one_by_one(on_disk, monkeypatch):
    at_once, one_by_one = RenderedPictures(on_disk[1], DRAW), RenderedPictures(on_disk[1], DRAW)
    names = [f"{word}-{number:02d}" for word in CONFIG.categories for number in range(2)]
    at_once.prepare(names)
    wanted = one_by_one.jpeg("zav-01", "00005")
    monkeypatch.setattr(at_once, "_draw", None)
    assert at_once.jpeg("zav-01", "00005") == wanted


def test_what_is_not_in_the_set_is_an_error_that_says_so(on_disk):
    pictures = RenderedPictures(on_disk[1], DRAW)
    for video in ("wug-02", "wug-1", "horse-00", "wug"):
        with pytest.raises(DataError, match=f"no video '{video}'"):
            pictures.jpeg(video, "00000")
    with pytest.raises(DataError, match="no frame '00001'"):
        pictures.jpeg("wug-00", "00001")
    with pytest.raises(ManifestError, match="no sentence '77'"):
        pictures.sentence("wug-00", "77")


def test_sentences_of_another_seed_are_refused(on_disk):
    other = RenderedPictures(on_disk[1], partial(shapes.render_named, (replace(CONFIG, seed=1),)))
    mine = RenderedPictures(on_disk[1], DRAW)
    row = next(r for r in on_disk[1].rows("expressions") if text_of(other, r) != mine.sentence(*key(r)))
    with pytest.raises(ManifestError, match="Does the manifest belong"):
        other.sentence(*key(row))


def test_pictures_of_other_datasets_need_a_data_root(on_disk, tmp_path):
    dataset, manifest = on_disk
    assert isinstance(find_pictures(manifest, None), RenderedPictures)
    assert isinstance(find_pictures(manifest, dataset.root.parent), DatasetPictures)
    info = manifest.info.model_copy(update={"dataset": "mini-ref-davis"})
    other = type(manifest)(info, manifest.tables, manifest.path)
    assert find_pictures(other, None) is None
    assert find_pictures(other, tmp_path) is None


def test_a_frame_of_a_dataset_stays_nearly_what_it_was(on_disk):
    dataset, manifest = on_disk
    with Image.open(BytesIO(DatasetPictures(Benchmark(dataset, manifest)).jpeg("dax-00", "00000"))) as image:
        again = np.asarray(image, np.int16)
    assert np.abs(again - dataset.frame("dax-00", "00000")).mean() < 8


def test_pictures_are_of_the_version_of_the_manifest(tmp_path):
    """The set of another version that lies where this one would is not taken for it."""
    shapes.generate_shapes(tmp_path / "mini-ref-shapes", shapes.ShapesConfig(num_categories=16, videos_per_category=1))
    for version, video in (("v2", "dax-00"), ("v3", f"{shapes.V3.categories[0]}-00")):
        manifest = read_manifest(find_manifest("mini-ref-shapes", ROOT / "splits", version))
        pictures = find_pictures(manifest, tmp_path)
        assert isinstance(pictures, RenderedPictures) == (version == "v2")
        assert pictures.frame(video, "00000").shape == (64, 96, 3)
