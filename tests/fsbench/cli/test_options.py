import click
import pytest

from fsbench.cli.options import folds_option
from fsbench.cli.options import integers
from fsbench.cli.options import keyed


def test_lists_of_numbers_have_ranges_and_each_number_once():
    assert integers("0-2,4,1") == (0, 1, 2, 4)
    assert integers("3") == (3,)


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "1-b", "2-1"])
def test_what_is_no_list_of_numbers_names_the_option(text):
    with pytest.raises(click.BadParameter) as caught:
        integers(text, "--fold")
    assert caught.value.param_hint == "--fold"


def test_folds_are_listed_or_repeated_in_the_order_given():
    @click.command()
    @folds_option
    def command(folds):
        return folds

    def read(*arguments):
        return command.main(arguments, standalone_mode=False)

    assert read("--fold", "1,2") == read("--fold", "1", "--fold", "2") == (1, 2)
    assert read("--fold", "3", "--fold", "0-1,3") == (3, 0, 1)
    assert read() == ()


def test_an_option_with_a_flag_of_its_own_wins_over_key_and_value():
    assert keyed(("backbone=a", "chunk=3"), backbone="b", max_frames=None) == {"backbone": "b", "chunk": "3"}
