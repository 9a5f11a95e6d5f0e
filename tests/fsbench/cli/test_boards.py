import json
import shutil
import subprocess

from tests.conftest import ROOT


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
    own = ("leaderboard", "--format", "html", "--data-root", "data")
    shown = {
        "public": ("leaderboard", "--format", "html"),
        "truth": own,
        "masks": (*own, "--masks", "runs"),
        "of-runs": (*own, "--runs", "runs"),
    }
    for name, arguments in shown.items():
        fsbench(*arguments, "--out", name)
        pages = [path.read_text() for path in (tmp_path / name / "episodes").glob("*/f*.html")]
        assert pages
        assert ['id="panels"' in page for page in pages] == [name != "public"] * len(pages)
        assert ['id="show-mask"' in page for page in pages] == [name in ("masks", "of-runs")] * len(pages)
    assert (
        "--masks is for" in fsbench("leaderboard", "--format", "html", "--out", "x", "--masks", "runs", code=2).output
    )
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


def git(*arguments):
    as_somebody = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *as_somebody, *arguments], check=True, capture_output=True)


def test_two_branches_that_each_add_an_entry_merge_and_the_check_passes_before_the_tables_have_them(fsbench, tmp_path):
    """By git itself: what conflicts is its to say."""
    entries, committed = tmp_path / "leaderboard/entries/mini-ref-davis", ROOT / "leaderboard/entries/mini-ref-davis"

    def add(name):
        for path in committed.glob(f"{name}.*"):
            shutil.copy(path, entries)
        git("add", "leaderboard")
        git("commit", "-q", "-m", name)

    entries.mkdir(parents=True)
    git("init", "-q", "-b", "main")
    add("full-frame")
    fsbench("leaderboard", "--write")
    add("no-more")
    for name in ("empty", "support-copy"):
        git("checkout", "-q", "-b", name, "main")
        add(name)
        assert "README.md and SHA256SUMS from 1 of them" in fsbench("leaderboard", "--check").stdout
    git("checkout", "-q", "main")
    git("merge", "-q", "empty")
    git("merge", "-q", "--no-edit", "support-copy")
    output = fsbench("leaderboard", "--check").output
    assert "3 entries follow from their episodes, README.md and SHA256SUMS from 1 of them" in output
    assert all(f"{name}.json: not in README.md until" in output for name in ("empty", "support-copy"))
    fsbench("leaderboard", "--write")
    output = fsbench("leaderboard", "--check").output
    assert "SHA256SUMS from them" in output
    assert "not in README.md" not in output
    (entries / "empty.json").unlink()
    assert "does not follow from the entries" in fsbench("leaderboard", "--check", code=2).output
