"""Ref-DAVIS17 out of a release in the form of DAVIS 2017 and the annotators' files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import open_dataset
from fsbench.datasets.davis import ANNOTATORS
from fsbench.datasets.davis_text import read_davis_text
from fsbench.datasets.refdavis import prepare_davis
from fsbench.errors import DataError
from fsbench.splits.manifest import read_manifest

TRAIN, VAL = {"bear": 1, "classic-car": 3, "dog-agility": 1}, {"dog": 1, "libby": 1}
"""Real names of videos, so that their categories are known, with their number of objects."""


def write_release(root, *, label_maps="Annotations"):
    for number, (video, objects) in enumerate({**TRAIN, **VAL}.items()):
        for t in range(3):
            labels = np.zeros((24, 32), np.uint8)
            for object_id in range(1, objects + 1):
                labels[2 + t : 20, 9 * (object_id - 1) + 2 : 9 * object_id] = object_id
            labels[0, 0] = 255
            mask = Image.fromarray(labels)
            mask.putpalette(bytes(768))
            for folder, ending, image in (
                ("JPEGImages", "jpg", Image.fromarray(labels * 40 + number)),
                (label_maps, "png", mask),
            ):
                path = root / folder / "480p" / video / f"{t:05d}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
    (root / "ImageSets/2017").mkdir(parents=True, exist_ok=True)
    (root / "ImageSets/2017/train.txt").write_text("\n".join(TRAIN) + "\n")
    (root / "ImageSets/2017/val.txt").write_text("\n".join(VAL))
    return root


def write_text(folder):
    """Writes the annotators' files, with what the real ones have: misspelt videos, latin-1, objects out of order."""
    folder.mkdir(parents=True, exist_ok=True)
    for annotator, name in enumerate(ANNOTATORS):
        spelt = {"classic-car": "clasic-car"} if annotator == 2 else {}
        lines = [
            f'{spelt.get(video, video)} {object_id} "the object {object_id} of {video}, caf\xe9 {annotator}"'
            for video, objects in {**TRAIN, **VAL}.items()
            for object_id in range(objects, 0, -1)
        ]
        content = "\r\n".join([*lines, "", ""])
        (folder / f"{name}.txt").write_bytes(content.encode("latin-1" if annotator > 1 else "utf-8"))
    return folder


@pytest.fixture
def release(tmp_path):
    return write_release(tmp_path / "DAVIS")


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "davis_text_annotations")


def test_one_command_makes_the_dataset_and_its_manifest_and_does_so_once(fsbench, tmp_path, release, text):
    command = ["prepare", "davis", "--davis", tmp_path, "--text", text]
    assert "dog" in fsbench(*command).stdout
    root = tmp_path / "data/ref-davis17"
    made = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    digest = read_manifest(tmp_path / "splits/ref-davis17/v1").info.digest
    again = fsbench(*command, "--json")
    assert json.loads(again.stdout)["digest"] == digest
    assert "is there already" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == made
    manifest = read_manifest(tmp_path / "splits/ref-davis17/v1")
    assert [(row["name"], row["fold"]) for row in manifest.rows("classes")] == [("dog", 0)]
    assert {row["video_id"] for row in manifest.rows("videos")} == {"dog", "dog-agility", "libby"}
    assert "no problems" in fsbench("verify", manifest.path, "--data-root", root, "--rebuild").stdout
    assert (root / "ImageSets/2017/val.txt").read_text().split() == list(VAL)


def test_the_dataset_is_the_release_with_the_sentences_under_the_ids_of_the_field(tmp_path, release, text):
    prepare_davis(release, text, tmp_path / "out")
    dataset = open_dataset("ref-davis17", tmp_path / "out")
    assert [(video.video_id, len(video.frames)) for video in dataset.videos()] == [
        (video, 3) for video in sorted({**TRAIN, **VAL})
    ]
    objects = [(track.object_id, track.category) for track in dataset.objects() if track.video_id == "classic-car"]
    assert objects == [(1, "person"), (2, "person"), (3, "car")]
    said = [each for each in dataset.expressions() if each.video_id == "classic-car"]
    assert [(each.expression_id, each.object_ids) for each in said] == [(str(i), (i // 4 + 1,)) for i in range(12)]
    assert [each.text[-6:] for each in said[:4]] == [f"caf\xe9 {annotator}" for annotator in range(4)]
    for video in (*TRAIN, *VAL):
        for t in range(3):
            for folder, ending in (("JPEGImages", "jpg"), ("Annotations", "png")):
                name = f"{video}/{t:05d}.{ending}"
                made = tmp_path / "out/train" / folder / name
                assert not made.is_symlink()
                assert made.read_bytes() == (release / folder / "480p" / name).read_bytes()


def test_pictures_and_label_maps_may_be_linked(tmp_path, release, text):
    prepare_davis(release, text, tmp_path / "copied")
    prepare_davis(release, text, tmp_path / "linked", link=True)
    assert (tmp_path / "linked/train/JPEGImages/dog/00000.jpg").is_symlink()
    copied, linked = (open_dataset("ref-davis17", tmp_path / name) for name in ("copied", "linked"))
    assert copied.fingerprint("dog", ["00000"]) == linked.fingerprint("dog", ["00000"])
    assert copied.sources() == linked.sources()


def test_the_unsupervised_label_maps_are_taken_where_they_are_there(tmp_path, release, text):
    write_release(release, label_maps="Annotations_unsupervised")
    for path in (release / "Annotations").rglob("*.png"):
        Image.new("P", (32, 24)).save(path)
    prepare_davis(release, text, tmp_path / "out")
    assert open_dataset("ref-davis17", tmp_path / "out").label_map("dog", "00000").max() == 255


def test_categories_are_those_of_the_release_where_it_has_them_and_unknown_where_nobody_does(
    tmp_path, release, text, caplog
):
    (release / "davis_semantics.json").write_text(json.dumps({"dog": {"1": "wolf"}}))
    for folder in ("JPEGImages", "Annotations"):
        (release / folder / "480p/bear").rename(release / folder / "480p/mine")
    (release / "ImageSets/2017/train.txt").write_text("mine\nclassic-car\ndog-agility")
    prepare_davis(release, text, tmp_path / "out")
    objects = open_dataset("ref-davis17", tmp_path / "out").objects()
    assert {track.video_id: track.category for track in objects} == {
        "classic-car": "car",
        "dog": "wolf",
        "dog-agility": "dog",
        "libby": "dog",
        "mine": "unknown",
    }
    assert "Video mine: what object 1 is, is not known." in caplog.messages
    assert "Sentences about 1 videos that the release does not list, e.g. bear." in caplog.messages


def test_the_json_of_later_repositories_says_the_same(tmp_path, release, text):
    prepare_davis(release, text, tmp_path / "of-text")
    expected = open_dataset("ref-davis17", tmp_path / "of-text")
    sentences = json.loads((tmp_path / "of-text/meta_expressions/train/meta_expressions.json").read_text())
    for part, listed in (("train", TRAIN), ("valid", VAL)):
        path = tmp_path / "json/meta_expressions" / part / "meta_expressions.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"videos": {video: sentences["videos"][video] for video in listed}}))
    merged = {}
    for track in expected.objects():
        texts = [
            e.text for e in expected.expressions() if (e.video_id, e.object_ids) == (track.video_id, (track.object_id,))
        ]
        item = {"category": track.category, "frames": list(track.frames), "expressions": texts}
        merged.setdefault(track.video_id, {"objects": {}})["objects"][str(track.object_id)] = item
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged/new_train.json").write_text(json.dumps({"videos": merged}))
    for folder in ("json", "merged"):
        prepare_davis(release, tmp_path / folder, tmp_path / f"of-{folder}")
        assert open_dataset("ref-davis17", tmp_path / f"of-{folder}").sources() == expected.sources()


def test_an_annotator_who_gave_one_object_two_sentences_loses_none(tmp_path, text):
    path = text / f"{ANNOTATORS[1]}.txt"
    path.write_text(path.read_text().replace("classic-car 2", "classic-car 1"))
    said = read_davis_text(text).sentences["classic-car"]
    assert [(key, *said[key][1]) for key in ("0", "1", "4", "5", "9")] == [
        ("0", 1),
        ("1", 1),
        ("4", 2),
        ("5", 1),
        ("9", 3),
    ]
    assert len(said) == 12


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('dog 1 "the dogs\'"', "the dogs'"),
        ("dog 1 the dogs'", "the dogs'"),
        ('dog 1 "the dog', "the dog"),
        ("dog\t1  \u201cthe  dog\u201d ", "the dog"),
        ('dog 1 "a "big" dog"', 'a "big" dog'),
    ],
)
def test_a_sentence_stands_in_quotation_marks_or_in_none(text, line, sentence):
    (text / f"{ANNOTATORS[0]}.txt").write_text(line, encoding="utf-8")
    assert read_davis_text(text).sentences["dog"]["0"] == (sentence, [1])


@pytest.mark.parametrize(
    ("line", "told"),
    [("dog a dog", "expected the video"), ('dog 1 ""', "expected the video"), ("dog 1", "expected the video")],
)
def test_a_line_of_another_form_is_an_error_that_names_it(text, line, told):
    path = text / f"{ANNOTATORS[0]}.txt"
    path.write_text(f"dog 1 a dog\n{line}\n")
    with pytest.raises(DataError, match=rf"annot1\.txt, line 2: {told}"):
        read_davis_text(text)


def test_sentences_that_are_not_all_there_are_an_error(tmp_path, text):
    (text / "Davis17_annot2.txt").unlink()
    with pytest.raises(DataError, match=r"not Davis17_annot2\.txt"):
        read_davis_text(text)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no sentences of Ref-DAVIS17.*Davis17_annot1\.txt"):
        read_davis_text(tmp_path / "empty")


def test_a_release_without_a_part_is_shown_beside_what_was_expected(tmp_path, release, text):
    shutil.rmtree(release / "JPEGImages")
    with pytest.raises(
        DataError, match=r"(?s)no DAVIS 2017 release.*pictures +nothing +JPEGImages/480p.*Annotations/, Im"
    ):
        prepare_davis(tmp_path, text, tmp_path / "out")


def test_a_folder_of_something_else_is_left_alone(tmp_path, release, text):
    out = tmp_path / "out"
    prepare_davis(release, text, out)
    (out / "train/JPEGImages/dog/00001.jpg").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"00001\.jpg: is missing or another"):
        prepare_davis(release, text, out)
    (out / "train/meta.json").write_text("{}")
    with pytest.raises(DataError, match=r"holds something else \(train/meta\.json"):
        prepare_davis(release, text, out)


def test_what_fails_half_way_leaves_nothing(tmp_path, release, text, monkeypatch):
    copied = []

    def copy(source, target):
        copied.append(target)
        if len(copied) > 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", copy)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        prepare_davis(release, text, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_the_pack_of_real_videos_gives_15_of_its_18_in_four_classes(fsbench, test_data, tmp_path):
    pack = test_data / "mini-ref-davis"
    release = tmp_path / "DAVIS"
    (release / "ImageSets/2017").mkdir(parents=True)
    for folder in ("JPEGImages", "Annotations"):
        (release / folder).mkdir()
        (release / folder / "480p").symlink_to(pack / "train" / folder)
    videos = sorted(path.name for path in (pack / "train/JPEGImages").iterdir())
    (release / "ImageSets/2017/train.txt").write_text("\n".join(videos))
    fsbench("prepare", "davis", "--davis", release, "--text", pack, "--link")
    manifest = read_manifest(tmp_path / "splits/ref-davis17/v1")
    assert len(videos) == 18
    assert len(manifest.rows("videos")) == 15
    assert [row["name"] for row in manifest.rows("classes")] == ["bird", "car", "dog", "person"]
    assert open_dataset("ref-davis17", tmp_path / "data").objects() == open_dataset("mini-ref-davis", pack).objects()
    assert (
        open_dataset("ref-davis17", tmp_path / "data").expressions()
        == open_dataset("mini-ref-davis", pack).expressions()
    )
