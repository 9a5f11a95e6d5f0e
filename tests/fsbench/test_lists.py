import pytest

from fsbench.errors import DataError
from fsbench.lists import listed_at
from fsbench.lists import read_ids


def test_an_id_is_a_line_with_the_spaces_in_it_and_counts_once(tmp_path):
    path = tmp_path / "val.txt"
    path.write_bytes(b"\xef\xbb\xbfbear\r\n\r\n  the dog \r\nbear\r\n")
    listed = read_ids(path)
    assert listed == ("bear", "the dog")
    assert listed_at(listed, "the dog") == f"{path}, line 3: "
    assert listed_at(("bear",), "bear") == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"bear\ndog\t1\n", "line 2: has more than one field"),
        (b"bear\x00\n", "line 1"),
        (b"\n \n", "lists nothing"),
        (b"\xff\xfe\n", "is no text"),
    ],
)
def test_a_file_that_is_no_such_list_is_an_error_that_says_where(tmp_path, content, message):
    (tmp_path / "val.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"val\.txt.*{message}.*one id a line"):
        read_ids(tmp_path / "val.txt")


def test_a_list_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_ids(tmp_path / "val.txt")
