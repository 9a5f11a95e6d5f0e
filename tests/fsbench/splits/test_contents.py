import pytest

from fsbench.errors import ManifestError
from fsbench.splits.contents import chosen_classes
from fsbench.splits.contents import class_records
from fsbench.splits.contents import episode_records
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import read_manifest
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two classes of 3 and 2 videos of 4 frames with three sentences each, and two draws."""
    base = tmp_path_factory.mktemp("contents")
    return read_manifest(write_benchmark(base, {"dog": 3, "cat": 2}, draws=2, frames=2)[1])


def test_classes_have_the_counts_of_the_episodes(manifest):
    records = class_records(manifest)
    assert [(r["fold"], r["class"], r["videos"]) for r in records] == [(0, "cat", 2), (0, "dog", 3)]
    episodes = episode_records(manifest)
    for record in records:
        of_class = [e for e in episodes if e["class"] == record["class"]]
        assert record["episodes"] == len(of_class)
        assert record["queried"] == len({e["video"] for e in of_class})


def test_episodes_are_those_of_the_classes_asked_for(manifest):
    records = episode_records(manifest, classes=["cat"])
    assert records == [r for r in episode_records(manifest) if r["class"] == "cat"]
    assert records[0] == {
        "episode": "f0/cat/d0/{video}/0".format(**records[0]),
        "fold": 0,
        "class": "cat",
        "draw": 0,
        "video": records[0]["video"],
        "expression": "0",
        "objects": [1],
        "frames": 4,
    }


def test_folds_leave_their_own_classes():
    shapes = read_manifest(find_manifest("mini-ref-shapes"))
    assert chosen_classes(shapes, (1, 3)) == {
        row["class_id"] for row in shapes.rows("classes") if row["fold"] in (1, 3)
    }
    assert {record["fold"] for record in episode_records(shapes, (3,))} == {3}


def test_what_is_not_there_is_named_with_what_is(manifest):
    with pytest.raises(ManifestError, match="no fold 3; its folds are 0"):
        class_records(manifest, (3,))
    with pytest.raises(ManifestError, match=r"no class 'dot'.*Did you mean 'dog'"):
        episode_records(manifest, classes=["dot"])
    shapes = read_manifest(find_manifest("mini-ref-shapes", version="v2"))
    with pytest.raises(ManifestError, match=r"'dax'.*It is a class of fold 1"):
        chosen_classes(shapes, (2,), ("dax",))
