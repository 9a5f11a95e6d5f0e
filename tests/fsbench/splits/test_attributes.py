"""Attributes against labels made by reading, numbers counted elsewhere, and masks measured by hand."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from fsbench import api
from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import open_dataset
from fsbench.datasets import Video
from fsbench.splits.attributes import attribute_rows
from fsbench.splits.attributes import pixel_attributes
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import manifest_folder
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from tests.conftest import ROOT
from tests.fsbench.datasets.made import MadeDataset
from tests.tiny import write_benchmark
from tests.tiny import write_dataset

# A random sample of the real sentences, read before they were computed: N, S, - for the name of the class, another word
# for it, or neither; o for another class's name, s for places and order, m for movements, c for colours.
READ = {
    "b96a95bc7a/4": "N",
    "e43d7ae2c5/1": "N s",
    "bea1f6e62c/1": "- m c",
    "b96a95bc7a/0": "S s",
    "cea7697b25/1": "S m",
    "ef308ad2e9/1": "N m",
    "4b97cc7b8d/3": "N",
    "49405b7900/0": "N",
    "d01608c2a5/6": "N s",
    "c2b974ec8c/4": "N s m",
    "ffc43fc345/1": "N c",
    "f9d3e04c4f/5": "N s m",
    "4a341402d0/3": "N",
    "2489d78320/1": "N s m",
    "b7a2c2c83c/4": "S s",
    "7b0fd09c28/1": "N o m",
    "3a2c1f66e5/1": "N s",
    "23f404a9fc/4": "N s c",
    "dbf4a5b32b/0": "N",
    "0ffcdb491c/3": "S s m",
    "f277c7a6a4/1": "N m",
    "a4065a7eda/1": "N s c",
    "b9dd4b306c/3": "N s m c",
    "fa08e00a56/2": "N s",
    "3e7d8f363d/0": "N s m",
    "fdb3d1fb1e/2": "N c",
    "0693719753/0": "N s",
    "d6ac0e065c/0": "N m",
    "18b245ab49/7": "N c",
    "17c7bcd146/1": "N m c",
    "0dbaf284f1/0": "N c",
    "4beaea4dbe/0": "N s",
    "6057307f6e/1": "N",
    "f3a0ffc7d9/0": "N s c",
    "0a8c467cc3/4": "S s",
    "be1a284edb/9": "N s",
    "86d3755680/0": "N s",
    "b5ebb1d000/4": "N s c",
    "efe5ac6901/3": "- s",
    "4e752f8075/4": "N s m c",
    "d301ca58cc/4": "N s m",
    "5cbf7dc388/0": "N s",
    "76b90809f7/3": "N s",
    "c99e92aaf0/3": "N s",
}
V2 = ROOT / "splits/mini-ref-youtube-vos/v2"


@pytest.fixture(scope="module")
def real():
    return {f"{row['video_id']}/{row['expression_id']}": row for row in read_manifest(V2).rows("attributes")}


def test_attributes_of_real_sentences_are_what_a_reader_says(real):
    def said(row):
        flags = {"o": "names_other", "s": "has_spatial", "m": "has_motion", "c": "has_colour"}
        word = {"name": "N", "synonym": "S", "none": "-"}[row["class_word"]]
        return " ".join([word, *(letter for letter, column in flags.items() if row[column])])

    assert {key: said(real[key]) for key in READ} == READ


def test_shares_of_real_sentences_are_those_that_were_counted_by_other_means(real):
    def share(holds):
        return sum(map(holds, real.values())) / len(real)

    assert len(real) == 5168
    assert share(lambda row: row["class_word"] == "name") == pytest.approx(0.85, abs=0.01)
    assert share(lambda row: row["class_word"] != "none") == pytest.approx(0.96, abs=0.02)
    assert share(lambda row: row["class_objects"] > 1) == pytest.approx(0.59, abs=0.01)
    assert 0.47 < share(lambda row: row["has_spatial"]) < 0.55  # 0.47 by places in the picture and order alone


def test_sentences_of_several_objects_are_found_in_the_real_metadata(real, test_data):
    path = test_data / "ref-youtube-vos/meta_expressions/train/meta_expressions.json"
    found, texts = set(), set()
    for video, record in json.loads(path.read_text())["videos"].items():
        said = record["expressions"]
        for one in said:
            same = [other for other in said if said[other]["exp"] == said[one]["exp"]]
            if f"{video}/{one}" in real and len({said[other]["obj_id"] for other in same}) > 1:
                found.add(f"{video}/{one}")
                texts.add((video, said[one]["exp"]))
    assert {key for key, row in real.items() if row["is_unanswerable"]} == found
    assert len(texts) == 7


def test_the_committed_manifest_asks_and_shows_nothing_that_nobody_can_use(real):
    manifest = read_manifest(V2)
    unanswerable = {key for key, row in real.items() if row["is_unanswerable"]}
    misleading = {key for key, row in real.items() if row["class_word"] == "none" and row["names_other"]}
    asked = {f"{row['video_id']}/{row['expression_id']}" for row in manifest.rows("episodes")}
    assert asked == real.keys() - unanswerable
    shown = {f"{s['video_id']}/{s['expression_id']}" for row in manifest.rows("supports") for s in row["shots"]}
    assert not shown & (unanswerable | misleading)
    for keys in (unanswerable, misleading):
        (note,) = [note for note in manifest.info.notes if min(keys) in note]
        assert all(key in note for key in keys)
    videos = {}
    for row in manifest.rows("supports"):
        videos.setdefault(row["class_id"], set()).add(row["shots"][0]["video_id"])
    assert set(map(len, videos.values())) == {5}


class Told(MadeDataset):
    """The made dataset with other sentences about its first video, which has two objects."""

    def __init__(self, *texts):
        super().__init__()
        self._texts = texts

    def objects(self):
        return [*super().objects(), ObjectTrack("cat-0", 2, "cat", ("b",))]

    def expressions(self):
        told = [Expression("cat-0", str(n), ids, text) for n, (text, *ids) in enumerate(self._texts)]
        return [Expression(*each[:2], tuple(each[2]), each[3]) for each in told] + [
            each for each in super().expressions() if each.video_id != "cat-0"
        ]

    def label_map(self, video_id, name):
        labels = super().label_map(video_id, name)
        if video_id == "cat-0" and name == "b":
            labels[1:5, 10:16] = 2
        return labels


def described(*texts, **options):
    info, rows = build_manifest(Told(*texts), BuildOptions(draws=3, **options))
    attributes = {row["expression_id"]: row for row in rows["attributes"] if row["video_id"] == "cat-0"}
    return info, rows, [attributes[str(number)] for number in range(len(texts))]


@pytest.mark.parametrize(
    ("text", "word", "other"),
    [
        ("The CAT.", "name", False),
        ("two cats, left", "name", False),
        ("a kitten's toy", "synonym", False),
        ("a catfish", "none", False),
        ("it sits beside the dogs", "none", True),
        ("the cat and an owl", "name", True),
        ("?", "none", False),
    ],
)
def test_a_class_is_named_by_whole_words(text, word, other):
    _, _, (found,) = described((text, 1))
    assert (found["class_word"], found["names_other"]) == (word, other)


@pytest.mark.parametrize(
    ("text", "spatial", "motion", "colour"),
    [
        ("the one that ran", False, True, False),
        ("flies, swimming or hopped", False, True, False),
        ("eating leaves on a skateboard", False, False, False),
        ("skateboarding", False, True, False),
        ("third in line", True, False, False),
        ("righteous greenhouse", False, False, False),
        ("Gray!", False, False, True),
    ],
)
def test_places_movements_and_colours_are_told_by_words(text, spatial, motion, colour):
    _, _, (found,) = described((text, 1))
    assert (found["has_spatial"], found["has_motion"], found["has_colour"]) == (spatial, motion, colour)


def test_objects_words_and_absence_are_counted():
    _, _, found = described(("the left cat's 2nd paw", 1), ("another", 2), ("both", 1, 2))
    assert [row["words"] for row in found] == [6, 1, 1]
    assert [row["class_objects"] for row in found] == [2, 2, 2]
    assert [row["absent_frames"] for row in found] == [0, 2, 0]


def test_the_right_hand_side_names_no_hand():
    rows = {
        "classes": [{"class_id": 1, "name": "dog", "fold": 0}],
        "videos": [{"video_id": "v", "class_id": 1, "frames": ["a"]}],
        "objects": [{"video_id": "v", "object_id": 1, "class_id": 1, "frames": ["a"]}],
    }
    texts = ["a dog on the right hand side", "a dog in a hand"]
    sentences = [Expression("v", str(number), (1,), text) for number, text in enumerate(texts)]
    found = attribute_rows(rows, ["dog", "hand"], sentences)
    assert [row["names_other"] for row in found] == [False, True]


def test_the_same_words_of_different_objects_are_unanswerable_and_noted():
    texts = (("The cat!", 1), ("the  cat", 2), ("a cat", 1), ("a cat", 1), ("it", 1), ("it", 1, 2))
    info, rows, found = described(*texts)
    assert [row["is_unanswerable"] for row in found] == [True, True, False, False, True, True]
    (note,) = [note for note in info.notes if "word for word" in note]
    assert note.endswith("asked nevertheless: cat-0/0, cat-0/1, cat-0/4, cat-0/5.")
    info, left, _ = described(*texts, leave_out=("unanswerable",))
    gone = {row["episode_id"] for row in rows["episodes"]} - {row["episode_id"] for row in left["episodes"]}
    assert {each.partition("/cat-0/")[2] for each in gone} == {"0", "1", "4", "5"}
    assert info.rule["leave_out"] == ["unanswerable"]


def test_supports_that_name_another_class_are_noted_or_not_drawn(tmp_path):
    texts = (("a dog", 1), ("one more dog", 1))
    info, rows, _ = described(*texts)
    (note,) = [note for note in info.notes if "another class" in note]
    shots = {(row["support_id"], row["shots"][0]["video_id"]) for row in rows["supports"]}
    (support,) = [support for support, video in shots if video == "cat-0"]
    assert f"{support} (cat-0/" in note
    info, rows, _ = described(*texts, leave_out=("misleading",))
    assert "cat-0" not in {shot["video_id"] for row in rows["supports"] for shot in row["shots"]}
    assert "cat-0" in {row["video_id"] for row in rows["episodes"]}
    write_manifest(tmp_path, info, rows)
    again = read_manifest(manifest_folder(tmp_path, "made", "v1")).info
    assert again.rule["leave_out"] == ["misleading"]


def test_size_and_occlusion_are_measured_on_the_label_maps():
    dataset = Told(("one", 1), ("other", 2), ("both", 1, 2))
    _, rows = build_manifest(dataset, BuildOptions(draws=1))
    found = {(r["video_id"], r["expression_id"]): r for r in pixel_attributes(dataset, rows)}
    # Object 1 is 8 x 9 of 16 x 20 pixels; in frame b object 2, 4 x 6, hides 2 x 3 of it: rows 3, 4, columns 10 to 12.
    one, other, both = (found["cat-0", number] for number in "012")
    assert one["size"] == pytest.approx((72 + 66 + 72) / 320 / 3)
    assert other["size"] == pytest.approx(24 / 320)
    assert both["size"] == pytest.approx((72 + 90 + 72) / 320 / 3)
    assert (one["occlusion"], other["occlusion"]) == (pytest.approx(6 / 72), pytest.approx(6 / 24))
    assert both["occlusion"] is None
    assert found["dog-0", "0"]["occlusion"] is None
    assert found["dog-0", "0"]["size"] == pytest.approx(72 / 320)


def test_objects_that_overlap_are_measured_each_for_itself():
    class Overlapping(Told):
        def label_map(self, video_id, name):
            two = np.zeros((16, 20), np.uint8)
            two[1:5, 10:16] = 2 * (video_id == "cat-0" and name == "b")
            return np.stack([MadeDataset.label_map(self, video_id, name), two])

    dataset = Overlapping(("one", 1), ("other", 2), ("both", 1, 2), ("nothing",))
    _, rows = build_manifest(dataset, BuildOptions(draws=1))
    found = {r["expression_id"]: r for r in pixel_attributes(dataset, rows) if r["video_id"] == "cat-0"}
    assert found["0"]["size"] == pytest.approx(72 / 320)
    assert found["2"]["size"] == pytest.approx((72 + 90 + 72) / 320 / 3)
    assert [found[each]["occlusion"] for each in "01"] == [pytest.approx(6 / 72), pytest.approx(6 / 24)]
    assert (found["3"]["size"], found["3"]["absent_frames"]) == (None, 3)


def test_a_target_that_is_never_seen_has_no_size():
    class Hidden(MadeDataset):
        def label_map(self, video_id, name):
            return np.zeros((16, 20), np.uint8)

    _, rows = build_manifest(MadeDataset(), BuildOptions(draws=1))
    assert {(r["size"], r["occlusion"]) for r in pixel_attributes(Hidden(), rows)} == {(None, None)}


def test_sizes_of_real_masks_are_shares_of_their_frames(test_data):
    dataset = open_dataset("mini-ref-davis", test_data / "mini-ref-davis")
    _, rows = build_manifest(dataset, BuildOptions())
    video = rows["videos"][0]
    few = {
        name: [row for row in rows[name] if row["video_id"] == video["video_id"]]
        for name in ("videos", "expressions", "attributes")
    }
    shares = [np.count_nonzero(dataset.label_map(video["video_id"], name)) / (480 * 854) for name in video["frames"]]
    found = list(pixel_attributes(dataset, few))
    assert len(found) == 4
    assert {row["occlusion"] for row in found} == {None}
    for row in found:
        assert row["size"] == pytest.approx(np.mean([share for share in shares if share]), rel=1e-12)


def test_pixels_fill_the_table_and_move_no_digest(tmp_path):
    dataset, folder = write_benchmark(tmp_path, {"dog": 3}, draws=1)
    bare = read_manifest(folder)
    filled = api.build_splits(dataset, out=tmp_path / "splits", options=BuildOptions(draws=1), pixels=True).manifest
    assert filled.info == bare.info
    assert {row["size"] for row in bare.rows("attributes")} == {None}
    both = [row["occlusion"] for row in filled.rows("attributes") if row["expression_id"] == "10"]
    assert set(both) == {None}
    assert all(0 < row["size"] < 1 for row in filled.rows("attributes"))
    assert all(0 <= row["occlusion"] <= 1 for row in filled.rows("attributes") if row["expression_id"] != "10")


def test_a_manifest_without_attributes_has_those_that_its_sentences_give(tmp_path):
    dataset, folder = write_benchmark(tmp_path, {"dog": 3, "cat": 2}, draws=1)
    fresh = Benchmark(dataset, read_manifest(folder))
    record = json.loads((folder / "manifest.json").read_text()) | {"schema_version": 1}
    del record["digests"]["attributes"], record["counts"]["attributes"]
    (folder / "manifest.json").write_text(json.dumps(record))
    (folder / "attributes.parquet").unlink()
    old = Benchmark(dataset, read_manifest(folder))
    assert "attributes" not in old.manifest.tables
    assert old.attributes == fresh.attributes
    assert set(old.attributes) == {(row["video_id"], row["expression_id"]) for row in old.manifest.rows("expressions")}


def test_frames_and_objects_come_from_the_records():
    class Late(MadeDataset):
        def videos(self):
            return [Video(each.video_id, (*each.frames, "z")) for each in super().videos()]

    _, rows = build_manifest(Late(), BuildOptions(draws=1))
    assert {row["absent_frames"] for row in rows["attributes"]} == {1}


def test_what_the_dataset_says_of_the_kind_of_a_sentence_is_an_attribute(tmp_path):
    """A release that says it of some sentences alone; without any, tables and digests are what they were."""
    root = write_dataset(tmp_path / "mini-ref-davis", {"dog": 2})
    plain, _ = build_manifest(open_dataset("mini-ref-davis", root), BuildOptions())
    path = root / "meta_expressions/train/meta_expressions.json"
    content = json.loads(path.read_text())
    content["videos"]["dog-0"]["expressions"]["0"]["type"] = "hard"
    path.write_text(json.dumps(content))
    info, rows = build_manifest(open_dataset("mini-ref-davis", root), BuildOptions())
    write_manifest(tmp_path / "splits", info, rows)
    manifest = read_manifest(tmp_path / "splits/mini-ref-davis/pack-v1")
    kinds = {(row["video_id"], row["expression_id"]): row["kind"] for row in manifest.rows("attributes")}
    assert {key: kind for key, kind in kinds.items() if kind is not None} == {("dog-0", "0"): "hard"}
    assert info.digest == plain.digest
    assert info.digests["attributes"] != plain.digests["attributes"]


def test_a_table_from_before_there_were_kinds_is_read_with_none(tmp_path):
    _, folder = write_benchmark(tmp_path, {"dog": 2}, draws=1)
    path, manifest = folder / "attributes.parquet", folder / "manifest.json"
    pq.write_table(pq.read_table(path).drop_columns("kind"), path)
    manifest.write_text(manifest.read_text().replace('"schema_version": 3', '"schema_version": 2'))
    old = read_manifest(folder)
    assert old.info.schema_version == 2
    assert {row["kind"] for row in old.rows("attributes")} == {None}
