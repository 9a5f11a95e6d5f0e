import json

import pytest

from tests.tiny import write_dataset


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3, "cat": 3}, with_frames=False)


@pytest.mark.parametrize(
    "rule", [[], ["--seed", 3, "--draws", 2, "--queries", 1], ["--draws-from", "different videos"]]
)
def test_a_manifest_is_built_again_from_the_same_data_whatever_its_rule(fsbench, root, rule):
    fsbench("build-splits", "mini-ref-davis", "--version", "mine", *rule)
    checked = fsbench("verify", "splits/mini-ref-davis/mine", "--data-root", root, "--rebuild")
    assert "no problems" in checked.stdout


def test_data_that_give_another_manifest_are_a_problem_that_the_records_alone_do_not_show(fsbench, root):
    fsbench("build-splits", "mini-ref-davis")
    write_dataset(root, {"dog": 3, "cat": 3, "owl": 2}, with_frames=False)
    known = ("verify", "splits/mini-ref-davis/pack-v1", "--data-root", root)
    assert "no problems" in fsbench(*known).stdout
    assert "classes.parquet: built again" in fsbench(*known, "--rebuild", code=3).stdout


def test_building_again_needs_data(fsbench, root):
    fsbench("build-splits", "mini-ref-davis")
    assert "--data-root" in fsbench("verify", "splits/mini-ref-davis/pack-v1", "--rebuild", code=2).output


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"shots": None}, "rule.shots: Input should be a valid integer"),
        ({"frames": "5"}, "rule.frames: Input should be a valid integer"),
        ({"draws": 0}, "rule.draws: Input should be greater than or equal to 1"),
        ({"cap": [50]}, "rule.cap: Input should be a valid integer"),
        ({"videos": "all of them"}, "rule.videos: Input should be 'rule', 'explicit list', 'author groups' or"),
        ({"folds_from": True}, "rule.folds_from: Input should be 'author groups' or 'class id'"),
        ({"draws_from": "some videos"}, "rule.draws_from: Input should be 'different videos' or 'all videos'"),
        ({"per_category": 3}, "rule.per_category: Extra inputs are not permitted"),
        ({"queries": ...}, "rule.queries: Field required"),
    ],
)
def test_a_rule_that_fsbench_did_not_record_is_refused_by_its_key(fsbench, root, change, named):
    fsbench("build-splits", "mini-ref-davis")
    path = root.parent.parent / "splits/mini-ref-davis/pack-v1/manifest.json"
    info = json.loads(path.read_text())
    info["rule"] = {key: value for key, value in {**info["rule"], **change}.items() if value is not ...}
    path.write_text(json.dumps(info))
    known = ("verify", "splits/mini-ref-davis/pack-v1", "--data-root", root)
    assert "no problems" in fsbench(*known).stdout
    refused = fsbench(*known, "--rebuild", code=3).output
    assert f"splits/mini-ref-davis/pack-v1/manifest.json: {named}" in refused
    assert "the keys videos, single_category, minimum" in refused
