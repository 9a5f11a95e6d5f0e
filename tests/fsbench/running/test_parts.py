import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsbench.errors import RunError
from fsbench.running.parts import read_failures
from fsbench.running.parts import read_pixels
from fsbench.running.plan import Unit
from fsbench.running.runs import part_path
from fsbench.scores.rows import score_schema

SCHEMA = score_schema(["J", "F"])
UNIT = Unit(3, "dog", "v", (), (), (), (), (), {})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": {}}', b'{"1": "text"}', b'{"1": {"e": 2}}', b"\xff"])
def test_a_damaged_list_of_failures_is_an_error_that_says_what_to_do(tmp_path, content):
    (tmp_path / "failures.json").write_bytes(content)
    with pytest.raises(RunError, match=r"failures\.json: cannot be read .* Delete it and run the same command again"):
        read_failures(tmp_path)


def test_failures_are_read_by_number_and_episode(tmp_path):
    (tmp_path / "failures.json").write_text('{"3": {"f0/dog/d0/v/0": "ValueError: x"}}')
    assert read_failures(tmp_path) == {3: {"f0/dog/d0/v/0": "ValueError: x"}}
    assert read_failures(tmp_path / "other") == {}


def write_part(folder, note=None):
    path = part_path(folder, "scores", UNIT.number)
    path.parent.mkdir(parents=True)
    metadata = None if note is None else {b"fsbench.pixels": note}
    pq.write_table(pa.table({name: [] for name in SCHEMA.names}, schema=SCHEMA.with_metadata(metadata)), path)
    return path


def test_a_note_of_pixels_is_read_by_video_and_support(tmp_path):
    assert read_pixels(tmp_path, UNIT) == {}
    write_part(tmp_path, b'{"v": "0a", "f0/dog/d0": "1b 2c"}')
    assert read_pixels(tmp_path, UNIT) == {"v": "0a", "f0/dog/d0": "1b 2c"}
    write_part(tmp_path / "other")
    assert read_pixels(tmp_path / "other", UNIT) == {}


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"3", b'{"v": 1}', b'{"v": null}', b"\xff"])
def test_a_damaged_note_of_pixels_is_an_error_that_says_what_to_do(tmp_path, note):
    write_part(tmp_path, note)
    with pytest.raises(RunError, match=r"part-00003\.parquet: its note of pixels cannot be read .* Delete it and run"):
        read_pixels(tmp_path, UNIT)


def test_a_part_that_is_no_parquet_has_no_note(tmp_path):
    write_part(tmp_path).write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"part-00003\.parquet: cannot be read .* Delete it and run the same command"):
        read_pixels(tmp_path, UNIT)
