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
