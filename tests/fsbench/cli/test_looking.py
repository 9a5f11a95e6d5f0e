def test_lists_name_what_can_be_named(fsbench):
    methods = fsbench("list", "methods").stdout
    (plain,) = [line for line in methods.splitlines() if line.startswith("colour-prototype ")]
    (weighty,) = [line for line in methods.splitlines() if line.startswith("referformer ")]
    assert " yes " in plain
    assert "no, without weights: --checkpoint" in weighty
    assert "mini-ref-sail-vos" in fsbench("list", "datasets").stdout
    assert "tolerance=0.010" in fsbench("list", "protocols").stdout
