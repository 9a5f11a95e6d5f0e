"""JHMDB-Sentences, from files in the form of the authors', and their text.

No mask of the release was at hand: those here are written by scipy, and by h5py as MATLAB 7.3 writes them.
"""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from fsbench import predict
from fsbench import score
from fsbench.datasets import complete
from fsbench.datasets.hdf5 import read_mat
from fsbench.datasets.jhmdb import JHMDBSentences
from fsbench.errors import DataError
from fsbench.errors import PluginError
from tests.forked import let_pools_fork
from tests.mevis import code_of

VIDEOS = {"100_pullups_f_1": 5, "april_catch_2": 4, "one_frame_3": 1}
SIZE = (24, 32)


def masks_of(frames):
    masks = np.zeros((*SIZE, frames), np.uint8)
    for number in range(frames):
        masks[3:15, 4 + number : 14 + number, number] = 1
    return masks


def write_v73(path, masks):
    """Writes a file as MATLAB 7.3 does: HDF5 behind a head of its own, axes in reverse."""
    h5py = pytest.importorskip("h5py", reason="MATLAB 7.3 writes HDF5")
    with h5py.File(path, "w", userblock_size=512) as file:
        file["part_mask"] = masks.T
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


@pytest.fixture
def root(tmp_path):
    return write_jhmdb(tmp_path / "jhmdb_sentences")


def write_jhmdb(base):
    """Writes the text and the masks as they lie on disk."""
    for video, frames in VIDEOS.items():
        (base / "puppet_mask/pullup" / video).mkdir(parents=True)
        savemat(base / "puppet_mask/pullup" / video / "puppet_mask.mat", {"part_mask": masks_of(frames)})
    rows = [f"{video},a man {number}" for number, video in enumerate(VIDEOS)]
    (base / "jhmdb_annotation.txt").write_text("\n".join(["video_id,query", *rows]))
    return base


def write_samples(root, frames):
    samples = []
    for video, names in frames.items():
        for name in names:
            picture, masks = (
                f"./Rename_Images/pullup/{video}/{name}.png",
                f"./puppet_mask/pullup/{video}/puppet_mask.mat",
            )
            samples.append([video, picture, masks, VIDEOS[video], "a man"])
    (root / "jhmdb_sentences_samples_metadata.json").write_text(json.dumps(samples))


def test_every_frame_with_a_mask_is_asked_or_those_that_are_sampled(root):
    dataset = complete(JHMDBSentences(root))
    assert {video.video_id: len(video.frames) for video in dataset.videos()} == VIDEOS
    assert dataset.videos()[0].frames[:2] == ("00001", "00002")
    assert [tuple(said)[:4] for said in dataset.expressions()][1] == ("april_catch_2", "0", (1,), "a man 1")
    write_samples(root, {"100_pullups_f_1": ["00002", "00005"], "april_catch_2": ["00004"], "one_frame_3": ["00001"]})
    dataset = complete(JHMDBSentences(root))
    assert [video.frames for video in dataset.videos()] == [("00002", "00005"), ("00004",), ("00001",)]
    assert dataset.frame_size("one_frame_3") == SIZE
    for video, frames in VIDEOS.items():
        for number in range(frames):
            assert np.array_equal(dataset.label_map(video, f"{number + 1:05d}"), masks_of(frames)[:, :, number])
    with pytest.raises(DataError, match=r"puppet_mask\.mat: has 4 masks, none of frame 00005"):
        dataset.label_map("april_catch_2", "00005")


VERSIONS = [("5", 3, False), ("5", 1, False), ("5", 1, True), ("4", 1, True)]
VERSIONS += [("7.3", 3, False), ("7.3", 1, False), ("7.3", 1, True)]


@pytest.mark.parametrize(("version", "frames", "is_flat"), VERSIONS)
def test_masks_of_every_version_of_matlab_are_the_same(root, version, frames, is_flat):
    """Of one frame MATLAB drops the time, and version 4 knows none."""
    masks = masks_of(frames)
    path = root / "puppet_mask/pullup/one_frame_3/puppet_mask.mat"
    written = masks[:, :, 0] if is_flat else masks
    write_v73(path, written) if version == "7.3" else savemat(path, {"part_mask": written}, format=version)
    dataset = JHMDBSentences(root)
    for number in range(frames):
        assert np.array_equal(dataset.label_map("one_frame_3", f"{number + 1:05d}"), masks[:, :, number])


def test_pictures_are_read_where_they_lie(root):
    folder = root / "Rename_Images/pullup/one_frame_3"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((*SIZE, 3), 70, np.uint8)).save(folder / "00001.png")
    assert JHMDBSentences(root).frame("one_frame_3", "00001").shape == (*SIZE, 3)


@pytest.mark.parametrize("form", ["results", "folder"])
def test_the_score_is_what_intersections_and_unions_give(fsbench, tmp_path, root, form):
    sampled = {"100_pullups_f_1": ["00001", "00003", "00005"], "april_catch_2": ["00002"], "one_frame_3": ["00001"]}
    write_samples(root, sampled)
    rows, expected = [], {}
    for video, names in sampled.items():
        overlaps = []
        for name in names:
            true = masks_of(VIDEOS[video])[:, :, int(name) - 1].astype(bool)
            pred = np.roll(true, 3, axis=0)
            overlaps.append((true & pred).sum() / (true | pred).sum())
            rows.append({"image_id": f"v_{video}_f_{int(name)}", "segmentation": code_of(pred), "score": 0.5})
            path = tmp_path / "mine" / video / "0" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pred.view(np.uint8)).save(path)
        expected[video] = np.mean(overlaps)
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    answer = "mine.json" if form == "results" else "mine"
    found = json.loads(fsbench("score", answer, "--truth", root, "--protocol", "mevis", "--json").stdout)
    assert {row["video"]: row["J_mean"] for row in found["objects"]} == pytest.approx(expected)


WRONG = {
    "empty": (b"", "cannot be read as a .mat file"),
    "text": (b"no file of MATLAB" * 40, "cannot be read as a .mat file"),
    "cut": (None, "cannot be read as a .mat file"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_mat_file_is_an_error_that_names_it(root, content, message):
    path = root / "puppet_mask/pullup/one_frame_3/puppet_mask.mat"
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    with pytest.raises(DataError, match=message) as caught:
        JHMDBSentences(root).label_map("one_frame_3", "00001")
    assert str(path) in str(caught.value)


def test_what_is_missing_is_an_error_that_says_what(root):
    path = root / "puppet_mask/pullup/one_frame_3/puppet_mask.mat"
    savemat(path, {"other": np.ones((2, 2))})
    with pytest.raises(DataError, match=r"puppet_mask\.mat: has no part_mask in it"):
        read_mat(path, "part_mask")
    path.unlink()
    with pytest.raises(DataError, match=r"no masks of 1 videos that have a sentence, e\.g\. <action>/one_frame_3/"):
        JHMDBSentences(root).videos()
    savemat(path, {"part_mask": masks_of(1)})
    write_samples(root, {"april_catch_2": ["00002"]})
    with pytest.raises(DataError, match=r"metadata\.json: has no frame of video '100_pullups_f_1'"):
        JHMDBSentences(root).videos()


def test_the_authors_text_and_the_samples_that_the_field_shares(test_data, tmp_path):
    for name in ("jhmdb_annotation.txt", "jhmdb_sentences_samples_metadata.json"):
        (tmp_path / name).write_bytes((test_data / "sentences" / name).read_bytes())
    samples = json.loads((tmp_path / "jhmdb_sentences_samples_metadata.json").read_text())
    for place in {masks.split("jhmdb_sentences/")[1] for _, _, masks, _, _ in samples}:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    dataset = JHMDBSentences(tmp_path)
    assert len(dataset.expressions()) == 928
    assert sum(len(video.frames) for video in dataset.videos()) == len(samples) == 2784
    said = {each.video_id: each.text for each in dataset.expressions()}
    assert all(said[video] == text for video, _, _, _, text in samples)


def test_without_h5py_older_files_are_read_and_others_say_what_they_need(root, monkeypatch):
    path = root / "puppet_mask/pullup/one_frame_3/puppet_mask.mat"
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert JHMDBSentences(root).label_map("one_frame_3", "00001").any()
    path.write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(PluginError, match=r"puppet_mask\.mat: reading it needs the package h5py: pip install"):
        JHMDBSentences(root).label_map("one_frame_3", "00001")


def test_its_sentences_are_answered_by_several_processes_and_scored(root, tmp_path, monkeypatch):
    let_pools_fork(monkeypatch)
    for video, frames in VIDEOS.items():
        folder = root / "Rename_Images/pullup" / video
        folder.mkdir(parents=True)
        for number in range(frames):
            Image.new("RGB", SIZE[::-1]).save(folder / f"{number + 1:05d}.png")
    write_samples(root, {"100_pullups_f_1": ["00002", "00005"], "april_catch_2": ["00004"], "one_frame_3": ["00001"]})
    found = predict("full-frame", tmp_path / "out", data_root=root, workers=2)
    assert (found.videos, found.masks) == (3, 4)
    scores = score(tmp_path / "out", root, protocol="jhmdb")
    assert scores.mean["oIoU"] == pytest.approx(12 * 10 / (24 * 32))
