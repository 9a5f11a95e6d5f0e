import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import open_dataset
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.reading import read_frames
from fsbench.errors import DataError
from fsbench.masks.labels import MAX_PIXELS
from tests.tiny import write_dataset


@pytest.fixture
def tiny(tmp_path):
    return write_dataset(tmp_path / "Ref-YouTube-VOS", {"dog": 2, "cat": 1})


def test_records_are_sorted_and_complete(tiny):
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    assert [v.video_id for v in dataset.videos()] == ["cat-0", "dog-0", "dog-1"]
    assert [(o.object_id, o.frames[0]) for o in dataset.objects()][:2] == [(1, "00000"), (2, "00005")]
    assert [e.expression_id for e in dataset.expressions()][:3] == ["0", "1", "10"]
    assert dataset.expressions()[2].object_ids == (1, 2)


@pytest.mark.parametrize("folder", ["Mini-Ref-YouTube-VOS", "mini-ref-youtube-vos", "Ref-YouTube-VOS"])
def test_a_dataset_is_found_in_its_own_folder_and_in_the_one_above(tmp_path, folder):
    root = write_dataset(tmp_path / folder, {"dog": 1})
    for given in (root, tmp_path):
        assert open_dataset("mini-ref-youtube-vos", given).root == root


def test_label_maps_are_palette_indices_and_frames_are_rgb(tiny):
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    assert set(np.unique(dataset.label_map("dog-0", "00005"))) == {0, 1, 2}
    frame = dataset.frame("dog-0", "00005")
    assert frame.shape == (24, 32, 3)
    assert frame.dtype == np.uint8
    assert frame[10, 6, 0] > 150 > frame[10, 6, 2]


@pytest.mark.parametrize(("images", "suffix"), [("Images", "bmp"), ("JPEGImages", "jpg")])
def test_sail_vos_is_read_with_either_image_folder(tmp_path, images, suffix):
    root = tmp_path / "Mini-Ref-SAIL-VOS"
    source = write_dataset(tmp_path / "source", {"dog": 2})
    (root / images / "dog-0").mkdir(parents=True)
    Image.open(source / "train/JPEGImages/dog-0/00000.jpg").save(root / images / "dog-0" / f"00000.{suffix}")
    (source / "train/Annotations").rename(root / "Annotations")
    (source / "train/meta.json").rename(root / "meta.json")
    (source / "meta_expressions/train/meta_expressions.json").rename(root / "meta_expressions.json")
    dataset = open_dataset("mini-ref-sail-vos", tmp_path)
    assert dataset.frame("dog-0", "00000").shape == (*dataset.label_map("dog-0", "00000").shape, 3)
    assert dataset.missing_files("dog-0", "00000") == []


@pytest.mark.parametrize("ending", [".jpeg", ".JPG", ".JPEG", ".png", ".PNG"])
def test_endings_may_be_spelt_otherwise(tiny, ending):
    frame, labels = tiny / "train/JPEGImages/dog-0/00000.jpg", tiny / "train/Annotations/dog-0/00000.png"
    expected = open_dataset("mini-ref-youtube-vos", tiny).label_map("dog-0", "00000")
    frame.rename(frame.with_suffix(ending))
    labels.rename(labels.with_suffix(".PNG"))
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    assert dataset.frame("dog-0", "00000").shape == (*expected.shape, 3)
    assert np.array_equal(dataset.label_map("dog-0", "00000"), expected)
    assert not dataset.missing_files("dog-0", "00000")
    assert dataset.frame_size("dog-0") == expected.shape


def test_opening_reads_no_frame(tmp_path):
    root = write_dataset(tmp_path, {"dog": 2}, with_frames=False)
    dataset = open_dataset("mini-ref-youtube-vos", root)
    assert len(dataset.videos()) == 2
    assert dataset.frame_size("dog-0") is None
    assert len(dataset.missing_files("dog-0", "00000")) == 2


@pytest.mark.parametrize("what", ["missing", "truncated", "text"])
def test_an_unreadable_picture_is_an_error_that_names_the_file(tiny, what):
    path = tiny / "train/JPEGImages/dog-0/00000.jpg"
    if what == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:300] if what == "truncated" else b"not a picture")
    with pytest.raises(DataError, match=r"dog-0/00000\.jpg"):
        open_dataset("mini-ref-youtube-vos", tiny).frame("dog-0", "00000")


@pytest.mark.parametrize("form", ["jpeg", "png", "bmp"])
def test_a_frame_is_read_in_the_forms_that_datasets_have(tiny, form):
    Image.new("RGB", (32, 24), (255, 0, 0)).save(tiny / "train/JPEGImages/dog-0/00000.jpg", form)
    frame = open_dataset("mini-ref-youtube-vos", tiny).frame("dog-0", "00000")
    assert frame.shape == (24, 32, 3)


@pytest.mark.parametrize("form", ["gif", "tiff", "eps", "webp", "ppm", "ico"])
def test_a_picture_of_another_form_is_refused_whatever_its_name(tiny, form):
    Image.new("RGB", (32, 24)).save(tiny / "train/JPEGImages/dog-0/00000.jpg", form)
    with pytest.raises(DataError, match=r"00000\.jpg: cannot be decoded as JPEG, PNG, BMP\."):
        open_dataset("mini-ref-youtube-vos", tiny).frame("dog-0", "00000")


def test_a_frame_of_more_pixels_than_any_video_has_is_refused_before_it_is_decoded(tiny, monkeypatch):
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    monkeypatch.setattr("fsbench.datasets.folder.MAX_PIXELS", 32 * 24)
    assert dataset.frame("dog-0", "00000").shape == (24, 32, 3)
    monkeypatch.setattr("fsbench.datasets.folder.MAX_PIXELS", 32 * 24 - 1)
    monkeypatch.setattr(Image.Image, "convert", lambda *arguments: pytest.fail("decoded"))
    with pytest.raises(DataError, match="32 x 24 pixels are declared"):
        dataset.frame("dog-0", "00000")


def test_a_frame_of_the_largest_videos_may_be_read():
    assert 3 * 3840 * 2160 < 7680 * 4320 < MAX_PIXELS


def test_a_frame_that_the_system_does_not_let_us_read_is_not_called_damaged(tiny, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(DataError, match=r"00000\.jpg: cannot be read \(Permission denied\)"):
        open_dataset("mini-ref-youtube-vos", tiny).frame("dog-0", "00000")


@pytest.mark.parametrize("file", ["JPEGImages/dog-0/00000.jpg", "Annotations/dog-0/00000.png"])
def test_a_pipe_where_a_file_should_be_is_an_error_and_no_endless_wait(tiny, file):
    path = tiny / "train" / file
    path.unlink()
    os.mkfifo(path)
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    with pytest.raises(DataError, match=r"cannot be read \(it is no regular file\)"):
        read_frames(dataset, "dog-0", {}, dataset.videos()[1].frames)


def test_a_truncated_label_map_is_an_error_that_names_the_file(tiny):
    path = tiny / "train/Annotations/dog-0/00000.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"dog-0/00000\.png"):
        open_dataset("mini-ref-youtube-vos", tiny).label_map("dog-0", "00000")


def test_a_colour_picture_is_no_label_map(tiny):
    Image.new("RGB", (32, 24)).save(tiny / "train/Annotations/dog-0/00000.png")
    with pytest.raises(DataError, match="mode RGB"):
        open_dataset("mini-ref-youtube-vos", tiny).label_map("dog-0", "00000")


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", "", "a\\b", ".x", "a\n"])
def test_ids_from_metadata_never_leave_the_folder(tiny, name):
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    with pytest.raises(DataError):
        dataset.frame(name, "00000")
    with pytest.raises(DataError):
        dataset.label_map("dog-0", name)


@pytest.mark.parametrize("content", ["{", "[]", '{"videos": []}', '{"videos": {"dog-0": {"frames": 3}}}'])
def test_broken_metadata_is_an_error_that_names_the_file(tiny, content):
    (tiny / "meta_expressions/train/meta_expressions.json").write_text(content)
    with pytest.raises(DataError, match=r"meta_expressions\.json"):
        open_dataset("mini-ref-youtube-vos", tiny).videos()


def test_a_sentence_about_an_unknown_video_is_an_error(tiny):
    meta = tiny / "train/meta.json"
    videos = json.loads(meta.read_text())["videos"]
    del videos["dog-1"]
    meta.write_text(json.dumps({"videos": videos}))
    with pytest.raises(DataError, match="dog-1"):
        open_dataset("mini-ref-youtube-vos", tiny).videos()


def test_unknown_names_and_empty_folders_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match="Did you mean 'mini-ref-davis'"):
        open_dataset("mini-ref-davos", tmp_path)
    with pytest.raises(DataError, match="--data-root"):
        open_dataset("mini-ref-davis", tmp_path)


def test_without_a_name_the_only_dataset_is_taken_and_several_are_an_error(tmp_path):
    write_dataset(tmp_path / "mini-ref-davis", {"dog": 2})
    assert resolve_dataset(None, tmp_path).name == "mini-ref-davis"
    write_dataset(tmp_path / "Ref-YouTube-VOS", {"dog": 2})
    with pytest.raises(DataError, match="several datasets"):
        resolve_dataset(None, tmp_path)


def test_real_metadata_is_complete(test_data):
    dataset = open_dataset("mini-ref-youtube-vos", test_data / "ref-youtube-vos")
    assert (len(dataset.videos()), len(dataset.objects()), len(dataset.expressions())) == (3471, 6459, 12913)


def test_the_davis_pack_opens_with_frames(test_data):
    dataset = open_dataset("mini-ref-davis", test_data)
    assert len(dataset.videos()) == 18
    assert dataset.frame("dog", "00000").shape == (480, 854, 3)
    assert dataset.frame_size("dog") == (480, 854)
    assert set(np.unique(dataset.label_map("dog", "00000"))) == {0, 1}


def test_a_dataset_is_sent_to_another_process_without_its_records(tiny):
    dataset = open_dataset("mini-ref-youtube-vos", tiny)
    unread = len(pickle.dumps(dataset))
    assert len(dataset.videos()) == 3
    sent = pickle.dumps(dataset)
    assert len(sent) == unread
    assert pickle.loads(sent).videos() == dataset.videos()
