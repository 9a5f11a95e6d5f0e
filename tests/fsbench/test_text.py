import pytest

from fsbench.text import columns
from fsbench.text import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.5, "1 min"),
        (720, "12 min"),
        (3569, "59 min"),
        (3580, "1 h 00 min"),
        (11100, "3 h 05 min"),
        (100 * 3600, "100 h 00 min"),
    ],
)
def test_times_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_columns_are_as_wide_as_their_widest_cell_and_end_without_spaces():
    assert columns([("a", "bb"), ("ccc", "")]).splitlines() == ["a    bb", "---  --", "ccc"]


def test_columns_break_the_widest_cells_to_fit_a_terminal():
    table = columns([("name", "what it is"), ("a", "some words that go on"), ("b", "-")], 18)
    assert table.splitlines() == [
        "name  what it is",
        "----  ----------",
        "a     some words",
        "      that go on",
        "b     -",
    ]
    assert columns([("name", "what it is")], 80) == columns([("name", "what it is")])


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    rows = [("a" * 12, "word " * 20, "x" * 50, "yes"), ("b", "c", "d", "e")]
    assert max(map(len, columns(rows, width).splitlines())) <= width
