import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.datasets.groups import author_groups
from fsbench.errors import DataError

VIDEOS = {"dog", "dog-agility", "camel", "cows"}


def groups(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return author_groups(folder, VIDEOS)


@pytest.mark.parametrize(
    "content",
    [
        ["dog", "dog-agility"],
        [{"video": "dog", "category": "dog"}, {"video_id": "dog-agility"}],
        {"videos": ["dog", "dog-agility"]},
        {"dog": {"objects": {"1": {}}}, "dog-agility": None},
        {"dog": "animal", "dog-agility": "animal"},
        {"dog": ["00000", "00001"], "dog-agility": ["00000"]},
        {"videos": {"dog": {}, "dog-agility": {}}, "info": "release 1"},
        {"animal": ["dog", "dog-agility"]},
        {"dog": ["dog", "dog-agility"]},
        {"1": ["dog"], "2": ["dog-agility"]},
        {"animal": {"dog": {}, "dog-agility": {}}},
    ],
)
def test_the_videos_of_a_group_are_found_in_every_shape_that_a_file_may_have(tmp_path, content):
    assert groups(tmp_path, group3_test=content) == {"dog": 3, "dog-agility": 3}


@pytest.mark.parametrize("content", [None, 7, "dog", [], {}, [["dog", "0"]], {"first": 1}, {"dogs": [1]}])
def test_an_unknown_shape_is_an_error_that_says_what_was_expected(tmp_path, content):
    with pytest.raises(DataError, match=r"group1_test\.json: expected a list of videos, a map from videos"):
        groups(tmp_path, group1_test=content)


def test_maps_within_maps_without_end_are_an_unknown_shape(tmp_path):
    content = {"dog": {}}
    for _ in range(300):
        content = {"a": content}
    with pytest.raises(DataError, match="expected a list of videos"):
        groups(tmp_path, group1_test=content)


@given(
    st.recursive(
        st.none() | st.integers() | st.sampled_from([*sorted(VIDEOS), "lion", "videos"]),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(st.sampled_from([*sorted(VIDEOS), "animal", "videos", "id"]), below, max_size=3)
        ),
    )
)
def test_whatever_a_file_holds_is_refused_or_names_videos_of_the_dataset(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "any-group"
    folder.mkdir(exist_ok=True)
    try:
        found = groups(folder, group1_test=content)
    except DataError:
        return
    assert found
    assert found.keys() <= VIDEOS


def test_a_video_that_the_dataset_does_not_have_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=r"group1_test\.json: names 1 videos .* 'lion'.*--no-author-groups"):
        groups(tmp_path, group1_test=["dog", "lion"])


def test_a_video_is_tested_in_one_group_and_not_trained_on_there(tmp_path):
    parts = {"group1_test": ["dog"], "group2_test": ["camel"], "group1_train": ["camel"], "group2_train": ["dog"]}
    assert groups(tmp_path, **parts) == {"dog": 1, "camel": 2}
    with pytest.raises(DataError, match=r"group1_train\.json: video 'dog' is in the test part of the same group"):
        groups(tmp_path, **{**parts, "group1_train": ["camel", "dog"]})
    with pytest.raises(DataError, match=r"group2_test\.json: video 'dog' is in the test part of another group"):
        groups(tmp_path, **{**parts, "group2_test": ["dog"]})


def test_a_group_has_a_number(tmp_path):
    with pytest.raises(DataError, match=r"groupone_test\.json: 'one' is no number"):
        groups(tmp_path, groupone_test=["dog"])
