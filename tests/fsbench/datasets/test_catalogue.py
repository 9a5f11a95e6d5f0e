from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from fsbench.datasets import catalogue
from fsbench.datasets.catalogue import choose_spec
from fsbench.datasets.catalogue import DATASETS
from fsbench.datasets.catalogue import fallback_spec
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.catalogue import spec_of_name
from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.refytvos import LAYOUT
from fsbench.datasets.shipped import MINI_REF_SHAPES
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.registry import Registry
from tests.fsbench.datasets.made import MadeDataset
from tests.tiny import write_dataset


def read_made(root):
    return MadeDataset(name="read-by-hand", categories=(root / "classes.txt").read_text().split())


def write_made(root, *, workers=1, progress=False):
    write_dataset(root, {"dog": 2})


READ = DatasetSpec("read-by-hand", layout=read_made, folders=("by-hand",), num_folds=2)
MADE = DatasetSpec("made", layout=LAYOUT, generate=write_made)
ALSO_FALLBACK = replace(MINI_REF_SHAPES, name="also-fallback")


def register(monkeypatch, **targets):
    points = [
        EntryPoint(name.replace("_", "-"), f"{__name__}:{target}", "fsbench.datasets")
        for name, target in targets.items()
    ]
    found = Registry("fsbench.datasets", DatasetSpec, unknown=DataError, found=points)
    monkeypatch.setattr(catalogue, "DATASETS", found)


def test_the_shipped_sets_come_in_by_entry_points():
    assert {"mini-ref-youtube-vos", "mini-ref-sail-vos", "mini-ref-davis", "mini-ref-shapes"} <= DATASETS.points.keys()
    assert DATASETS.get("mini-ref-shapes") is MINI_REF_SHAPES is fallback_spec()


def test_a_registered_reader_opens_what_has_no_layout(monkeypatch, tmp_path):
    register(monkeypatch, read_by_hand="READ")
    (tmp_path / "by-hand").mkdir()
    (tmp_path / "by-hand/classes.txt").write_text("dog cat")
    for root in (tmp_path, tmp_path / "by-hand"):
        dataset = open_dataset("read-by-hand", root)
        assert (dataset.root, dataset.spec) == (tmp_path / "by-hand", READ)
        assert {track.category for track in dataset.objects()} == {"dog", "cat"}
    with pytest.raises(DataError, match="Expected in it or in by-hand/ below it"):
        open_dataset("read-by-hand", tmp_path / "elsewhere")


def test_a_set_that_can_be_made_is_made_where_it_is_asked_for(monkeypatch, tmp_path):
    register(monkeypatch, made="MADE")
    assert resolve_dataset("made", tmp_path).root == tmp_path / "made"
    assert (tmp_path / "made/train/meta.json").is_file()


def test_a_stranger_cannot_take_the_embedded_sets_place_unseen(monkeypatch, tmp_path):
    register(monkeypatch, made="MADE")
    with pytest.raises(PluginError, match="those that offer themselves: none"):
        choose_spec(None, tmp_path)
    register(monkeypatch, also_fallback="ALSO_FALLBACK")
    assert choose_spec(None, tmp_path) is ALSO_FALLBACK


def test_a_name_that_nobody_knows_shows_nothing():
    mine = DatasetSpec("mine", shows="masks")
    assert spec_of_name("mine", [mine]) is mine
    assert spec_of_name("mine").shows == "nothing"
    assert spec_of_name("mini-ref-shapes").shows == "pixels"
    assert {spec_of_name(name).shows for name in ("mini-ref-davis", "mini-ref-youtube-vos")} == {"nothing"}


def test_a_set_without_layout_is_no_folder(tmp_path):
    with pytest.raises(TypeError, match="no layout"):
        FolderDataset(READ, tmp_path)
    with pytest.raises(DataError, match="no package says how"):
        catalogue.open_spec(DatasetSpec("mine"), tmp_path)
