import pytest

from fsbench.errors import RunError
from fsbench.splits.ids import EpisodeKey
from fsbench.splits.ids import format_episode_id
from fsbench.splits.ids import format_support_id
from fsbench.splits.ids import parse_episode_id


@pytest.mark.parametrize("class_name", ["mouse", "giant panda", "made/of two", "d1", "f2/d3"])
def test_what_an_id_is_made_of_is_read_from_it_again(class_name):
    episode_id = format_episode_id(format_support_id(2, class_name, 0), "a1b2", "10")
    assert episode_id == f"f2/{class_name}/d0/a1b2/10"
    assert parse_episode_id(episode_id) == EpisodeKey(2, class_name, 0, "a1b2", "10")


@pytest.mark.parametrize(
    "text", ["", "f2/mouse/d0", "f2/mouse/0/a1b2/10", "x2/mouse/d0/a/1", f"f2/mouse/d{'9' * 5000}/a/1"]
)
def test_what_is_no_episode_id_is_refused(text):
    with pytest.raises(RunError, match="no episode id"):
        parse_episode_id(text)
