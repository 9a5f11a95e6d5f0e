"""The trees that the authors and other repositories publish, each read as it lies."""

import json

import pytest

from fsbench.datasets import open_dataset
from fsbench.datasets.catalogue import find_root
from fsbench.datasets.shipped import MINI_DAVIS
from fsbench.datasets.trees import find_tree
from fsbench.errors import DataError
from fsbench.leaderboard import read_entries
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import read_manifest
from tests.tiny import rearrange
from tests.tiny import write_dataset

META, TEXTS = "train/meta.json", "meta_expressions/train/meta_expressions.json"
FLAT = {"train/Annotations": "Annotations", "train/JPEGImages": "JPEGImages"}
RENAMED = {META: "train/train.json"}
IN_EXPRESSIONS = {**FLAT, META: "meta_expressions/train.json", TEXTS: "meta_expressions/meta_expressions.json"}
PUBLISHED = {
    "Mini-Ref-YouTube-VOS": (RENAMED, ("hat", "plant", "hand", "horse")),
    "Mini-Ref-SAIL-VOS": (RENAMED, ("dog", "car")),
    "Mini-DAVIS": (IN_EXPRESSIONS, ("cat", "dog")),
    "Mini-MeViS": ({**FLAT, META: "meta_expressions/train/meta.json"}, ("cat", "dog")),
}


def published(base, folder):
    """Writes a tree as the authors' README shows it, with the folds of classes in `splits/` where it has them."""
    places, categories = PUBLISHED[folder]
    root = rearrange(write_dataset(base / folder, dict.fromkeys(categories, 2)), places)
    (root / "splits").mkdir()
    if folder != "Mini-Ref-SAIL-VOS":
        for number, name in enumerate(categories, start=1):
            (root / f"splits/group{number}_test.json").write_text(json.dumps({name: [f"{name}-0", f"{name}-1"]}))
    return root


@pytest.mark.parametrize("folder", PUBLISHED)
def test_a_published_tree_goes_from_splits_to_a_leaderboard(fsbench, tmp_path, folder):
    name = folder.lower()
    root = published(tmp_path / "data", folder)
    fsbench("build-splits", name, "--draws", 2)
    manifest = read_manifest(find_manifest(name, tmp_path / "splits"))
    by_group = {row["name"]: row["fold"] for row in manifest.rows("classes")}
    categories = PUBLISHED[folder][1]
    assert by_group == (
        {"dog": 0, "car": 0} if "SAIL" in folder else {each: categories.index(each) + 1 for each in by_group}
    )
    assert set(by_group) == set(categories)
    assert max(len(row["object_ids"]) for row in manifest.rows("episodes")) == 2  # a sentence about both objects
    assert "no problems" in fsbench("verify", manifest.path, "--data-root", root, "--rebuild").stdout
    evaluated = fsbench("evaluate", "--method", "full-frame", "--dataset", name).stdout
    assert f"on {name}" in evaluated
    assert "2 support draws" in evaluated
    fsbench("submit", f"runs/{name}/full-frame")
    (entry,) = read_entries(tmp_path / "leaderboard/entries")
    assert (entry.dataset, len(entry.folds)) == (name, len(set(by_group.values())))
    assert name in fsbench("leaderboard").stdout


@pytest.mark.parametrize("metadata", ["train/meta.json", "train/train.json", "meta.json", "train.json"])
@pytest.mark.parametrize("texts", [TEXTS, "meta_expressions/meta_expressions.json", "meta_expressions.json"])
@pytest.mark.parametrize("places", [{}, FLAT])
def test_every_part_is_found_wherever_releases_have_it(tmp_path, metadata, texts, places):
    root = write_dataset(tmp_path, {"dog": 1})
    expected = open_dataset("mini-ref-davis", root)
    records = expected.videos(), expected.objects(), expected.expressions()
    pixels = expected.fingerprint("dog-0", ["00000"])
    moves = {old: new for old, new in {META: metadata, TEXTS: texts, **places}.items() if old != new}
    for name in ("mini-ref-davis", "mini-ref-sail-vos"):
        dataset = open_dataset(name, rearrange(root, moves))
        moves = {}
        assert (dataset.videos(), dataset.objects(), dataset.expressions()) == records
        assert dataset.fingerprint("dog-0", ["00000"]) == pixels
        assert dataset.frame_size("dog-0") == (24, 32)
        assert set(dataset.sources()) == {metadata, texts}


def test_of_several_files_the_one_is_taken_that_was_taken_before_others_were_known(tmp_path):
    root = write_dataset(tmp_path, {"dog": 1}, with_frames=False)
    before = open_dataset("mini-ref-davis", root).sources()
    for name in ("train/train.json", "meta.json", "meta_expressions/meta_expressions.json", "meta_expressions.json"):
        (root / name).write_text("{}")
    assert open_dataset("mini-ref-davis", root).sources() == before
    assert set(open_dataset("mini-ref-sail-vos", root).sources()) == {"meta.json", "meta_expressions.json"}


@pytest.mark.parametrize(
    "place", ["splits", ".", "train", "train/splits", "meta_expressions", "meta_expressions/splits"]
)
def test_the_authors_groups_are_found_wherever_they_lie(tmp_path, place):
    root = write_dataset(tmp_path, {"dog": 1}, with_frames=False)
    assert find_tree(MINI_DAVIS.layout, root).groups is None
    (root / place).mkdir(exist_ok=True)
    (root / place / "group1_test.json").write_text("[]")
    assert root / find_tree(MINI_DAVIS.layout, root).groups == root / place


def test_one_merged_file_is_a_dataset(tmp_path):
    root = write_dataset(tmp_path, {"dog": 1}, with_frames=False)
    (root / TEXTS).unlink()
    assert find_root(MINI_DAVIS, root) is None
    objects = {
        "10": {"category": "dog", "frames": ["00005", "00010"], "expressions": ["the small one"]},
        "2": {"category": "cat", "frames": ["00000", "00005"], "expressions": ["a cat", "the cat on the left"]},
    }
    (root / META).write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
    dataset = open_dataset("mini-davis", root)
    assert [video.frames for video in dataset.videos()] == [("00000", "00005", "00010")]
    assert [(track.object_id, track.category) for track in dataset.objects()] == [(2, "cat"), (10, "dog")]
    said = [(each.expression_id, each.object_ids, each.text) for each in dataset.expressions()]
    assert said == [("0", (2,), "a cat"), ("1", (2,), "the cat on the left"), ("2", (10,), "the small one")]
    assert set(dataset.sources()) == {META}


def test_an_object_without_frames_is_annotated_in_all_of_its_video(tmp_path):
    """As in copies of Ref-DAVIS17, here with the level that they have instead of `train/`."""
    root = write_dataset(tmp_path / "ref-davis", {"dog": 2})
    content = json.loads((root / META).read_text())
    for video in content["videos"].values():
        for item in video["objects"].values():
            del item["frames"]
    (root / META).write_text(json.dumps(content))
    rearrange(root, {"train": "valid", "meta_expressions/train": "meta_expressions/valid"})
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nroot: ref-davis\nlayout: {metadata: [train/meta.json, valid/meta.json], images: valid/JPEGImages, "
        "expressions: meta_expressions/valid/meta_expressions.json, annotations: [Annotations, valid/Annotations]}"
    )
    dataset = open_dataset(str(tmp_path / "mine.yaml"), tmp_path)
    assert {track.frames for track in dataset.objects()} == {video.frames for video in dataset.videos()}
    assert dataset.label_map("dog-0", "00005").max() == 2
    assert dataset.frame("dog-0", "00005").shape == (24, 32, 3)


@pytest.mark.parametrize("wrong", [None, "a cat", [1], [""]])
def test_the_sentences_of_a_merged_file_are_a_list_of_texts(tmp_path, wrong):
    item = {"category": "cat", "frames": ["0"], "expressions": wrong}
    (tmp_path / "new_train.json").write_text(json.dumps({"videos": {"v": {"objects": {"1": item}}}}))
    with pytest.raises(
        DataError, match=r"new_train\.json: videos\.v\.objects\.1\.expressions.*Input should be|at least"
    ):
        open_dataset("mini-davis", tmp_path).videos()


def test_what_is_missing_is_shown_as_the_expected_tree_beside_the_one_that_is_there(tmp_path):
    root = rearrange(write_dataset(tmp_path / "Mini-DAVIS", {"dog": 1}), FLAT)
    (root / META).unlink()
    with pytest.raises(DataError) as error:
        open_dataset("mini-davis", tmp_path)
    message = str(error.value)
    assert message.startswith(f"{tmp_path}: holds no mini-davis. In {root} it is not complete;")
    rows = [line.split() for line in message.splitlines()[3:]]
    assert rows[0][:4] == ["objects", "nothing", "train/meta.json,", "train/train.json,"]
    assert ["sentences", TEXTS] in [row[:2] for row in rows]
    assert ["pictures", "JPEGImages", "train/JPEGImages,", "JPEGImages"] in rows
    assert message.endswith(f"\n{root} holds Annotations/, JPEGImages/, meta_expressions/, train/.")
    assert max(map(len, message.splitlines()[1:-1])) <= 110


def test_a_folder_of_pictures_that_is_nowhere_is_shown_with_the_tree(tmp_path):
    dataset = open_dataset("mini-davis", write_dataset(tmp_path, {"dog": 1}, with_frames=False))
    with pytest.raises(DataError, match=r"(?s)dog-0/00000\.jpg: missing, and so is its folder\..*pictures +nothing"):
        dataset.frame("dog-0", "00000")
    with pytest.raises(DataError, match=r"(?s)dog-0/00000\.png: missing, and so is its folder\..*label maps +nothing"):
        dataset.label_map("dog-0", "00000")
