"""The guides are run as they stand, in an empty folder, and print what they show (see `tests/pages.py`)."""

import re
import shlex
import subprocess
from functools import partial
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from fsbench.datasets import shapes
from fsbench.leaderboard.reported import read_reported
from fsbench.splits.manifest import read_manifest
from fsbench_baselines.referformer.recipes import RECIPES
from tests.commands import check
from tests.commands import parse
from tests.conftest import ROOT
from tests.pages import blocks
from tests.pages import follow

GUIDES = ROOT / "docs/guides"
TRAILS = (
    ("tour",),
    ("my-data", "my-method", "maintain-a-leaderboard"),
    ("my-data", "my-masks"),
    ("read-a-leaderboard",),
    ("reproduce-cma",),
)
"""Pages that go on from one another."""

IN_A_CLONE = ("read-a-leaderboard",)
"""Those that look at what is committed; the others begin in an empty folder."""

ON_PAPER = ("reproduce-cma",)
"""Those of which nothing can be run here: what their commands name is held to what ships."""


def look_at(command, *, names):
    """Parses a command of a block that is not run, and with `names` looks for all that it names."""
    words = shlex.split(command)
    while re.match(r"[A-Z_]+=", words[0]):  # a variable of the environment
        del words[0]
    if words[0] == "torchrun":
        module = words.index("-m") + 1
        words = words[module:]
    if words[0] == "python":
        assert (ROOT / words[1]).is_file()
    elif words[0] == "pip":
        assert words[:3] == ["pip", "install", "-e"]
        assert re.fullmatch(r"\.\[(\w+)\]", words[3])[1] in distribution("fsbench").metadata.get_all("Provides-Extra")
    else:
        (check if names else parse)(shlex.join(words))


def draw_first_fold(root):
    """Writes the embedded set as commands do when they need it, without the pixels of folds that no page looks at."""
    manifest = read_manifest(ROOT / "splits/mini-ref-shapes/v3")
    objects = {row["video_id"]: {"objects": {}} for row in manifest.rows("videos")}
    sentences = {row["video_id"]: {"frames": row["frames"], "expressions": {}} for row in manifest.rows("videos")}
    for row in manifest.rows("objects"):
        described = {"category": manifest.class_names[row["class_id"]], "frames": row["frames"]}
        objects[row["video_id"]]["objects"][str(row["object_id"])] = described
    kinds = {(row["video_id"], row["expression_id"]): row["kind"] for row in manifest.rows("attributes")}
    for row in manifest.rows("expressions"):
        video, sentence = row["video_id"], row["expression_id"]
        said = {"exp": row["text"], "obj_id": str(row["object_ids"][0]), "type": kinds[video, sentence]}
        sentences[video]["expressions"][sentence] = said
    for category in range(0, len(shapes.V3.categories), shapes.NUM_FOLDS):
        for number in range(shapes.V3.videos_per_category):
            video, drawn, said = shapes._write_video(root / "train", shapes.V3, category, number)
            assert (objects[video], sentences[video]) == (drawn, said)
    shapes._write_json(root / "train/meta.json", {"videos": objects})
    shapes._write_json(root / "meta_expressions/train/meta_expressions.json", {"videos": sentences})
    shapes._write_json(root / "shapes.json", shapes._record(shapes.V3))


def compare_pictures(page):
    """Holds what was drawn to the pictures that a page shows."""
    for name in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(encoding="utf-8")):
        drawn, shown = (np.asarray(Image.open(folder / name).convert("RGB"), float) for folder in (Path(), GUIDES))
        assert drawn.shape == shown.shape
        assert np.abs(drawn - shown).mean() < 1.5  # of 255; a page has it in 256 colours


@pytest.mark.parametrize("pages", TRAILS, ids=" ".join)
def test_the_guides_run_as_they_stand(pages, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT if pages[0] in IN_A_CLONE else tmp_path)
    if "tour" in pages:
        draw_first_fold(Path("data/mini-ref-shapes"))
    for name in pages:
        page = GUIDES / f"{name}.md"
        follow(page, look_at=partial(look_at, names=name in ON_PAPER))
        compare_pictures(page)


def test_the_scores_that_are_explained_are_on_the_leaderboard():
    page = (GUIDES / "read-a-leaderboard.md").read_text(encoding="utf-8")
    board = (ROOT / "leaderboard/README.md").read_text(encoding="utf-8")
    assert [score for score in re.findall("`(.*? ± .*?)`", page) if score not in board] == []


def test_what_there_is_of_cma_to_reproduce_is_what_is_reported():
    page = (GUIDES / "reproduce-cma.md").read_text(encoding="utf-8")
    reported = {each.title: each.rows for each in read_reported(ROOT / "leaderboard/reported")}
    for title in ("Mini-Ref-YouTube-VOS", "Mini-Ref-SAIL-VOS"):
        (row,) = reported[title]
        assert f"\n| {title} | {' | '.join(map(str, row.values))} | " in page
        assert row.source in page
    manifest = read_manifest(ROOT / "splits/mini-ref-youtube-vos/v2")
    frames = {row["video_id"]: len(row["frames"]) for row in manifest.rows("videos")}
    for fold in range(1, 5):
        classes, videos, episodes = (
            [row for row in manifest.rows(table) if row["fold"] == fold] for table in ("classes", "videos", "episodes")
        )
        asked = sum(frames[row["video_id"]] for row in episodes)
        assert f"\n| {fold} | {len(classes)} | {len(videos)} | {len(episodes):,} | {asked:,} |\n" in page
    for name in ("released", "corrected"):
        epoch = RECIPES[name].episodes_per_class * 36
        assert f"\nhas {epoch:,} episodes (36 base classes, {RECIPES[name].episodes_per_class} of each)" in page
        assert f"there are {RECIPES[name].epochs}: {RECIPES[name].epochs * epoch:,} steps" in page


def test_every_guide_is_run():
    assert {path.stem for path in GUIDES.glob("*.md")} == set(chain(*TRAILS))


def test_a_method_takes_twenty_five_lines():
    found = [block for kind, block in blocks(GUIDES / "my-method.md") if kind == "python"]
    assert len(found) == 3
    for block in found:
        assert len([line for line in block.splitlines()[1:] if line.strip()]) <= 25


def git(*arguments):
    as_somebody = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *as_somebody, *arguments], capture_output=True).returncode


def test_the_workflow_refuses_what_changes_a_committed_entry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASE", "main")
    page = GUIDES / "maintain-a-leaderboard.md"
    (workflow,) = [yaml.safe_load(block) for kind, block in blocks(page) if kind == "yaml"]
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert [step for step in steps if step.startswith("fsbench")] == ["fsbench leaderboard --check"]
    (compared,) = [step for step in steps if step.startswith("git")]
    git("init", "-q")
    for folder in ("leaderboard/entries/my-set", "splits"):
        Path(folder).mkdir(parents=True)
        Path(folder, "one.json").write_text("1")
    for changed, refused in (("one.json", False), ("two.json", False), ("one.json", True)):
        with Path("leaderboard/entries/my-set", changed).open("a") as file:
            file.write("2")
        git("add", "-A")
        git("commit", "-q", "-m", changed)
        if changed == "one.json" and not refused:
            git("update-ref", "refs/remotes/origin/main", "HEAD")
        assert (subprocess.run(["bash", "-c", compared], capture_output=True).returncode != 0) is refused
