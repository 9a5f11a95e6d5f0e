import click
import pytest
from click.shell_completion import ShellComplete

from fsbench.cli import main
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


@pytest.mark.parametrize("number", ["-1", "1025", "9" * 30, "2.5"])
@pytest.mark.parametrize(
    "command", [("evaluate", "--method", "empty"), ("score", "."), ("train", "--fold", "1"), ("demo",)]
)
def test_a_number_of_workers_has_bounds(fsbench, command, number):
    assert "Invalid value for '--workers'" in fsbench(*command, "--workers", number, code=2).stderr


@pytest.mark.parametrize("seed", ["-1", "4294967296", "9" * 5000])
@pytest.mark.parametrize("command", [("build-splits",), ("train", "--fold", "1")])
def test_a_seed_has_bounds(fsbench, command, seed):
    assert "Invalid value for '--seed'" in fsbench(*command, "--seed", seed, code=2).stderr


def test_an_option_with_a_flag_of_its_own_wins_over_key_and_value():
    assert keyed(("backbone=a", "chunk=3"), backbone="b", max_frames=None) == {"backbone": "b", "chunk": "3"}


@pytest.mark.parametrize(
    ("words", "begun", "expected"),
    [
        (["evaluate", "--method"], "clip", ["clipseg", "clipseg-support"]),
        (["train", "--method"], "dan", ["danet"]),
        (["describe"], "sam3", ["sam3", "sam3-exemplar", "sam3-support"]),
        (["evaluate", "--dataset"], "mini-ref-s", ["mini-ref-sail-vos", "mini-ref-shapes"]),
        (["score", "--protocol"], "davis-2017-", ["davis-2017-unsupervised"]),
        (["compare", "--by"], "has_", ["has_spatial", "has_motion", "has_colour"]),
    ],
)
def test_the_shell_completes_names(words, begun, expected):
    found = ShellComplete(main, {}, "fsbench", "_FSBENCH_COMPLETE").get_completions(words, begun)
    assert [(item.value, item.type) for item in found] == [(name, "plain") for name in expected]


def test_what_is_no_name_is_completed_as_a_file():
    complete = ShellComplete(main, {}, "fsbench", "_FSBENCH_COMPLETE")
    for option in ("--method", "--dataset"):
        (item,) = complete.get_completions(["evaluate", option], "./my")
        assert item.type == "file"
