"""A2D-Sentences, from files in the form of the authors' and their text, and in the form that later repositories share.

No mask of the release was at hand: those here are written as the field's loaders read them.
"""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from fsbench.datasets import complete
from fsbench.datasets.a2d import A2DSentences
from fsbench.datasets.a2d import read_rows
from fsbench.datasets.samples import sample_of
from fsbench.errors import DataError
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from tests.mevis import code_of

h5py = pytest.importorskip("h5py", reason="the masks are HDF5")

SIZE = (20, 30)
INSTANCES = {"--h5fAKYurM": {30: (0,), 60: (0, 2, 7)}, "-0cOo0cRVZU": {15: (1, 0), 45: (1,)}, "train": {15: (0,)}}
"""For each video its annotated frames, and the instances that each has, as they come in the file."""
SAID = [("--h5fAKYurM", "0"), ("--h5fAKYurM", "7"), ("-0cOo0cRVZU", "0"), ("-0cOo0cRVZU", "1"), ("-0cOo0cRVZU", "9")]


def mask_of(instance, frame):
    mask = np.zeros(SIZE, bool)
    mask[2 + instance : 9 + instance, frame // 15 : frame // 15 + 6 + instance] = True
    return mask


@pytest.fixture
def root(tmp_path):
    return write_a2d(tmp_path / "a2d_sentences")


def write_a2d(base):
    """Writes the text, the list of videos and the masks as they lie on disk."""
    (base / "Release").mkdir(parents=True)
    rows = [f"{video},11,00:00,00:04,20,30,96,2,{int(video != 'train')}" for video in [*INSTANCES, "54DuhN4-Cj0"]]
    (base / "Release/videoset.csv").write_text("\n".join(rows) + "\n")
    texts = base / "text_annotations"
    for video, frames in INSTANCES.items():
        for frame, instances in frames.items():
            path = texts / "a2d_annotation_with_instances" / video / f"{frame:05d}.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            masks = [mask_of(instance, frame).T.astype(np.uint8) for instance in instances]  # columns first
            with h5py.File(path, "w") as file:
                file["instance"] = np.array(instances, np.float64)
                file["reMask"] = masks[0] if len(masks) == 1 else np.stack(masks)
    rows = [f'{video},{instance},"who, and what {instance} does"' for video, instance in SAID]
    rows += ["train,0,a train", "--h5fAKYurM,1 (copy),bird standing in the beach", "54DuhN4-Cj0,0,missed"]
    (texts / "a2d_annotation.txt").write_text("\n".join(["video_id,instance_id,query", *rows]))
    (texts / "a2d_missed_videos.txt").write_text("54DuhN4-Cj0\n")
    return base


def test_sentences_of_test_videos_are_asked_where_their_instance_is(root):
    dataset = complete(A2DSentences(root))
    assert [tuple(video) for video in dataset.videos()] == [
        ("--h5fAKYurM", ("00030", "00060")),
        ("-0cOo0cRVZU", ("00015", "00045")),
    ]
    assert [(said.video_id, said.expression_id, said.object_ids, said.frames) for said in dataset.expressions()] == [
        ("--h5fAKYurM", "0", (1,), ("00030", "00060")),
        ("--h5fAKYurM", "7", (8,), ("00060",)),
        ("-0cOo0cRVZU", "0", (1,), ("00015",)),
        ("-0cOo0cRVZU", "1", (2,), ("00015", "00045")),
    ]
    assert dataset.expressions()[0].text == "who, and what 0 does"
    assert dataset.frame_size("--h5fAKYurM") == SIZE
    for video, frames in list(INSTANCES.items())[:2]:
        for frame, instances in frames.items():
            layers = layers_of(dataset.label_map(video, f"{frame:05d}"))
            for instance in instances:
                assert np.array_equal(union_of(layers, [instance + 1]), mask_of(instance, frame))


def test_without_a_list_of_test_videos_all_with_masks_are_taken(root):
    (root / "Release/videoset.csv").unlink()
    assert len(A2DSentences(root).videos()) == 3
    with pytest.raises(DataError, match=r"frames of A2D's films are not read"):
        A2DSentences(root).frame("train", "00015")


def results(shift):
    """Returns COCO results of every sample, the better of two scores moved by some pixels, and each sample's J."""
    rows, overlaps = [], {}
    for video, instance in SAID:
        for frame, instances in INSTANCES[video].items():
            if int(instance) in instances:
                true = mask_of(int(instance), frame)
                pred = np.roll(true, shift, axis=1)
                image_id = f"v_{video}_f_{frame}_i_{instance}"
                rows.append({"image_id": image_id, "category_id": 1, "segmentation": code_of(~pred), "score": 0.2})
                rows.append({"image_id": image_id, "category_id": 1, "segmentation": code_of(pred), "score": 0.7})
                codes = [{"size": list(SIZE), "counts": code_of(mask)["counts"].encode()} for mask in (pred, true)]
                overlaps.setdefault((video, instance), []).append(float(coco.iou(codes[:1], codes[1:], [0])[0, 0]))
    return rows, overlaps


def coco_truth():
    """Returns the truth as the field's script writes it for COCO's tool."""
    images, annotations = [], []
    for video, instance in SAID:
        for frame, instances in INSTANCES[video].items():
            if int(instance) in instances:
                image_id = f"v_{video}_f_{frame}_i_{instance}"
                images.append({"id": image_id, "height": SIZE[0], "width": SIZE[1]})
                code = code_of(mask_of(int(instance), frame))
                annotations.append({"id": len(images), "image_id": image_id, "category_id": 1, "segmentation": code})
    return {"categories": [{"id": 1, "name": "dummy_class"}], "images": images, "annotations": annotations}


@pytest.mark.parametrize("form", ["results", "folder"])
@pytest.mark.parametrize("truth", ["files", "coco"])
def test_the_j_of_each_sample_is_pycocotools_in_every_form(fsbench, tmp_path, root, form, truth):
    rows, overlaps = results(shift=2)
    if form == "results":
        (tmp_path / "mine.json").write_text(json.dumps(rows))
    else:
        for row in rows[1::2]:
            sample = sample_of(row["image_id"])
            path = tmp_path / "mine" / sample.video_id / sample.expression_id / f"{sample.frame}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            code = {**row["segmentation"], "counts": row["segmentation"]["counts"].encode()}
            Image.fromarray(coco.decode(code) * 255).save(path)
    if truth == "coco":
        root = tmp_path / "a2d_sentences_test_annotations_in_coco_format.json"
        root.write_text(json.dumps(coco_truth()))
    answer = "mine.json" if form == "results" else "mine"
    found = json.loads(fsbench("score", answer, "--truth", root, "--protocol", "mevis", "--json").stdout)
    assert {(row["video"], row["expression"]): row["frames"] for row in found["objects"]} == {
        key: len(each) for key, each in overlaps.items()
    }
    by_sentence = {(row["video"], row["expression"]): row["J_mean"] for row in found["objects"]}
    assert by_sentence == pytest.approx({key: np.mean(each) for key, each in overlaps.items()})
    assert 0 < found["mean"]["J_mean"] < 1


def average_precision(ranked, num_images):
    """Literally: of results (score, image, IoU) in falling order, each image is found once; 101 points of recall."""
    found = []
    for threshold in np.linspace(0.5, 0.95, 10):
        hits, seen = [], set()
        for _, image, iou in sorted(ranked, key=lambda result: -result[0]):
            hits.append(image not in seen and iou >= min(threshold, 1 - 1e-10))
            seen |= {image} if hits[-1] else set()
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        recall = np.cumsum(hits) / num_images
        found.append(np.mean([precision[recall >= at - 1e-12].max(initial=0) for at in np.linspace(0, 1, 101)]))
    return np.mean(found)


@pytest.mark.parametrize("protocol", ["a2d", "jhmdb"])
def test_precision_overall_and_mean_iou_and_map_are_what_their_definitions_say(fsbench, tmp_path, root, protocol):
    rng = np.random.default_rng(0)
    rows, ranked, best = [], [], {}
    for image_id in (image["id"] for image in coco_truth()["images"]):
        sample = sample_of(image_id)
        true = mask_of(int(sample.expression_id), int(sample.frame))
        for shift, score in zip(rng.integers(0, 6, 3), rng.permutation(30)[:3], strict=True):
            pred = np.roll(true, shift, axis=1)
            score = float(score + rng.random())
            rows.append({"image_id": image_id, "category_id": 1, "segmentation": code_of(pred), "score": score})
            counts = np.count_nonzero(pred & true), np.count_nonzero(pred | true)
            ranked.append((score, image_id, counts[0] / counts[1]))
            best[image_id] = max(best.get(image_id, (-1.0, 0, 0)), (score, *counts))
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    score = ("score", "mine.json", "--truth", root, "--protocol", protocol)
    found = json.loads(fsbench(*score, "--json").stdout)["mean"]
    intersections, unions = np.array([each[1:] for each in best.values()]).T
    ious = intersections / unions
    assert found["mIoU"] == pytest.approx(ious.mean())
    assert found["oIoU"] == pytest.approx(intersections.sum() / unions.sum())
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
        assert found[f"P@{threshold}"] == pytest.approx((ious > threshold).mean())
    assert found["mAP"] == pytest.approx(average_precision(ranked, len(best)), abs=1e-9)
    assert 0.1 < found["mAP"] < 0.9
    assert f"{100 * found['mAP']:.2f}" in fsbench(*score).stdout
    rows[0]["segmentation"] = code_of(np.zeros((20, 29), bool))
    rows[0]["score"] = -1.0
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    assert "a result of the same image is 20 x 29, expected 20 x 30" in fsbench(*score, code=4).stderr


def test_without_scores_there_is_no_map(fsbench, tmp_path, root):
    rows, _ = results(shift=1)
    for row in rows[1::2]:
        sample = sample_of(row["image_id"])
        path = tmp_path / "mine" / sample.video_id / sample.expression_id / f"{sample.frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        code = {**row["segmentation"], "counts": row["segmentation"]["counts"].encode()}
        Image.fromarray(coco.decode(code) * 255).save(path)
    found = json.loads(fsbench("score", "mine", "--truth", root, "--protocol", "a2d", "--json").stdout)
    assert found["mean"]["mAP"] is None
    assert any("ranked by a score" in note for note in found["notes"])


def test_samples_that_are_missing_and_results_that_are_none_are_refused(fsbench, tmp_path, root):
    rows, _ = results(shift=0)
    (tmp_path / "mine.json").write_text(json.dumps(rows[2:]))
    assert "--h5fAKYurM/0: 1 of 2, e.g. 00030" in fsbench("validate", "mine.json", "--truth", root, code=4).stdout
    wrong = [{"score": float("nan")}, {"score": None}, {"segmentation": [[1, 2]]}, {"segmentation": {"size": [20, 30]}}]
    (tmp_path / "mine.json").write_text(
        json.dumps([*rows, *({**rows[0], **change} for change in wrong), {"image_id": 1.5}])
    )
    assert "wrong-result: 5" in fsbench("validate", "mine.json", "--truth", root, code=4).stdout


def test_files_that_are_not_of_their_form_are_an_error_that_names_them(root):
    texts = root / "text_annotations"
    folder = texts / "a2d_annotation_with_instances/--h5fAKYurM"
    with h5py.File(folder / "00060.h5", "r+") as file:
        del file["reMask"]
        file["reMask"] = np.zeros((2, 30, 20), np.uint8)
    with pytest.raises(DataError, match=r"00060\.h5: reMask \[2, 30, 20\] holds no masks of 3 instances"):
        A2DSentences(root).label_map("--h5fAKYurM", "00060")
    (folder / "00030.h5").write_bytes(b"")
    with pytest.raises(DataError, match=r"00030\.h5: cannot be read as HDF5"):
        A2DSentences(root).label_map("--h5fAKYurM", "00030")
    with h5py.File(folder / "00030.h5", "w"):
        pass
    with pytest.raises(DataError, match=r"00030\.h5: has no instance, reMask in it"):
        A2DSentences(root).label_map("--h5fAKYurM", "00030")
    (texts / "a2d_annotation.txt").write_text("video_id,instance_id,query\na,b\n")
    with pytest.raises(DataError, match=r"a2d_annotation\.txt: 'a,b' has 2 fields, expected 3"):
        A2DSentences(root).videos()
    (texts / "a2d_annotation.txt").unlink()
    with pytest.raises(DataError, match=r"(?s)A2D-Sentences is not complete\..*sentences +nothing"):
        A2DSentences(root).videos()


def test_the_authors_text_as_it_is(test_data, tmp_path):
    text = test_data / "sentences/a2d_annotation.txt"
    rows = read_rows(text, 3)
    assert len(rows) == 6655
    assert [row[1] for row in rows if not row[1].isdigit()] == ["1 (copy)"]
    (tmp_path / "a2d_annotation.txt").write_bytes(text.read_bytes())
    (tmp_path / "a2d_missed_videos.txt").write_bytes((test_data / "sentences/a2d_missed_videos.txt").read_bytes())
    for video, instances in (("-0cOo0cRVZU", (0, 1, 2)), ("T6bNPuKV-wY", (0, 1, 2))):
        folder = tmp_path / "a2d_annotation_with_instances" / video
        folder.mkdir(parents=True)
        with h5py.File(folder / "00020.h5", "w") as file:
            file["instance"] = np.array(instances)
            file["reMask"] = np.zeros((3, 8, 6), np.uint8)
    said = [(each.video_id, each.expression_id) for each in A2DSentences(tmp_path).expressions()]
    expected = {
        (row[0], row[1]) for row in rows if row[0] in ("-0cOo0cRVZU", "T6bNPuKV-wY") and row[1] in ("0", "1", "2")
    }
    assert set(said) == expected
    assert len(said) == len(expected) > 3
