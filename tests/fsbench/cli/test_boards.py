import json


def test_the_whole_way_from_data_to_table(fsbench, data, tmp_path):
    built = fsbench("build-splits", "--draws", 2, "--frames", 2)
    assert built.stdout.endswith("splits/mini-ref-davis/pack-v1\n")
    assert "no problems" in fsbench("verify", "splits/mini-ref-davis/pack-v1", "--data-root", "data").stdout
    for method in ("empty", "support-copy"):
        table = fsbench("evaluate", "--method", method, "--dataset", "mini-ref-davis").stdout
        assert "standard|size=native|tolerance=0.008" in table
        assert "mini-ref-davis pack-v1" in table
        assert "s in the method per frame, sentence and draw" in table
        assert "leaderboard/entries/mini-ref-davis" in fsbench("submit", f"runs/mini-ref-davis/{method}").stdout
    for style in ("md", "csv", "latex"):
        assert "support-copy" in fsbench("leaderboard", "--format", style).stdout
    chosen = fsbench("leaderboard", "--format", "latex", "--method", "empty", "--columns", "mean J, interval").stdout
    assert "support-copy" not in chosen
    assert "\nMethod & $\\mathcal{J}$ \\\\\n" in chosen
    for wrong in (["--columns", "mean", "--format", "csv"], ["--columns", "J", "--by", "words"], ["--columns", "K"]):
        assert "column" in fsbench("leaderboard", *wrong, code=2).output
    for wrong in (["--method", "empty", "--check"], ["--method", "full"]):
        assert "method" in fsbench("leaderboard", *wrong, code=2).output
    assert fsbench("leaderboard", "--format", "html", "--out", "site").stdout == "site/index.html\n"
    assert "support-copy" in (tmp_path / "site/index.html").read_text()
    fsbench("leaderboard", "--check", code=2)
    fsbench("leaderboard", "--write")
    fsbench("leaderboard", "--check")
    readme = tmp_path / "leaderboard/README.md"
    readme.write_text(readme.read_text().replace("support-copy", "copy-of-support"))
    fsbench("leaderboard", "--check", code=2)
    assert "empty" in fsbench("leaderboard", "--runs", "runs").stdout
    fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--draws", "0", "--out", "one")
    assert "draws of fold 0: 2, now 1" in fsbench("submit", "one", code=2).output
    assert "draws of fold 0: 2, now 1" in fsbench("submit", "one", "--overwrite").output
    fsbench("leaderboard", "--write")
    path = tmp_path / "leaderboard/entries/mini-ref-davis/empty.json"
    entry = json.loads(path.read_text())
    path.write_text(json.dumps(entry | {"commit": "0" * 40}))
    assert "SHA256SUMS does not follow" in fsbench("leaderboard", "--check", code=2).output
    entry["folds"][0]["score"]["mean"]["J"] = 0.99
    path.write_text(json.dumps(entry | {"mean": None, "expected_folds": [0, 1]}))
    assert "from the episodes" in fsbench("leaderboard", "--write", code=2).output
