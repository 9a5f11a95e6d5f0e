"""Manifests as others read them: every record by their readers, and the folder by ours."""

import json
import shutil
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from fsbench.datasets.described import read_description
from fsbench.errors import RunError
from fsbench.exports.croissant import export_croissant
from fsbench.exports.hub import export_hub
from fsbench.splits.manifest import fill_attributes
from fsbench.splits.manifest import read_manifest
from fsbench.splits.schema import ABOUT
from fsbench.splits.schema import SCHEMAS
from tests.conftest import ROOT
from tests.tiny import write_benchmark

ITS_OWN = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""What mlcroissant uses of rdflib and pandas, these warn of."""

REAL = ROOT / "splits/mini-ref-davis/pack-v1"


def plain(value):
    """A record of Croissant as JSON: text as text, and names without what they lie in."""
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(params=["committed", "fresh"])
def manifest(request, tmp_path):
    """One of before there were attributes, and one with them, some of which are not known."""
    if request.param == "committed":
        return read_manifest(REAL)
    _, folder = write_benchmark(tmp_path / "fresh", {"dog": 3, "cat": 2}, draws=2)
    known = [row | {"size": 0.25, "occlusion": None} for row in read_manifest(folder).rows("attributes")]
    fill_attributes(folder, [known[0] | {"size": None}, *known[1:]])
    return read_manifest(folder)


@pytest.fixture
def mlcroissant():
    return pytest.importorskip("mlcroissant", reason="needs mlcroissant, of the extra 'test'")


@ITS_OWN
def test_mlcroissant_reads_every_record_of_a_manifest(mlcroissant, manifest, tmp_path):
    export_croissant(manifest.path, tmp_path / "out")
    described = mlcroissant.Dataset(jsonld=str(tmp_path / "out/croissant.json"))
    assert not described.metadata.ctx.issues.errors
    assert not [
        text for text in described.metadata.ctx.issues.warnings if "recommended" not in text and "semver" not in text
    ]
    for name in manifest.tables:
        assert plain(list(described.records(name))) == manifest.rows(name)


@ITS_OWN
def test_a_file_that_was_changed_has_not_the_digest_of_its_description(mlcroissant, tmp_path):
    export_croissant(REAL, tmp_path / "out")
    (tmp_path / "out/classes.parquet").write_bytes((tmp_path / "out/videos.parquet").read_bytes())
    described = mlcroissant.Dataset(jsonld=str(tmp_path / "out/croissant.json"))
    with pytest.raises(mlcroissant.GenerationError, match=r"Download\(classes.parquet\)"):
        list(described.records("classes"))


def test_load_dataset_reads_every_table_of_a_folder_for_the_hub(manifest, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs datasets, of the extra 'test'")
    export_hub(manifest.path, tmp_path / "out")
    assert datasets.get_dataset_config_names(str(tmp_path / "out")) == list(manifest.tables)
    for name in manifest.tables:
        table = datasets.load_dataset(str(tmp_path / "out"), name, split="test", cache_dir=str(tmp_path / "cache"))
        assert table.to_list() == manifest.rows(name)
    default = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert default["test"].to_list() == manifest.rows("episodes")


def test_load_dataset_shows_no_rows_of_what_was_there_before(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs datasets, of the extra 'test'")
    for videos in (2, 3):
        _, folder = write_benchmark(tmp_path / str(videos), {"dog": videos}, draws=1)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        export_hub(folder, tmp_path / "out")
        table = datasets.load_dataset(str(tmp_path / "out"), "videos", split="test", cache_dir=str(tmp_path / "cache"))
        assert len(table) == videos


@pytest.mark.parametrize("export", [export_croissant, export_hub])
def test_what_is_exported_is_the_same_manifest(export, manifest, tmp_path):
    export(manifest.path, tmp_path / "out")
    again = read_manifest(tmp_path / "out")
    assert again.info == manifest.info
    assert again.tables == manifest.tables


@pytest.mark.parametrize("export", [export_croissant, export_hub])
def test_sentences_leave_only_where_everybody_may_see_the_dataset(export, tmp_path):
    _, folder = write_benchmark(tmp_path, {"dog": 2}, draws=1, with_text=True)
    assert None not in pq.read_table(folder / "expressions.parquet")["text"].to_pylist()
    written = tmp_path / "set.yaml"
    for number, (shows, is_there) in enumerate([("masks", False), ("pixels", True)]):
        written.write_text(f"name: my-set\nlayout: ref-youtube-vos\nshows: {shows}\nlicence: CC0-1.0\n")
        info = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(info | {"dataset": "my-set"}))
        export(folder, tmp_path / f"out-{number}", described=[read_description(written)])
        texts = pq.read_table(tmp_path / f"out-{number}/expressions.parquet")["text"].to_pylist()
        assert (texts.count(None) == 0) == is_there
        assert any(text and "dog" in text for text in texts) == is_there
        said = "".join(path.read_text() for path in (tmp_path / f"out-{number}").glob("[rRc]*.[mj][ds]*"))
        assert ("and the sentences" in said) == is_there
        assert "CC0-1.0" in said
        read_manifest(tmp_path / f"out-{number}")
    export(folder, tmp_path / "unknown")
    assert set(pq.read_table(tmp_path / "unknown/expressions.parquet")["text"].to_pylist()) == {None}


def test_the_card_says_what_every_column_is(tmp_path):
    export_hub(write_benchmark(tmp_path, {"dog": 2}, draws=1)[1], tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        card = archive.read("README.md").decode()
    _, head, body = card.split("---\n", 2)
    assert [each["config_name"] for each in yaml.safe_load(head)["configs"]] == list(SCHEMAS)
    for name, schema in SCHEMAS.items():
        for column in schema.names:
            assert (
                f"| `{column}` | {ABOUT[f'{name}.{column}']} |"
                in body.partition(f"## {name}\n")[2].partition("\n## ")[0]
            )


@pytest.mark.parametrize("export", [export_croissant, export_hub])
def test_what_is_there_is_not_replaced(export, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(RunError, match="is there already"):
        export(REAL, tmp_path / "out")
    assert [path.name for path in Path(tmp_path / "out").iterdir()] == ["mine"]
