import json


def test_build_splits_twice_says_unchanged(fsbench, data):
    fsbench("build-splits", "mini-ref-davis")
    assert "unchanged" in fsbench("build-splits", "mini-ref-davis").stderr
    fsbench("build-splits", "mini-ref-davis", "--seed", 1, code=3)
    fsbench("build-splits", "mini-ref-davis", "--seed", 1, "--version", "v2", "--supersedes", "pack-v1")
    assert "pack-v1" not in fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis").stdout


def test_a_video_list_is_used(fsbench, data, tmp_path):
    (tmp_path / "list.txt").write_text("dog-0\ndog-1\ncat-0\ncat-1\n")
    info = json.loads(fsbench("build-splits", "mini-ref-davis", "--videos", "list.txt", "--json").stdout)
    assert info["counts"]["videos"] == 4
    assert info["rule"]["videos"] == "explicit list"


def test_verify_lists_problems_and_exits_3(fsbench, data):
    fsbench("build-splits", "mini-ref-davis")
    (data / "train/Annotations/dog-1/00005.png").unlink()
    (data / "train/JPEGImages/cat-0/00000.jpg").unlink()
    result = fsbench("verify", "splits/mini-ref-davis/pack-v1", "--data-root", "data", code=3)
    assert "dog-1/00005: missing" in result.stdout
    assert "cat-0/00000: missing" in result.stdout
    assert "2 problems." in result.stderr
    assert "1 problem." in fsbench("verify", "nowhere", code=3).stderr


def test_what_is_left_out_is_recorded_and_can_be_nothing(fsbench, data, tmp_path):
    rules = {}
    for name, options in {"none": (), "one": ("--leave-out", "misleading"), "off": ("--leave-out", "nothing")}.items():
        built = fsbench("build-splits", "mini-ref-davis", "--version", name, *options, "--json")
        rules[name] = json.loads(built.stdout)["rule"].get("leave_out")
        folder = f"splits/mini-ref-davis/{name}"
        assert "no problems" in fsbench("verify", folder, "--data-root", data, "--rebuild").stdout
    assert rules == {"none": None, "one": ["misleading"], "off": None}
