import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.datasets.metadata import read_metadata
from fsbench.datasets.metadata import read_objects
from fsbench.datasets.metadata import read_sentences
from fsbench.errors import DataError

OBJECTS = {"videos": {"v": {"objects": {"1": {"category": "dog", "frames": ["a", "b"]}}}}}
SENTENCES = {"videos": {"v": {"frames": ["a", "b"], "expressions": {"0": {"exp": "the dog", "obj_id": "1"}}}}}
MERGED = {"videos": {"v": {"objects": {"1": {**OBJECTS["videos"]["v"]["objects"]["1"], "expressions": ["the dog"]}}}}}


def read_merged(path):
    """Returns what one file says of objects and of sentences, video by video."""
    objects, sentences = read_metadata(path)
    return {"videos": {name: {**video, **sentences["videos"][name]} for name, video in objects["videos"].items()}}


FILES = {
    "objects": (OBJECTS, read_objects),
    "sentences": (SENTENCES, read_sentences),
    "merged": (MERGED, read_merged),
}

OBJECT = ("videos", "v", "objects", "1")
SENTENCE = ("videos", "v", "expressions", "0")
WRONG = [
    ("objects", (*OBJECT, "frames"), [0, 5], "videos.v.objects.1.frames.0: Input should be a valid string; it is 0"),
    ("objects", (*OBJECT, "frames"), "ab", "videos.v.objects.1.frames: Input should be a valid list; it is 'ab'"),
    ("objects", (*OBJECT, "frames"), [["a"]], "frames.0: Input should be a valid string"),
    ("objects", (*OBJECT, "frames"), ["a", "b", "a"], "frames: 'a' is listed twice"),
    ("objects", (*OBJECT, "frames"), [""], "frames.0: String should have at least 1 character"),
    ("objects", (*OBJECT, "category"), ["dog"], "category: Input should be a valid string"),
    ("objects", ("videos", "v", "objects"), {"0": {}}, "objects.0.[key]: Input should be greater than or equal to 1"),
    ("objects", ("videos", "v", "objects"), {"1": OBJECT, "01": OBJECT}, "'1', '01' two stand for one object"),
    ("objects", ("videos",), [], "videos: Input should be a valid dictionary"),
    ("sentences", ("videos", "v", "frames"), [0], "videos.v.frames.0: Input should be a valid string; it is 0"),
    ("sentences", (*SENTENCE, "exp"), ["the dog"], "videos.v.expressions.0.exp: Input should be a valid string"),
    ("sentences", (*SENTENCE, "obj_id"), 0, "obj_id.0: Input should be greater than or equal to 1; it is 0"),
    ("sentences", (*SENTENCE, "obj_id"), [[1]], "obj_id.0: Input should be a valid integer"),
    ("sentences", (*SENTENCE, "obj_id"), 1.5, "obj_id.0: Input should be a valid integer; it is 1.5"),
    ("sentences", (*SENTENCE, "obj_id"), True, "obj_id.0: Input should be a valid integer; it is True"),
    ("sentences", (*SENTENCE, "obj_id"), 2**40, "obj_id.0: Input should be less than or equal to 65535"),
]


def replaced(content, keys, value):
    """Returns a copy of the content with another value at a place."""
    content = copy.deepcopy(content)
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return content


def read(path, which, text):
    path.write_text(text)
    return FILES[which][1](path)


@pytest.mark.parametrize(("which", "keys", "value", "message"), WRONG)
def test_what_is_not_of_its_type_is_an_error_that_names_file_key_and_what_is_allowed(
    tmp_path, which, keys, value, message
):
    with pytest.raises(DataError) as error:
        read(tmp_path / "some.json", which, json.dumps(replaced(FILES[which][0], keys, value)))
    assert str(error.value).startswith(f"{tmp_path / 'some.json'}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ('{"videos": NaN}', "NaN is no number"),
        ('{"videos": {}, "videos": {}}', "'videos' comes twice"),
        ('{"videos": ' + "9" * 5000 + "}", "limit"),
        ('{"videos": ' + "[" * 1000 + "]" * 1000 + "}", "nested deeper|valid dictionary"),
    ],
)
def test_what_is_no_plain_json_is_an_error_that_names_the_file(tmp_path, text, message):
    for which in FILES:
        with pytest.raises(DataError, match=rf"some\.json: .*({message})"):
            read(tmp_path / "some.json", which, text)


def test_an_object_is_a_number_or_its_text_and_what_is_not_of_the_layout_is_not_looked_at(tmp_path):
    for value in (1, "1", [1], ["1"]):
        content = replaced(replaced(SENTENCES, (*SENTENCE, "obj_id"), value), ("licence",), [{"of": None}])
        found = read(tmp_path / "some.json", "sentences", json.dumps(content))
        assert found["videos"]["v"]["expressions"]["0"]["obj_id"] == [1]


def test_frames_that_several_list_are_held_once_and_others_checked_all_the_same(tmp_path):
    content = replaced(OBJECTS, ("videos", "w"), OBJECTS["videos"]["v"])
    objects = [
        video["objects"][1] for video in read(tmp_path / "some.json", "objects", json.dumps(content))["videos"].values()
    ]
    assert objects[0]["frames"] is objects[1]["frames"]
    for wrong in (["a", "b", "b"], ["a", 0], ["a", ["b"]], []):
        text = json.dumps(replaced(content, ("videos", "w", "objects", "1", "frames"), wrong))
        with pytest.raises(DataError, match=r"videos\.w\.objects\.1\.frames"):
            read(tmp_path / "some.json", "objects", text)


def places(content):
    """Yields the keys of everything that lies in JSON."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (key,)
        yield from ((key, *below) for below in places(value))


def assert_types(found):
    for video in found["videos"].values():
        for item in video.get("objects", {}).values():
            assert isinstance(item["category"], str)
            assert_names(item.get("frames", ["any"]))
        for said in video.get("expressions", {}).values():
            assert isinstance(said["exp"], str)
            assert all(type(number) is int and number > 0 for number in said["obj_id"])
            assert_names(video["frames"])


def assert_names(frames):
    assert all(isinstance(name, str) and name for name in frames)
    assert len(set(frames)) == len(frames) > 0


@given(st.data())
def test_whatever_is_put_in_any_place_is_refused_or_of_the_types_that_are_promised(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    which = data.draw(st.sampled_from(sorted(FILES)))
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    anything = st.recursive(
        plain, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=2), below, max_size=2)
    )
    keys = data.draw(st.sampled_from(list(places(FILES[which][0]))))
    text = json.dumps(replaced(FILES[which][0], keys, data.draw(anything)))
    try:
        found = read(path, which, text)
    except DataError:
        return
    assert_types(found)
