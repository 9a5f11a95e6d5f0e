import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fsbench.datasets import BuildRule
from fsbench.datasets import DatasetSpec
from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import open_dataset
from fsbench.datasets import Video
from fsbench.datasets.catalogue import dataset_spec
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.datasets.shapes import render_video
from fsbench.datasets.shapes import SHIPPED
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import manifest_of_digest
from fsbench.splits.manifest import mark_superseded
from fsbench.splits.manifest import read_info
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from fsbench.splits.rebuild import rebuild_flaws
from fsbench.splits.rebuild import recorded_options
from fsbench.splits.report import summary_text
from fsbench.splits.schema import EPISODE_TABLES
from fsbench.splits.schema import KEYS
from fsbench.splits.schema import make_table
from fsbench.splits.schema import NULLABLE
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import TABLES
from tests.conftest import ROOT
from tests.fsbench.datasets.made import MadeDataset
from tests.tiny import write_benchmark
from tests.tiny import write_dataset

OPTIONS = BuildOptions(minimum=2, draws=2)
BUILD = """
import sys
from pathlib import Path
from fsbench.datasets import open_dataset
from fsbench.splits.build import BuildOptions, build_manifest
print(build_manifest(open_dataset(sys.argv[1], Path(sys.argv[2])), BuildOptions())[0].digest)
"""


@pytest.fixture
def dataset(tmp_path):
    root = write_dataset(tmp_path / "Ref-YouTube-VOS", {"dog": 3, "cat": 2, "hat": 1, "ape": 3}, mixed=["dog"])
    return open_dataset("mini-ref-youtube-vos", root)


def build(dataset, out, options=OPTIONS):
    info, rows = build_manifest(dataset, options)
    write_manifest(out, info, rows)
    return out / info.dataset / info.version


def test_what_is_written_is_read_back(dataset, tmp_path):
    info, rows = build_manifest(dataset, OPTIONS)
    assert write_manifest(tmp_path / "splits", info, rows)
    manifest = read_manifest(tmp_path / "splits/mini-ref-youtube-vos/v2")
    assert manifest.info == info
    for name in TABLES:
        assert table_digest(name, manifest.rows(name)) == table_digest(name, rows[name])
    assert manifest.class_names == {25: "cat", 28: "dog"}
    assert manifest.folds == (1, 4)


def test_left_out_and_reasons_are_in_the_manifest(dataset):
    info, _ = build_manifest(dataset, OPTIONS)
    reasons = {item.name: (item.videos, item.reason) for item in info.left_out if item.videos}
    assert reasons == {
        "hat": (1, "fewer than 2 videos of this category alone"),
        "ape": (3, "not a class of this benchmark"),
    }
    assert any("1,668" in note for note in info.notes)


def test_text_stays_out_unless_asked_for_and_does_not_change_the_digest(dataset):
    info, rows = build_manifest(dataset, OPTIONS)
    with_text, text_rows = build_manifest(dataset, BuildOptions(minimum=2, draws=2, with_text=True))
    assert {row["text"] for row in rows["expressions"]} == {None}
    assert {row["text"] for row in text_rows["expressions"]} >= {"the left dog", "both of them cat"}
    assert info.digest == with_text.digest


def test_frames_on_disk_do_not_change_the_digest(dataset, tmp_path):
    bare = write_dataset(tmp_path / "bare", {"dog": 3, "cat": 2, "hat": 1, "ape": 3}, mixed=["dog"], with_frames=False)
    info, rows = build_manifest(open_dataset("mini-ref-youtube-vos", bare), OPTIONS)
    with_frames, frame_rows = build_manifest(dataset, OPTIONS)
    assert info.digest == with_frames.digest
    assert rows["videos"][0]["height"] is None
    assert (frame_rows["videos"][0]["height"], frame_rows["videos"][0]["width"]) == (24, 32)


def test_the_digest_does_not_depend_on_row_order_or_hash_seed(dataset):
    rows = build_manifest(dataset, OPTIONS)[1]["episodes"]
    assert table_digest("episodes", rows) == table_digest("episodes", list(reversed(rows)))
    digests = {run_build(dataset, "mini-ref-youtube-vos", seed) for seed in ("0", "12345")}
    assert len(digests) == 1


def run_build(dataset, name, hash_seed):
    code = BUILD.replace("BuildOptions()", "BuildOptions(minimum=2)")
    command = [sys.executable, "-c", code, name, str(dataset.root)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_a_table_digest_is_sha256_over_canonical_json_lines():
    rows = [{"class_id": 2, "name": "dög", "fold": 1}, {"class_id": 1, "name": "cat", "fold": 1}]
    lines = '{"class_id":1,"fold":1,"name":"cat"}\n{"class_id":2,"fold":1,"name":"dög"}\n'
    assert table_digest("classes", rows) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_value_that_is_missing_is_null_in_a_digest():
    rows = [{"class_id": 1, "name": None, "fold": None}]
    expected = hashlib.sha256(b'{"class_id":1,"fold":null,"name":null}\n').hexdigest()
    assert table_digest("classes", rows) == expected


@pytest.mark.parametrize("at_once", [2, 10_000])
def test_every_table_has_the_digest_of_its_rows_as_json_writes_them(dataset, monkeypatch, at_once):
    monkeypatch.setattr("fsbench.splits.schema._ROWS_AT_ONCE", at_once)
    for name, rows in build_manifest(dataset, OPTIONS)[1].items():
        odd = [
            {**row, **{key: f'"\\\n\x7f\u2028é{row[key]}' for key in row if isinstance(row[key], str)}} for row in rows
        ]
        shown = [{k: v for k, v in row.items() if k not in NULLABLE and not (k == "kind" and v is None)} for row in odd]
        shown.sort(key=lambda row: [row[key] for key in KEYS[name]])
        lines = [json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for row in shown]
        expected = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        assert table_digest(name, odd) == expected


def test_adding_a_class_moves_no_other(dataset, tmp_path):
    larger = write_dataset(tmp_path / "larger", {"dog": 3, "cat": 2, "bear": 4}, with_frames=False)
    rows = build_manifest(dataset, OPTIONS)[1]["supports"]
    more = build_manifest(open_dataset("mini-ref-youtube-vos", larger), OPTIONS)[1]["supports"]
    assert rows == [row for row in more if "bear" not in row["support_id"]]


@pytest.mark.parametrize("version", ["", ".", "..", "../..", "../../victim", "a/b", "v1\n", "/tmp/x"])
def test_a_version_that_is_no_folder_s_name_touches_nothing(dataset, tmp_path, version):
    splits = tmp_path / "splits"
    build(dataset, splits)
    (splits / "precious.txt").write_text("")
    before = sorted(tmp_path.rglob("*"))
    info, rows = build_manifest(dataset, OPTIONS)
    with pytest.raises(ManifestError, match=r"version .* cannot be a file name"):
        write_manifest(splits, info.model_copy(update={"version": version}), rows, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "content", [{"thesis.tex": ""}, {"manifest.json": "{}"}, {"manifest.json": None, "notes.md": ""}]
)
def test_a_folder_is_replaced_only_if_it_is_a_manifest_and_nothing_else(dataset, tmp_path, content):
    info, rows = build_manifest(dataset, OPTIONS)
    folder = tmp_path / info.dataset / info.version
    if content.get("manifest.json", "") is None:
        write_manifest(tmp_path, info, rows)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        if text is not None:
            (folder / name).write_text(text)
    with pytest.raises(ManifestError, match="or remove it yourself"):
        write_manifest(tmp_path, info, rows, overwrite=True)
    assert all((folder / name).exists() for name in content)


def test_a_frozen_version_is_not_replaced_by_other_episodes(dataset, tmp_path):
    folder = build(dataset, tmp_path)
    info, rows = build_manifest(dataset, OPTIONS)
    assert not write_manifest(tmp_path, info, rows)
    other, other_rows = build_manifest(dataset, BuildOptions(minimum=2, draws=2, seed=1))
    with pytest.raises(ManifestError, match="--version"):
        write_manifest(tmp_path, other, other_rows)
    assert read_manifest(folder).info == info
    assert write_manifest(tmp_path, other, other_rows, overwrite=True)
    assert read_manifest(folder).info == other
    assert [path.name for path in folder.parent.iterdir()] == ["v2"]


def plain(table, path):
    """Writes a table as it is, neither packed nor with a dictionary; returns the bytes."""
    pq.write_table(table, path, compression="none", use_dictionary=False)
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "gone", "row", "text", "json", "schema", "digest"])
def test_a_damaged_manifest_is_an_error_that_names_the_file(dataset, tmp_path, damage):
    folder = build(dataset, tmp_path)
    table, record = folder / "episodes.parquet", folder / "manifest.json"
    if damage == "cut":
        table.write_bytes(table.read_bytes()[:100])
    elif damage == "gone":
        table.unlink()
    elif damage == "row":
        pq.write_table(pq.read_table(table).slice(1), table)
    elif damage == "text":
        table.write_bytes(plain(pq.read_table(table), table).replace(b"dog-", b"d\xffg-"))
    elif damage == "digest":
        info = json.loads(record.read_text())
        record.write_text(json.dumps({**info, "digests": {**info["digests"], "videos": "\u0663"}}))
    elif damage == "json":
        record.write_text(record.read_text()[:-20])
    else:
        record.write_text(json.dumps({**json.loads(record.read_text()), "schema_version": 99}))
    with pytest.raises(ManifestError, match=r"episodes\.parquet|manifest\.json"):
        read_manifest(folder)


def test_the_newest_version_that_is_not_superseded_is_found(dataset, tmp_path):
    old = build(dataset, tmp_path)
    new = build(dataset, tmp_path, BuildOptions(minimum=2, draws=2, seed=1, version="v3"))
    assert find_manifest("mini-ref-youtube-vos", tmp_path) == new
    mark_superseded(new, "v2")
    assert find_manifest("mini-ref-youtube-vos", tmp_path) == old
    assert find_manifest("mini-ref-youtube-vos", new) == new
    assert read_info(new).superseded_by == "v2"
    with pytest.raises(ManifestError, match="fsbench build-splits mini-ref-davis"):
        find_manifest("mini-ref-davis", tmp_path)


@pytest.mark.parametrize("content", ["[", "[" * 5000, "{}", '["dog-0', "null"])
def test_a_damaged_file_of_author_groups_is_an_error_that_names_it(dataset, content):
    groups = dataset.root / "splits"
    groups.mkdir()
    (groups / "group1_test.json").write_text(content)
    with pytest.raises(DataError, match=r"group1_test\.json: .*Fetch the file again"):
        build_manifest(dataset, BuildOptions(minimum=2))


def test_author_groups_decide_videos_and_folds(dataset):
    groups = dataset.root / "splits"
    groups.mkdir()
    (groups / "group1_test.json").write_text(json.dumps({"videos": {"dog-0": {}, "dog-1": {}}}))
    (groups / "group2_test.json").write_text(json.dumps(["cat-0", "cat-1"]))
    info, rows = build_manifest(dataset, OPTIONS)
    assert {row["name"]: row["fold"] for row in rows["classes"]} == {"dog": 1, "cat": 2}
    assert [row["video_id"] for row in rows["videos"]] == ["cat-0", "cat-1", "dog-0", "dog-1"]
    assert info.rule["folds_from"] == "author groups"
    by_rule = build_manifest(dataset, BuildOptions(minimum=2, use_author_groups=False))[0]
    assert by_rule.rule["videos"] == "rule"


def test_every_video_of_a_derived_release_is_used(tmp_path):
    root = write_dataset(tmp_path / "Mini-Ref-YouTube-VOS", {"dog": 2, "cat": 3}, with_frames=False)
    info, rows = build_manifest(open_dataset("mini-ref-youtube-vos", root), BuildOptions())
    assert len(rows["videos"]) == 5
    assert info.rule["videos"] == "every video of a derived release"


def test_a_cross_domain_set_has_fold_0_and_lists_single_video_classes(tmp_path):
    root = write_dataset(tmp_path / "mini-ref-davis", {"dog": 2, "cat": 1}, with_frames=False)
    info, rows = build_manifest(open_dataset("mini-ref-davis", root), BuildOptions())
    assert {row["fold"] for row in rows["classes"]} == {0}
    assert [(item.name, item.videos) for item in info.left_out] == [("cat", 1)]


@pytest.mark.parametrize("name", ["draws", "frames", "shots"])
def test_a_rule_that_asks_for_more_than_any_benchmark_is_refused_at_once(tmp_path, name):
    dataset = open_dataset("mini-ref-davis", write_dataset(tmp_path / "mini-ref-davis", {"dog": 3}, with_frames=False))
    with pytest.raises(ManifestError, match=rf"{name}: 2147483648 is more than 10000.*fewer"):
        build_manifest(dataset, BuildOptions(**{name: 2**31}))


def test_no_episode_at_all_is_an_error(tmp_path):
    root = write_dataset(tmp_path / "mini-ref-davis", {"dog": 2}, with_frames=False)
    with pytest.raises(ManifestError, match=r"no class has 3 videos, 3 of them with sentences.*Lower --shots"):
        build_manifest(open_dataset("mini-ref-davis", root), BuildOptions(shots=2))
    with pytest.raises(ManifestError, match=r"no class has 7 videos, 2 of them with sentences.*or --minimum"):
        build_manifest(open_dataset("mini-ref-davis", root), BuildOptions(minimum=7))


def test_a_blank_version_is_not_the_usual_one(tmp_path):
    dataset = open_dataset("mini-ref-davis", write_dataset(tmp_path / "mini-ref-davis", {"dog": 3}, with_frames=False))
    with pytest.raises(ManifestError, match="cannot be a file name"):
        write_manifest(tmp_path / "splits", *build_manifest(dataset, BuildOptions(version="")))


@pytest.mark.parametrize(
    ("name", "folder"), [("mini-ref-youtube-vos", "ref-youtube-vos"), ("mini-ref-davis", "mini-ref-davis")]
)
def test_the_committed_manifests_follow_from_the_real_metadata(test_data, name, folder):
    committed = read_manifest(find_manifest(name, ROOT / "splits"))
    info, _ = build_manifest(open_dataset(name, test_data / folder), BuildOptions())
    assert committed.info.digests.items() <= info.digests.items()
    assert committed.info.counts.items() <= info.counts.items()
    changing = {"builder", "schema_version", "digests", "counts"}
    assert info.model_dump(exclude=changing) == committed.info.model_dump(exclude=changing)


def test_the_superseded_manifest_of_mini_ref_youtube_vos_is_what_it_was(test_data):
    old = read_manifest(ROOT / "splits/mini-ref-youtube-vos/v1")
    assert (old.info.schema_version, old.info.superseded_by) == (1, "v2")
    assert old.info.digest == "3338c28116151ded7f1e01da3af0bc8e1fa680cec51fabf33da85f4c31a2acd5"
    assert list(old.tables) == list(EPISODE_TABLES)
    assert not rebuild_flaws(old, open_dataset("mini-ref-youtube-vos", test_data / "ref-youtube-vos"))


@pytest.mark.parametrize(
    ("name", "folder"), [("mini-ref-youtube-vos", "ref-youtube-vos"), ("mini-ref-davis", "mini-ref-davis")]
)
def test_the_committed_manifests_rebuild_to_their_digests_by_their_recorded_rule(test_data, name, folder):
    committed = read_manifest(find_manifest(name, ROOT / "splits"))
    info, _ = build_manifest(open_dataset(name, test_data / folder), recorded_options(committed))
    assert (info.digest, info.rule) == (committed.info.digest, committed.info.rule)


class OnPaper(MadeDataset):
    """The records of a manifest that holds its sentences, without any pixel."""

    spec = dataset_spec("mini-ref-shapes@v2")

    def __init__(self, manifest):
        super().__init__("mini-ref-shapes")
        self._manifest = manifest

    def videos(self):
        return [Video(row["video_id"], tuple(row["frames"])) for row in self._manifest.rows("videos")]

    def objects(self):
        names = self._manifest.class_names
        return [
            ObjectTrack(row["video_id"], row["object_id"], names[row["class_id"]], tuple(row["frames"]))
            for row in self._manifest.rows("objects")
        ]

    def expressions(self):
        return [
            Expression(row["video_id"], row["expression_id"], tuple(row["object_ids"]), row["text"])
            for row in self._manifest.rows("expressions")
        ]

    def frame_size(self, video_id):
        return None


def test_the_earlier_manifest_of_the_embedded_set_is_what_it_was():
    old = read_manifest(find_manifest("mini-ref-shapes", ROOT / "splits", "v2"))
    assert (old.info.schema_version, old.info.superseded_by) == (1, None)
    assert old.info.digest == "462edb8c73db65bcbffe84f8e2ded1fb4800f753dc350cda8211fcbbc2bcf6f7"


def test_half_of_the_episodes_of_the_embedded_set_need_the_support_in_every_class_and_draw():
    manifest = read_manifest(find_manifest("mini-ref-shapes", ROOT / "splits"))
    kinds = {(row["video_id"], row["expression_id"]): row["kind"] for row in manifest.rows("attributes")}
    counts = Counter(
        (row["support_id"], kinds[row["video_id"], row["expression_id"]]) for row in manifest.rows("episodes")
    )
    assert len(counts) == 2 * len(manifest.rows("supports")) == 2 * 2 * 128
    for row in manifest.rows("supports"):
        assert counts[row["support_id"], NEEDED] == counts[row["support_id"], NOT_NEEDED]


@pytest.mark.parametrize("way", ["by default", "by the recorded rule", "by another rule"])
def test_the_earlier_manifest_of_the_embedded_set_is_built_again_by_its_own_rule_alone(way):
    committed = read_manifest(find_manifest("mini-ref-shapes", ROOT / "splits", "v2"))
    options = {
        "by default": BuildOptions(),
        "by the recorded rule": recorded_options(committed),
        "by another rule": BuildOptions(draws_from="different videos"),
    }
    info, _ = build_manifest(OnPaper(committed), options[way])
    assert (info.digest == committed.info.digest) == (way != "by another rule")
    assert ("draws_from" in info.rule) == (way == "by another rule")


def test_a_new_version_of_a_shipped_set_takes_different_videos_and_records_it(tmp_path):
    dataset = open_dataset("mini-ref-davis", write_dataset(tmp_path / "mini-ref-davis", {"dog": 3, "cat": 2}))
    rules = [
        build_manifest(dataset, replace(OPTIONS, **more))[0].rule.get("draws_from")
        for more in ({}, {"version": "pack-v1"}, {"version": "mine"}, {"version": "mine", "draws_from": "all videos"})
    ]
    assert rules == [None, None, "different videos", None]


def test_a_built_manifest_builds_again_from_what_it_records(dataset, tmp_path):
    options = BuildOptions(
        minimum=2, cap=2, shots=1, frames=2, draws=3, queries=1, seed=4, version="mine", videos=("dog-0", "dog-2")
    )
    for chosen in (options, replace(options, videos=None), replace(options, draws_from="all videos")):
        info, rows = build_manifest(dataset, chosen)
        write_manifest(tmp_path, info, rows, overwrite=True)
        again, _ = build_manifest(dataset, recorded_options(read_manifest(tmp_path / "mini-ref-youtube-vos/mine")))
        assert again.model_dump(exclude={"notes"}) == info.model_dump(exclude={"notes"}) or chosen.videos
        assert again.digest == info.digest


def test_an_object_of_ones_own_becomes_a_manifest_by_the_default_rule(tmp_path):
    info, rows = build_manifest(MadeDataset(), BuildOptions())
    assert (info.dataset, info.version, info.sources) == ("made", "v1", {})
    assert {row["name"]: row["fold"] for row in rows["classes"]} == {"cat": 0, "dog": 0, "owl": 0}
    assert {(row["height"], row["width"]) for row in rows["videos"]} == {(16, 20)}
    assert info.rule["draws_from"] == "different videos"
    assert write_manifest(tmp_path, info, rows)
    assert read_manifest(tmp_path / "made/v1").info == info


def printed(info, rows):
    return summary_text(Manifest(info, {name: make_table(name, rows[name]) for name in TABLES}, Path("made/v1")))


def test_what_the_rule_asks_for_and_there_is_too_little_for_is_told():
    made = MadeDataset()
    made.spec = DatasetSpec("made", num_folds=9, rule=BuildRule(frames=50))
    text = printed(*build_manifest(made, BuildOptions()))
    assert "note: 9 folds were asked for, and the classes fill 3." in text
    assert "note: 15 of 15 supports show a frame more than once: their videos have too few frames." in text
    made.spec = DatasetSpec("made", num_folds=3, rule=BuildRule(frames=1))
    text = printed(*build_manifest(made, BuildOptions()))
    assert "asked for" not in text
    assert "more than once" not in text


def test_what_draws_repeat_is_in_the_notes_and_under_the_table():
    info, rows = build_manifest(MadeDataset(), BuildOptions())
    repeated = "different sets of support videos by class: cat (3 of 5), dog (3 of 5), owl (3 of 5)."
    assert info.notes[-1].endswith(repeated)
    assert printed(info, rows).count(repeated) == 1
    assert not any("repeat" in note for note in build_manifest(MadeDataset(), BuildOptions(draws=3))[0].notes)
    by_old_rule = build_manifest(MadeDataset(), BuildOptions(draws_from="all videos"))
    assert not any("repeat" in note for note in by_old_rule[0].notes)
    assert "draws repeat videos" in printed(*by_old_rule)


def test_an_object_of_ones_own_says_how_it_is_split():
    made = MadeDataset()
    made.spec = DatasetSpec("made", num_folds=3, categories=("owl", "dog"), rule=BuildRule(draws=2), version="v9")
    info, rows = build_manifest(made, BuildOptions())
    assert [(row["class_id"], row["name"], row["fold"]) for row in rows["classes"]] == [(1, "owl", 1), (2, "dog", 2)]
    assert (info.version, info.rule["draws"]) == ("v9", 2)


def test_no_sentence_is_in_the_committed_manifests_of_real_data():
    for name in ("mini-ref-youtube-vos", "mini-ref-davis"):
        manifest = read_manifest(find_manifest(name, ROOT / "splits"))
        assert manifest.tables["expressions"]["text"].null_count == manifest.tables["expressions"].num_rows


def test_the_committed_manifests_hold_no_paths():
    for path in sorted(Path(ROOT / "splits").rglob("manifest.json")):
        assert str(ROOT.parent) not in path.read_text()


@pytest.mark.parametrize("config", SHIPPED, ids=lambda config: config.version)
def test_the_committed_manifests_of_the_embedded_set_hold_what_is_rendered(config):
    manifest = read_manifest(find_manifest("mini-ref-shapes", ROOT / "splits", config.version))
    frames = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}
    texts = [(row["video_id"], row["text"], row["object_ids"]) for row in manifest.rows("expressions")]
    number = config.videos_per_category
    assert len(frames) == len(config.categories) * number
    for category in range(0, len(config.categories), len(config.categories) // 5):
        video = render_video(config, category, 17 % number)
        assert frames[video.video_id] == video.frame_names
        found = [(text, ids) for video_id, text, ids in texts if video_id == video.video_id]
        assert found == [(text, [object_id]) for text, object_id in video.sentences]


def test_of_versions_with_the_same_episodes_the_newest_is_found_by_their_digest(tmp_path):
    for version in ("v1", "v2"):
        _, folder = write_benchmark(tmp_path, {"dog": 2}, draws=1, version=version)
    digest = read_info(folder).digest
    assert read_info(folder.with_name("v1")).digest == digest
    assert manifest_of_digest("mini-ref-davis", digest, tmp_path / "splits").info.version == "v2"
    assert manifest_of_digest("mini-ref-davis", "0" * 64, tmp_path / "splits") is None


def test_a_shipped_manifest_is_found_by_its_digest_where_another_has_its_name(tmp_path, monkeypatch):
    shipped = read_info(find_manifest("mini-ref-davis", ROOT / "splits"))
    _, folder = write_benchmark(tmp_path, {"dog": 2}, draws=1)
    monkeypatch.chdir(tmp_path)
    own = read_info(folder)
    assert own.version == shipped.version
    for info in (own, shipped):
        assert manifest_of_digest("mini-ref-davis", info.digest).info == info
