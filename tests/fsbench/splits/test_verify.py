import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fsbench.datasets import open_dataset
from fsbench.splits.schema import SCHEMAS
from fsbench.splits.verify import verify_manifest
from tests.tiny import write_benchmark
from tests.tiny import write_dataset


@pytest.fixture
def built(tmp_path):
    dataset, manifest = write_benchmark(tmp_path, {"dog": 3, "cat": 2}, draws=2, frames=3, with_text=True)
    return manifest, dataset


def change(folder, table, edit):
    """Rewrites a table after `edit(rows)`."""
    path = folder / f"{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    edit(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[table]), path)


def found(folder, dataset=None):
    return [f"{problem.where}: {problem.what}" for problem in verify_manifest(folder, dataset)]


def test_a_sound_manifest_has_no_problem(built):
    assert found(*built) == []


EDITS = {
    "fold": ("classes", lambda rows: rows[0].update(fold=3), "folds are"),
    "unknown class": ("videos", lambda rows: rows[0].update(class_id=9), "class 9 is not in classes"),
    "object class": ("objects", lambda rows: rows[0].update(class_id=2), "its video has another"),
    "object frame": ("objects", lambda rows: rows[0]["frames"].append("99"), "frames ['99'] are not in its video"),
    "sentence object": ("expressions", lambda rows: rows[0].update(object_ids=[7]), "object 7 is not in objects"),
    "text": ("expressions", lambda rows: rows[0].update(text="other"), "text does not have its digest"),
    "support video": (
        "supports",
        lambda rows: rows[0]["shots"][0].update(video_id="nowhere"),
        "'nowhere' is not in videos",
    ),
    "support frame": ("supports", lambda rows: rows[0]["shots"][0].update(frames=["77"]), "frames ['77'] are not in"),
    "support class": ("supports", lambda rows: rows[0]["shots"][0].update(video_id="dog-0"), "is of another class"),
    "query in support": (
        "episodes",
        lambda rows: rows[0].update(video_id="cat-1" if rows[0]["video_id"] == "cat-0" else "cat-0"),
        "is in its own support set",
    ),
    "missing query": ("episodes", lambda rows: rows.pop(), "queries are missing"),
    "duplicate": ("episodes", lambda rows: rows.append(rows[0]), "duplicate: 2 rows"),
    "unknown support": ("episodes", lambda rows: rows[0].update(support_id="x"), "support 'x' is not in supports"),
    "objects": ("episodes", lambda rows: rows[0].update(object_ids=[1, 2, 3]), "its sentence names"),
}


@pytest.mark.parametrize("name", EDITS)
def test_every_kind_of_damage_is_named_beside_the_digest(built, name):
    folder, _ = built
    table, edit, expected = EDITS[name]
    change(folder, table, edit)
    problems = found(folder)
    assert any(expected in problem for problem in problems), problems
    if name != "text":
        assert any("do not have the digest" in problem for problem in problems)


def test_all_problems_are_listed_not_the_first(built):
    folder, _ = built
    for name in ("fold", "sentence object", "missing query"):
        change(folder, *EDITS[name][:2])
    problems = found(folder)
    assert all(any(EDITS[name][2] in p for p in problems) for name in ("fold", "sentence object", "missing query"))


def test_unreadable_tables_are_all_named(built):
    folder, _ = built
    (folder / "videos.parquet").unlink()
    (folder / "objects.parquet").write_bytes(b"no parquet")
    assert [problem.split(":")[0] for problem in found(folder)] == ["videos.parquet", "objects.parquet"]


def test_local_data_is_held_against_the_manifest(built):
    folder, dataset = built
    annotations, pictures = dataset.root / "train/Annotations", dataset.root / "train/JPEGImages"
    (pictures / "dog-0/00000.jpg").unlink()
    (annotations / "dog-1/00005.png").write_bytes(b"broken")
    Image.new("P", (32, 24)).save(annotations / "dog-2/00010.png")
    path = dataset.root / "meta_expressions/train/meta_expressions.json"
    texts = json.loads(path.read_text())
    texts["videos"]["cat-0"]["expressions"]["0"]["exp"] = "another sentence"
    texts["videos"]["cat-0"]["expressions"]["1"]["obj_id"] = "1"
    del texts["videos"]["cat-1"]
    path.write_text(json.dumps(texts))
    problems = found(folder, open_dataset("mini-ref-davis", dataset.root))
    for expected in (
        "dog-0/00000: missing",
        "dog-1/00005",
        "dog-2/00010: objects [1, 2] are not in its label map",
        "sentence cat-0/0: the local text does not have the digest",
        "sentence cat-0/1 names other objects",
        "video 'cat-1' is not in the local data",
    ):
        assert any(expected in problem for problem in problems), (expected, problems)


def test_metadata_without_frames_is_checked_as_such(built, tmp_path):
    folder, _ = built
    root = write_dataset(tmp_path / "bare/mini-ref-davis", {"dog": 3, "cat": 2}, with_frames=False)
    bare = open_dataset("mini-ref-davis", root)
    assert not bare.has_frames()
    assert found(folder, bare) == []


def metadata(dataset, which, edit):
    """Rewrites `meta.json` (objects) or `meta_expressions.json` (sentences) after `edit(videos)`."""
    paths = {"objects": "train/meta.json", "sentences": "meta_expressions/train/meta_expressions.json"}
    path = dataset.root / paths[which]
    content = json.loads(path.read_text())
    edit(content["videos"])
    path.write_text(json.dumps(content))
    return open_dataset("mini-ref-davis", dataset.root)


LOCAL = {
    "category": (
        "objects",
        lambda v: v["dog-0"]["objects"]["1"].update(category="cat"),
        "dog-0/1 is 'cat' in the local",
    ),
    "object": (
        "objects",
        lambda v: v["dog-0"]["objects"].update({"3": {"category": "dog", "frames": ["00000"]}}),
        "object dog-0/3 is in the local data, and not in the manifest",
    ),
    "object frame": (
        "objects",
        lambda v: v["dog-0"]["objects"]["2"]["frames"].append("00000"),
        "object dog-0/2: frames ['00000'] are listed in the local data, and not",
    ),
    "fewer": (
        "objects",
        lambda v: v["dog-0"]["objects"]["2"]["frames"].pop(),
        "dog-0/2: frames ['00015'] are not listed",
    ),
    "frame": (
        "sentences",
        lambda v: v["dog-0"]["frames"].append("99"),
        "video 'dog-0': frames ['99'] are listed in the",
    ),
    "order": ("sentences", lambda v: v["dog-0"]["frames"].reverse(), "video 'dog-0': its frames come in another order"),
    "sentence": (
        "sentences",
        lambda v: v["dog-0"]["expressions"].update({"7": {"exp": "it", "obj_id": 1}}),
        "sentence dog-0/7 is in the local data, and not in the manifest",
    ),
}


@pytest.mark.parametrize("name", LOCAL)
def test_what_the_metadata_says_otherwise_of_a_video_is_found_in_both_directions(built, name):
    folder, dataset = built
    which, edit, expected = LOCAL[name]
    problems = [flaw.what for flaw in verify_manifest(folder, metadata(dataset, which, edit), pixels=False)]
    assert any(expected in problem for problem in problems), problems


def test_sizes_are_held_against_each_other_and_against_the_manifest(built):
    folder, dataset = built
    frames = dataset.root / "train"
    Image.new("P", (16, 12)).save(frames / "Annotations/dog-0/00000.png")
    for name in ("00000", "00005", "00010", "00015"):
        for path in (frames / f"JPEGImages/cat-0/{name}.jpg", frames / f"Annotations/cat-0/{name}.png"):
            with Image.open(path) as image:
                image.resize((64, 48), Image.Resampling.NEAREST).save(path)
    problems = found(folder, dataset)
    assert "dog-0/00000: picture (24, 32) and label map (12, 16) (height, width) differ" in problems
    assert "cat-0/00005: height and width are (48, 64), in the manifest (24, 32)" in problems
    assert [problem.where for problem in verify_manifest(folder, dataset, pixels=False)] == ["cat-0", "dog-0"]


def test_a_frame_that_does_not_decode_is_found(built):
    folder, dataset = built
    (dataset.root / "train/JPEGImages/dog-0/00005.jpg").write_bytes(b"no picture")
    assert [problem.split(":")[0] for problem in found(folder, dataset)] == ["dog-0/00005"]


def test_the_first_sound_look_records_the_pixels_and_later_ones_find_what_has_changed(built):
    folder, dataset = built
    assert found(folder, dataset) == []
    recorded = (folder / "pixels.json").read_bytes()
    assert found(folder, dataset) == []
    masks, pictures = dataset.root / "train/Annotations/dog-0", dataset.root / "train/JPEGImages"
    later = (masks / "00010.png").read_bytes()
    (masks / "00010.png").write_bytes((masks / "00015.png").read_bytes())
    (masks / "00015.png").write_bytes(later)
    Image.new("RGB", (32, 24), (9, 9, 9)).save(pictures / "cat-1/00000.jpg")
    assert found(folder, dataset) == [
        "cat-1: its frames decode to other pixels than those in pixels.json",
        "dog-0: its label maps decode to other pixels than those in pixels.json",
    ]
    assert (folder / "pixels.json").read_bytes() == recorded
    assert verify_manifest(folder, dataset, pixels=False) == []


def test_label_maps_that_are_stored_otherwise_and_hold_the_same_are_the_same(built):
    folder, dataset = built
    assert found(folder, dataset) == []
    for path in (dataset.root / "train/Annotations/dog-0").iterdir():
        labels = dataset.label_map("dog-0", path.stem)
        Image.fromarray(labels.astype("<u2")).save(path)
    assert found(folder, dataset) == []


def test_pixels_are_recorded_of_sound_data_alone(built):
    folder, dataset = built
    path = dataset.root / "train/Annotations/dog-2/00010.png"
    sound = path.read_bytes()
    Image.new("P", (32, 24)).save(path)
    assert len(found(folder, dataset)) == 1
    assert not (folder / "pixels.json").exists()
    path.write_bytes(sound)
    assert found(folder, dataset) == []
    assert (folder / "pixels.json").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 9, "manifest": "", "videos": {}}', "other"])
def test_a_record_of_pixels_that_is_damaged_or_of_another_manifest_is_named(built, content):
    folder, dataset = built
    assert found(folder, dataset) == []
    path = folder / "pixels.json"
    path.write_text(path.read_text().replace('"dog-0"', '"dog-9"') if content == "other" else content)
    (problem,) = found(folder, dataset)
    assert problem.startswith("pixels.json: ")
