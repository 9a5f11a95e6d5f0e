import pytest

from fsbench.methods.description import describe
from fsbench.methods.description import description_text
from fsbench.methods.registry import find_method


def test_a_description_has_all_that_a_method_says_of_itself():
    described = describe(find_method("colour-prototype"), "mini-ref-shapes")
    assert described["name"] == "colour-prototype"
    assert described["licence"] == "Apache-2.0"
    assert described["missing"] == []
    assert [option["name"] for option in described["options"]] == ["working_size", "iterations"]
    assert described["options"][1] == {
        "name": "iterations",
        "type": "int",
        "required": False,
        "default": 1,
        "help": "Of GrabCut; 0 takes the score's probable pixels as they are.",
    }


def test_every_option_of_every_shipped_method_has_help():
    from fsbench.methods.registry import registered_methods

    silent = [
        (name, option["name"])
        for name, method in registered_methods().items()
        for option in describe(method, "mini-ref-shapes")["options"]
        if not option["help"]
    ]
    assert not silent


def test_the_text_keeps_to_the_width_of_the_terminal():
    described = describe(find_method("cma"), "mini-ref-davis")
    text = description_text(described, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "no, without weights: --checkpoint" in text
    assert "zero | exclude" in text


@pytest.mark.parametrize(("name", "in_parts"), [("cma", True), ("full-frame", True), ("sam3", False)])
def test_a_description_says_whether_a_long_video_must_lie_in_memory(name, in_parts):
    described = describe(find_method(name), "mini-ref-shapes")
    assert described["works_in_parts"] is in_parts
    assert ("in parts" if in_parts else "lie in memory whole") in description_text(described)


def test_a_method_without_options_says_so():
    assert "no options" in description_text(describe(find_method("empty"), "mini-ref-shapes"))
