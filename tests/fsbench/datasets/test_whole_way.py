"""A dataset that no package knows goes the whole way, from a YAML file or as an object, to a table of its own."""

import json

import pytest

from fsbench.leaderboard import read_entries
from tests.tiny import write_dataset

FILE = """
name: three-classes
title: three classes with three videos each
root: videos
rule: {frames: 2}
licence: CC0
"""


@pytest.fixture
def described(tmp_path):
    """The path of a file that describes three classes with three videos each."""
    write_dataset(tmp_path / "sets/videos", {"cat": 3, "dog": 3, "owl": 3})
    path = tmp_path / "sets/three.yaml"
    path.write_text(FILE)
    return path


def test_a_described_dataset_goes_from_splits_to_a_leaderboard_under_its_own_name(fsbench, described, tmp_path):
    built = fsbench("build-splits", described).stdout
    assert "cat (3 of 5), dog (3 of 5), owl (3 of 5)" in built
    assert "no problems" in fsbench("verify", "splits/three-classes/v1", "--dataset", described).stdout
    run = tmp_path / "runs/three-classes/reddish"
    evaluated = ["evaluate", "--method", "tests.tiny:Reddish", "--dataset", described, "--workers", 2]
    assert "reddish 1 on three-classes" in fsbench(*evaluated).stdout
    scored = json.loads(fsbench("score", run, "--dataset", described, "--json").stdout)
    assert scored
    fsbench("show", "--class", "dog", "--dataset", described, "--out", "dog.png")
    assert "dog" in fsbench("list", "classes", "--dataset", described).stdout
    fsbench("submit", run)
    (entry,) = read_entries(tmp_path / "leaderboard/entries")
    assert (entry.dataset, entry.manifest_version) == ("three-classes", "v1")
    assert "three-classes" in fsbench("leaderboard").stdout


def test_what_a_file_lets_everybody_see_decides_what_an_entry_and_a_site_hold(fsbench, described, tmp_path):
    fsbench("build-splits", described, "--draws", 1)
    fsbench("evaluate", "--method", "tests.tiny:Reddish", "--dataset", described)
    run = "runs/three-classes/reddish"
    held = {}
    for shows in ("nothing", "masks", "pixels"):
        described.write_text(FILE + f"shows: {shows}\n")
        fsbench("submit", run, "--dataset", described, "--entries", shows)
        (entry,) = read_entries(tmp_path / shows)
        fsbench("leaderboard", "--entries", shows, "--dataset", described, "--format", "html", "--out", f"site-{shows}")
        masks = entry.details.gallery["counts"]
        held[shows] = masks.null_count < len(masks), any((tmp_path / f"site-{shows}").rglob("*.jpg"))
    assert held == {"nothing": (False, False), "masks": (True, False), "pixels": (True, True)}
