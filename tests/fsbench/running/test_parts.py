import pytest

from fsbench.errors import RunError
from fsbench.running.parts import read_failures


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": {}}', b'{"1": "text"}', b'{"1": {"e": 2}}', b"\xff"])
def test_a_damaged_list_of_failures_is_an_error_that_says_what_to_do(tmp_path, content):
    (tmp_path / "failures.json").write_bytes(content)
    with pytest.raises(RunError, match=r"failures\.json: cannot be read .* Delete it and run the same command again"):
        read_failures(tmp_path)


def test_failures_are_read_by_number_and_episode(tmp_path):
    (tmp_path / "failures.json").write_text('{"3": {"f0/dog/d0/v/0": "ValueError: x"}}')
    assert read_failures(tmp_path) == {3: {"f0/dog/d0/v/0": "ValueError: x"}}
    assert read_failures(tmp_path / "other") == {}
