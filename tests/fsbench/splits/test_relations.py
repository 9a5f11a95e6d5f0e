import copy
import json
import re
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fsbench.errors import ManifestError
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import overall_digest
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from fsbench.splits.schema import SCHEMAS
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import TABLES
from fsbench.splits.verify import verify_manifest
from tests.fsbench.datasets.made import MadeDataset


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A manifest's folder and its rows."""
    info, rows = build_manifest(MadeDataset(), BuildOptions(draws=2))
    out = tmp_path_factory.mktemp("splits")
    write_manifest(out, info, rows)
    folder = out / "made/v1"
    return folder, {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLES}


def signed(folder, name, rows):
    """Writes other rows of a table, with a record that says so: a manifest by a stranger."""
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[name]), folder / f"{name}.parquet")
    path = folder / "manifest.json"
    record = json.loads(path.read_text())
    with suppress(TypeError):  # where a key is null
        record["digests"][name] = table_digest(name, rows)
    record["counts"][name] = len(rows)
    record["digest"] = overall_digest(record["digests"])
    path.write_text(json.dumps(record))


def outcome(folder):
    """Returns what reading says, and what verify finds."""
    flaws = verify_manifest(folder)
    try:
        read_manifest(folder)
    except ManifestError as error:
        return str(error), flaws
    return "", flaws


def with_change(sound, name, edit):
    """Returns the outcome of a manifest whose table was edited and signed anew; puts the sound one back."""
    folder, rows = sound
    files = {path: path.read_bytes() for path in folder.iterdir()}
    changed = copy.deepcopy(rows[name])
    edit(changed)
    try:
        signed(folder, name, changed)
        return outcome(folder)
    finally:
        for path, content in files.items():
            path.write_bytes(content)


WRONG = {
    "slash in a class": ("classes", {"name": "a/b"}, "class 'a/b' cannot be a file name"),
    "fold": ("classes", {"fold": -1}, "of fold -1"),
    "video above": ("videos", {"video_id": "../x"}, "video '../x' cannot be a file name"),
    "no frames": ("videos", {"frames": []}, "not one or more different names"),
    "frame twice": ("videos", {"frames": ["a", "b", "a"]}, "not one or more different names"),
    "height alone": ("videos", {"width": None}, r"height and width are \(16, None\)"),
    "object 0": ("objects", {"object_id": 0}, "an object id is between"),
    "object twice": ("expressions", {"object_ids": [1, 1]}, r"names objects \[1, 1\]"),
    "no digest": ("expressions", {"text_sha256": "x"}, "is no SHA-256"),
    "null": ("episodes", {"video_id": None}, "a value in column 'video_id' is missing"),
    "null inside": ("supports", {"shots": [None]}, "a value in column 'shots' is missing"),
    "no shot": ("supports", {"shots": []}, "its shots are of videos"),
    "support id": ("supports", {"draw": 7}, "is of fold, class and draw 'f0/cat/d7'"),
    "episode id": ("episodes", {"episode_id": "f0/cat/d0/x/y"}, "is of support set, video and sentence"),
    "class": ("videos", {"class_id": 9}, "class 9 is not in classes"),
    "word for a class": ("attributes", {"class_word": "nome"}, "class_word 'nome' is none of"),
    "objects of a class": ("attributes", {"class_objects": 2}, "class_objects is 2, and follows as 1"),
    "absence": ("attributes", {"absent_frames": 1}, "absent_frames is 1, and follows as 0"),
    "size": ("attributes", {"size": 1.5}, "size 1.5 is no share"),
    "attributes of nothing": ("attributes", {"expression_id": "9"}, "is in one of expressions and attributes alone"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_whose_rows_do_not_hold_is_refused_when_it_is_read_although_its_digests_do(sound, name):
    table, change, message = WRONG[name]
    said, flaws = with_change(sound, table, lambda rows: rows[0].update(change))
    assert flaws
    assert re.search(message, said), said


def test_a_sound_manifest_is_read(sound):
    assert outcome(sound[0]) == ("", [])


@settings(max_examples=60)
@given(st.data())
def test_whatever_becomes_of_a_row_reading_refuses_it_or_verify_finds_nothing_either(sound, data):
    name = data.draw(st.sampled_from(TABLES))
    number = data.draw(st.integers(0, len(sound[1][name]) - 1))
    how = data.draw(st.sampled_from(["removed", "doubled", "of another row", "changed"]))
    column = data.draw(st.sampled_from(SCHEMAS[name].names))
    other = data.draw(st.sampled_from(sound[1][name]))

    def edit(rows):
        row = rows[number]
        if how == "removed":
            del rows[number]
        elif how == "doubled":
            rows.append(dict(row))
        elif how == "of another row":
            row[column] = copy.deepcopy(other[column])
        elif isinstance(row[column], list):
            row[column] = data.draw(st.sampled_from([[], row[column] * 2, row[column][:-1], None]))
        elif isinstance(row[column], bool):
            row[column] = data.draw(st.sampled_from([not row[column], None]))
        elif SCHEMAS[name].field(column).type == "double":
            row[column] = data.draw(st.sampled_from([0.5, -1.0, 1.5]))
        elif isinstance(row[column], int):
            row[column] = data.draw(st.sampled_from([-1, 0, 7, 2**31 - 1, None]))
        else:
            row[column] = data.draw(st.sampled_from(["", "..", "a/b", "\n", "f1/x/d0", None]))

    said, flaws = with_change(sound, name, edit)
    assert bool(said) == bool(flaws)
