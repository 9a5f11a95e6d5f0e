import pytest

from fsbench.errors import RunError
from fsbench.splits.binning import ATTRIBUTES
from fsbench.splits.binning import find_attribute
from fsbench.splits.binning import UNKNOWN
from fsbench.splits.schema import KEYS
from fsbench.splits.schema import SCHEMAS


def test_every_column_but_the_keys_can_be_sliced_by():
    assert [*KEYS["attributes"], *ATTRIBUTES] == SCHEMAS["attributes"].names


@pytest.mark.parametrize("name", [name for name, each in ATTRIBUTES.items() if each.edges])
def test_a_value_on_an_edge_is_in_the_upper_slice_and_one_below_it_in_the_lower(name):
    attribute = ATTRIBUTES[name]
    assert len(attribute.labels) == len(attribute.edges) + 1
    assert list(attribute.edges) == sorted(set(attribute.edges))
    for number, edge in enumerate(attribute.edges):
        assert attribute.slice_of(edge) == attribute.labels[number + 1]
        assert attribute.slice_of(edge - 1e-9) == attribute.labels[number]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("words", {1: "up to 4", 4: "up to 4", 5: "5 to 7", 7: "5 to 7", 10: "8 to 10", 11: "11 or more"}),
        ("class_objects", {1: "1", 2: "2", 3: "3", 4: "4 or more", 9: "4 or more"}),
        ("absent_frames", {0: "0", 1: "1 to 4", 4: "1 to 4", 5: "5 or more"}),
        ("size", {0.001: "under 1 %", 0.01: "1 to 5 %", 0.19: "5 to 20 %", 1.0: "20 % or more", None: UNKNOWN}),
        ("occlusion", {0.0: "under 5 %", 0.25: "25 to 50 %", 0.5: "50 % or more", None: UNKNOWN}),
        ("class_word", {"none": "none", "name": "name"}),
        ("has_motion", {False: "no", True: "yes"}),
    ],
)
def test_values_are_in_the_slice_whose_name_says_so(name, values):
    attribute = ATTRIBUTES[name]
    assert {value: attribute.slice_of(value) for value in values} == values
    assert set(values.values()) <= {*attribute.labels, UNKNOWN}


@pytest.mark.parametrize(
    ("name", "slices"),
    [("words", ["up to 4", "11 or more", UNKNOWN]), ("kind", ["a kind", "the other", UNKNOWN]), ("kind", [])],
)
def test_slices_come_in_the_order_of_their_labels_or_names_and_the_unknown_last(name, slices):
    assert ATTRIBUTES[name].in_order(reversed(slices * 2)) == slices


def test_an_unknown_attribute_is_answered_with_the_near_ones():
    with pytest.raises(RunError, match=r"no attribute 'has_color'\. Did you mean 'has_colour'"):
        find_attribute("has_color")
