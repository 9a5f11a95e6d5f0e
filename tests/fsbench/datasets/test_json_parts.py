import json

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fsbench.datasets.json_parts import JsonParts
from fsbench.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_every_part_reads_as_it_does_in_the_whole(tmp_path_factory, content, is_ascii, indent):
    path = tmp_path_factory.mktemp("parts") / "file.json"
    path.write_text(json.dumps(content, ensure_ascii=is_ascii, indent=indent) + "\n", encoding="utf-8")
    file = JsonParts(path)
    parts = dict(file.members())
    assert {key: file.value(part) for key, part in parts.items()} == content
    for key, value in content.items():
        if isinstance(value, list):
            assert [file.value(part) for part in file.items(parts[key])] == value
        if isinstance(value, dict):
            assert {name: file.value(part) for name, part in file.members(parts[key])} == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"a": 1',
        '{"a": 1}}',
        '{"a" 1}',
        '{"a": [1, 2}',
        '{"a": "b}',
        '{"a": 1,}',
        "no",
        '{"a": nu]}',
        '{"\\q": 1}',
    ],
)
def test_what_is_no_object_is_an_error_that_names_the_file(tmp_path, text):
    (tmp_path / "file.json").write_text(text)
    file = JsonParts(tmp_path / "file.json")
    with pytest.raises(DataError, match=r"file\.json: is no JSON of its form, from byte \d+ on\. Fetch the file again"):
        [file.value(part) for _, part in file.members()]


def test_a_key_that_comes_twice_and_a_file_that_is_not_there(tmp_path):
    (tmp_path / "file.json").write_text('{"a": 1, "\\u0061": 2}')
    with pytest.raises(DataError, match=r"the key 'a' comes twice"):
        dict(JsonParts(tmp_path / "file.json").members())
    with pytest.raises(DataError, match=r"none\.json: cannot be read \(No such file"):
        dict(JsonParts(tmp_path / "none.json").members())
