"""Few-shot VOS without sentences: all objects of a class, in every video that shows one."""

import json
import pickle

import numpy as np
import pytest

from fsbench.datasets import open_dataset
from fsbench.datasets.by_class import ByClass
from fsbench.datasets.ytvis import CATEGORIES
from fsbench.errors import DataError
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.methods import MethodInfo
from fsbench.splits.benchmark import open_benchmark
from tests.tiny import write_dataset
from tests.ytvis import expected_scores
from tests.ytvis import LENGTH
from tests.ytvis import write_youtube_vis

NAME = "few-shot-youtube-vis"
PLACES = ["train.json", "train/train.json", "train/instances.json", "annotations/instances_train_sub.json"]


class Told:
    """Answers with nothing, and remembers what it was told."""

    info = MethodInfo("told", "1", "nothing")
    said: list[str] = []  # noqa: RUF012 - of all instances
    shots: list[tuple[int, ...]] = []  # noqa: RUF012

    def prepare(self, fold):
        pass

    def adapt(self, support):
        self.said.extend(shot.sentence for shot in support.shots)
        self.shots.append(tuple(len(shot.frames) for shot in support.shots))
        assert all(shot.masks.any() for shot in support.shots)

    def segment(self, adapted, clip, expressions):
        self.said.extend(expressions)
        return np.zeros((len(expressions), len(clip.frames), *clip.output_size), bool)


def test_a_video_serves_every_class_that_it_shows_in_the_frames_that_show_it(tmp_path):
    root = write_youtube_vis(tmp_path / "YouTube-VIS")
    content = json.loads((root / "train/train.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    shown: dict[str, set[int]] = {}
    for item in content["annotations"]:
        frames = {t for t, code in enumerate(item["segmentations"]) if code is not None}
        shown.setdefault(f"{item['video_id']}-{names[item['category_id']]}", set()).update(frames)
    dataset = open_dataset(NAME, root)
    assert {v.video_id: {int(name) // 5 for name in v.frames} for v in dataset.videos()} == shown
    assert any(len(frames) < LENGTH for frames in shown.values())
    assert {(said.expression_id, said.text) for said in dataset.expressions()} == {("0", "")}
    objects = {(track.video_id, track.object_id): track.category for track in dataset.objects()}
    for said in dataset.expressions():
        assert {objects[said.video_id, object_id] for object_id in said.object_ids} == {said.video_id.split("-")[1]}
    one, other = "1-person", "1-giant_panda"
    both = open_dataset(str(described(tmp_path, root)), tmp_path)
    for video in dataset.videos():
        for name in video.frames:
            there = set(np.unique(dataset.label_map(video.video_id, name))) - {0}
            assert there == {i for (v, i) in objects if v == video.video_id and name in frames_of(dataset, v, i)}
            inner = layers_of(both.label_map(video.video_id.split("-")[0], name))
            mask = union_of(layers_of(dataset.label_map(video.video_id, name)), sorted(there))
            assert np.array_equal(mask, union_of(inner, sorted(there)))
    assert np.array_equal(dataset.frame(one, "00005"), dataset.frame(other, "00005"))
    assert (dataset.frame_size(one), dataset.has_frames()) == ((30, 44), True)
    assert set(dataset.sources()) == {"train.json"}
    prints = [dataset.fingerprint(*each) for each in ((one, ["00005"]), (other, ["00005"]), (one, ["00010"]))]
    assert prints[0] == prints[1] != prints[2]


def described(folder, root):
    path = folder / "whole.yaml"
    path.write_text(f"name: whole\nlayout: youtube-vis\nroot: {root.name}\n")
    return path


def frames_of(dataset, video_id, object_id):
    return next(t.frames for t in dataset.objects() if (t.video_id, t.object_id) == (video_id, object_id))


def test_another_process_reads_the_same_from_another_folder(tmp_path, monkeypatch):
    write_youtube_vis(tmp_path / "YouTube-VIS", 2)
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset(NAME, "YouTube-VIS")
    for state in (pickle.dumps(dataset), (dataset.videos(), pickle.dumps(dataset))[1]):
        monkeypatch.chdir("/")
        copy = pickle.loads(state)
        found = copy.frame("1-person", "00005"), copy.label_map("1-person", "00005")
        monkeypatch.chdir(tmp_path)
        assert np.array_equal(found[0], dataset.frame("1-person", "00005"))
        assert np.array_equal(found[1], dataset.label_map("1-person", "00005"))


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("lists", [True, False])
def test_the_file_is_found_wherever_repositories_ask_for_it(tmp_path, path, lists):
    root = write_youtube_vis(tmp_path / "here/YouTube-VIS", 1, path=path, lists=lists)
    for place in (root, tmp_path / "here"):
        dataset = open_dataset(NAME, place)
        assert dataset.label_map("1-person", "00005").any()
        assert dataset.missing_files("1-person", "00005") == []
    (root / "train/JPEGImages/0000ab/00005.jpg").unlink()
    assert [file.name for file in dataset.missing_files("1-person", "00005")] == ["00005.jpg"]


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"Expected train\.json in it or in YouTube-VIS/ or youtube-vis/"):
        open_dataset(NAME, tmp_path)
    root = write_dataset(tmp_path / "Mini-Ref-YouTube-VOS", {"dog": 1})
    (root / "train/meta.json").rename(root / "train/train.json")  # of another set
    with pytest.raises(DataError, match=r"masklets +nothing +train\.json, train/train\.json"):
        open_dataset(NAME, root)


def test_from_the_file_to_scores_that_pycocotools_and_numpy_give(fsbench, tmp_path):
    root = write_youtube_vis(tmp_path / "data/YouTube-VIS")
    fsbench("build-splits", NAME, "--draws", 2)
    assert "no problems" in fsbench("verify", f"splits/{NAME}/v1", "--data-root", "data").stdout
    assert "no problems" in fsbench("verify", f"splits/{NAME}/v1", "--data-root", "data", "--rebuild").stdout
    bench = open_benchmark(NAME, "data", f"splits/{NAME}/v1")
    assert {row["name"]: (row["class_id"], row["fold"]) for row in bench.manifest.rows("classes")} == {
        name: (i, (i - 1) % 4 + 1) for i, name in enumerate(CATEGORIES[:6], start=1)
    }
    videos = {row["video_id"]: row["frames"] for row in bench.manifest.rows("videos")}
    for row in bench.manifest.rows("supports"):
        assert len({shot["video_id"] for shot in row["shots"]}) == 5
        assert all(len(shot["frames"]) == 1 and shot["frames"][0] in videos[shot["video_id"]] for shot in row["shots"])
    asked = {name: [] for name in bench.manifest.class_names.values()}
    for row in bench.manifest.rows("episodes"):
        asked[bench.manifest.class_names[row["class_id"]]].append((row["draw"], row["video_id"]))
    for name, pairs in asked.items():
        assert len(set(pairs)) == len(pairs) == 2 * (sum(v.endswith(f"-{name}") for v in videos) - 5)

    evaluate = ("evaluate", "--dataset", NAME, "--protocol", "fss-vos", "--data-root", "data", "--json")
    report = json.loads(fsbench(*evaluate, "--method", "support-copy").stdout)
    expected = expected_scores(root / "train/train.json", tmp_path / f"runs/{NAME}/support-copy")
    assert {key: report["mean"][key] for key in expected["mean"]} == pytest.approx(expected["mean"], abs=1e-12)
    classes = {each["name"]: each["score"]["mean"] for run in report["runs"] for each in run["classes"]}
    assert list(expected["classes"]) == sorted(classes, key=list(expected["classes"]).index)
    for name, score in expected["classes"].items():
        assert {key: classes[name][key] for key in score} == pytest.approx(score, abs=1e-12), name
    assert expected["mean"]["FB_IoU"] not in (expected["mean"]["J"], 0, 1)

    runs = f"runs/{NAME}/support-copy"
    scored = json.loads(fsbench("score", runs, "--dataset", NAME, "--protocol", "fss-vos", "--json").stdout)["mean"]
    for name, label in (("J", "J_mean"), ("F", "F_mean"), ("FB_IoU", "FB_IoU")):
        assert scored[label] == report["mean"][name]
    fsbench("export", f"{runs}/fold-1", "masks", "--draw", 1)
    assert "no problems" in fsbench("validate", "masks", "--dataset", NAME, "--fold", 1, "--draws", 1).stdout

    fsbench("submit", "runs")
    assert "FB_IoU" in fsbench("leaderboard").stdout
    fsbench("leaderboard", "--format", "html", "--out", "site", "--data-root", "data")
    fsbench("show", bench.manifest.rows("episodes")[0]["episode_id"], "--dataset", NAME, "--out", "episode.png")


def test_no_method_is_told_a_word(fsbench, tmp_path):
    write_youtube_vis(tmp_path / "data/YouTube-VIS")
    fsbench("build-splits", NAME, "--draws", 1)
    Told.said.clear()
    Told.shots.clear()
    method = f"{__name__}:Told"
    fsbench("evaluate", "--method", method, "--dataset", NAME, "--protocol", "fss-vos", "--fold", 1)
    assert set(Told.said) == {""}
    assert set(Told.shots) == {(1, 1, 1, 1, 1)}


def test_any_dataset_can_be_asked_for_classes(fsbench, tmp_path):
    write_dataset(tmp_path / "videos", {"cat": 3, "dog": 3}, mixed=["dog", "dog"])
    (tmp_path / "mine.yaml").write_text("name: mine\nroot: videos\nasks: classes\nrule: {shots: 2, frames: 1}\n")
    fsbench("build-splits", "mine.yaml")
    classes = json.loads(fsbench("list", "classes", "--dataset", "mine.yaml", "--json").stdout)
    assert {each["class"]: each["videos"] for each in classes} == {"cat": 3, "dog": 5}
    assert "no problems" in fsbench("verify", "splits/mine/v1", "--dataset", "mine.yaml").stdout
    dataset = open_dataset("mine.yaml", tmp_path)
    assert isinstance(dataset, ByClass)
    assert np.unique(dataset.label_map("mixed-0-dog", "00005")).tolist() == [0, 1]
    assert np.unique(dataset.label_map("mixed-0-other", "00005")).tolist() == [0, 2]
    fsbench("evaluate", "--method", "tests.tiny:Reddish", "--dataset", "mine.yaml", "--protocol", "fss-vos")
