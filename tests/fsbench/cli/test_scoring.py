def test_a_single_draw_is_exported_by_its_number(fsbench, data, tmp_path):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    for name, options, tops in (("all", (), ["draw-0", "draw-1"]), ("one", ("--draw", 1), ["Annotations"])):
        assert fsbench("export", "runs/mini-ref-davis/empty", name, *options).stdout == f"{name}\n"
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == tops
    assert "no draw 2" in fsbench("export", "runs/mini-ref-davis/empty", "two", "--draw", 2, code=2).output
