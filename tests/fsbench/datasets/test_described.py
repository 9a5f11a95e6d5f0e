import json

import pytest

from fsbench.datasets.catalogue import dataset_spec
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.described import read_description
from fsbench.datasets.refytvos import LAYOUT
from fsbench.datasets.spec import BuildRule
from fsbench.datasets.spec import Layout
from fsbench.errors import DataError
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from tests.tiny import write_dataset


def described(folder, text):
    path = folder / "my-set.yaml"
    path.write_text(text)
    return path


def test_a_name_is_enough_for_a_set_that_lies_beside_the_file(tmp_path):
    spec = read_description(described(tmp_path, "name: my-set"))
    assert spec.name == "my-set"
    assert (spec.layout, spec.num_folds, spec.rule, spec.shows) == (LAYOUT, 0, BuildRule(), "nothing")
    assert spec.places == (tmp_path,)


def test_every_key_has_its_say(tmp_path):
    text = """
        name: my-set
        title: three classes
        layout: {metadata: m.json, expressions: e.json, images: [rgb], suffixes: [.bmp], annotations: masks}
        folders: [here, there]
        classes: [dog, cat]
        folds: 2
        rule: {minimum: 3, cap: 9, shots: 2, frames: 1, draws: 4, queries: 7, seed: 5, draws_from: all videos}
        version: v7
        licence: CC BY 4.0
        shows: masks
        recipe: shapes
    """
    spec = read_description(described(tmp_path, text))
    assert spec.layout == Layout(("m.json",), ("e.json",), ("rgb",), (".bmp",), ("masks",))
    assert spec.places == (tmp_path / "here", tmp_path / "there")
    assert (spec.categories, spec.num_folds, spec.version) == (("dog", "cat"), 2, "v7")
    assert spec.rule == BuildRule(3, 9, 2, 1, 4, 7, 5, "all videos")
    assert (spec.title, spec.licence, spec.shows, spec.recipe) == ("three classes", "CC BY 4.0", "masks", "shapes")


def test_masks_may_be_run_lengths_in_a_file(tmp_path):
    text = "{name: my-set, layout: {expressions: e.json, images: rgb, masks: [m.json, n.json]}}"
    spec = read_description(described(tmp_path, text))
    assert spec.layout == Layout((), ("e.json",), ("rgb",), (".jpg", ".png"), (), masks=("m.json", "n.json"))


def test_the_authors_folds_are_taken_where_a_file_says_so(tmp_path):
    root = write_dataset(tmp_path / "videos", {"cat": 2, "dog": 2}, with_frames=False)
    for number, name in enumerate(("dog", "cat"), start=1):
        (root / f"group{number}_test.json").write_text(json.dumps([f"{name}-0", f"{name}-1"]))
    text = "name: my-set\nroot: videos\nauthor_groups: {}"
    for said, folds in (("true", {"dog": 1, "cat": 2}), ("false", {"dog": 0, "cat": 0})):
        dataset = open_dataset(str(described(tmp_path, text.format(said))), tmp_path)
        assert {row["name"]: row["fold"] for row in build_manifest(dataset, BuildOptions())[1]["classes"]} == folds


@pytest.mark.parametrize("where", ["root: pixels/videos", "folders: [elsewhere, pixels/videos]"])
def test_folders_are_relative_to_the_file_wherever_the_program_runs(tmp_path, monkeypatch, where):
    root = write_dataset(tmp_path / "sets/pixels/videos", {"dog": 2})
    path = described(tmp_path / "sets", f"name: my-set\n{where}")
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset(str(path.relative_to(tmp_path)), "nowhere")
    assert (dataset.name, dataset.root) == ("my-set", root)
    assert dataset.frame("dog-0", "00000").shape == (24, 32, 3)


def test_a_set_that_is_not_beside_its_file_is_looked_for_below_the_data_root(tmp_path):
    root = write_dataset(tmp_path / "data/videos", {"dog": 2})
    path = described(tmp_path, "name: my-set\nroot: videos")
    assert open_dataset(str(path), tmp_path / "data").root == root
    with pytest.raises(DataError, match="holds no my-set"):
        open_dataset(str(path), tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is no YAML"),
        ("[" * 2000, "is no YAML"),
        ("name: 2020-13-01", "is no YAML"),
        ("- name", r"is no mapping of keys to values\. It needs at least 'name: my-set'"),
        ("", r"is empty\. It needs at least"),
        ("title: x", r"name: Field required"),
        ("name: a/b", "name: .*pattern"),
        ("name: my-set\nfold: 2", r"fold: there is no such key here\. Did you mean 'folds'"),
        ("name: my-set\nrule: {minimun: 2}", r"rule\.minimun: there is no such key here\. Did you mean 'minimum'"),
        ("name: my-set\nrule: {draws: 0}", r"rule\.draws: .*greater than or equal to 1"),
        ("name: my-set\nrule: {draws_from: any}", r"rule\.draws_from: .*'different videos' or 'all videos'"),
        ("name: my-set\nfolds: four", "folds: .*integer"),
        ("name: my-set\nshows: all", "shows: .*'nothing', 'masks' or 'pixels'"),
        (
            "name: my-set\nlayout: own",
            r"layout: 'own' is no layout\. Known: mevis, ref-youtube-vos, sail-vos, youtube-vis\. Or give a section",
        ),
        ("name: my-set\nlayout: {metadata: m.json}", r"layout\.images: Field required"),
        ("name: my-set\nlayout: {metadata: m.json, images: i}", "layout: needs 'expressions', or 'masklets'"),
        ("name: my-set\nasks: names", "asks: .*'sentences' or 'classes'"),
        (
            "name: my-set\nlayout: {expressions: e.json, images: i}",
            "layout: needs 'metadata' and 'annotations', or 'masks'",
        ),
        ("name: my-set\nroot: a\nfolders: [b]", "'root' or 'folders'"),
        ('name: my-set\nfolders: ["a\\0b"]', r"folders\.0: .*nobody sees"),
        ('name: my-set\nroot: "\\uD800"', r"root: .*nobody sees"),
        (f"name: my-set\nroot: {'ä' * 128}", "root: .*at most 1024 bytes, and a name in it 255"),
        (f"name: my-set\nfolders: [{'a/' * 513}]", r"folders\.0: .*at most 1024 bytes"),
    ],
)
def test_what_is_wrong_in_a_file_is_an_error_that_names_file_key_and_what_is_allowed(tmp_path, text, message):
    path = described(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_description(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_a_name_that_is_taken_are_errors(tmp_path):
    with pytest.raises(DataError, match="--dataset"):
        dataset_spec("nowhere.yaml")
    with pytest.raises(DataError, match="name of a registered dataset"):
        dataset_spec(str(described(tmp_path, "name: mini-ref-davis")))


def test_a_name_whose_file_lies_here_is_answered_by_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"There is no dataset 'pets'\. Known: "):
        dataset_spec("pets")
    (tmp_path / "pets.yaml").write_text("name: pets\nlayout: ref-youtube-vos\n")
    with pytest.raises(DataError, match=r"no dataset 'pets', but a file pets\.yaml\."):
        dataset_spec("pets")
