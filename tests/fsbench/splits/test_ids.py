import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.errors import RunError
from fsbench.splits.ids import episode_columns
from fsbench.splits.ids import EpisodeKey
from fsbench.splits.ids import format_episode_id
from fsbench.splits.ids import format_support_id
from fsbench.splits.ids import parse_episode_id


@pytest.mark.parametrize("class_name", ["mouse", "giant panda", "made/of two", "d1", "f2/d3"])
def test_what_an_id_is_made_of_is_read_from_it_again(class_name):
    episode_id = format_episode_id(format_support_id(2, class_name, 0), "a1b2", "10")
    assert episode_id == f"f2/{class_name}/d0/a1b2/10"
    assert parse_episode_id(episode_id) == EpisodeKey(2, class_name, 0, "a1b2", "10")
    row = {"fold": 2, "class": class_name, "draw": 0, "video": "a1b2", "expression": "10"}
    assert episode_columns([episode_id]).to_pylist() == [row]


@pytest.mark.parametrize(
    "text",
    ["", "f2/mouse/d0", "f2/mouse/0/a1b2/10", "x2/mouse/d0/a/1", f"f2/mouse/d{'9' * 5000}/a/1", "f2/a\nb/d0/a/1"],
)
def test_what_is_no_episode_id_is_refused(text):
    with pytest.raises(RunError, match="no episode id") as alone:
        parse_episode_id(text)
    with pytest.raises(RunError, match="no episode id") as among:
        episode_columns(["f2/mouse/d0/a1b2/10", text, "neither"])
    assert str(among.value) == str(alone.value)


@given(st.lists(st.from_regex("f[0-9]{1,6}/.+/d[0-9]{1,6}/[^/]+/[^/]+", fullmatch=True), max_size=5))
def test_columns_say_what_each_id_says(ids):
    keys = [parse_episode_id(each) for each in ids]
    rows = [(key.fold, key.class_name, key.draw, key.video_id, key.expression_id) for key in keys]
    assert [tuple(row.values()) for row in episode_columns(ids).to_pylist()] == rows


def test_columns_have_a_row_for_each_id_in_their_order_however_often_it_comes():
    column = pa.chunked_array([["f0/b/d1/v/1", "f0/a/d0/v/1"], ["f0/b/d1/v/1"]])
    assert episode_columns(column)["class"].to_pylist() == ["b", "a", "b"]
    assert episode_columns([]).num_rows == 0
