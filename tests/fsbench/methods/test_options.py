from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated
from typing import Literal
from typing import Optional

import pytest

from fsbench.errors import PluginError
from fsbench.methods.options import read_options


class Base:
    """A base.

    Args:
        side: Of the square, in pixels.
        name: Overridden below.
    """

    def __init__(self, side: int = 3) -> None:
        self.side = side


class Sized(Base):
    """Has options of all kinds."""

    def __init__(
        self,
        *,
        side: int,
        name: "str | None" = None,
        way: Literal["near", "far"] = "near",
        path: Optional[Path] = None,  # noqa: UP045 - as some still write it
        high: Annotated[float, "a note"] = 0.5,
        low: float = 0.1,
        plain=1,
        **_others: object,
    ) -> None:
        """Notes the options.

        Args:
            name: What it is called,
                over two lines.
            high, low: Bounds; see the paper: table 2.
            way (str): Near or far.

        Raises:
            plain: Is no option here.
        """


@dataclass
class Declared:
    """Options as fields.

    Attributes:
        lr: Learning rate.
    """

    lr: float = 1e-4


def test_options_have_type_default_and_help_of_the_docstrings():
    options = read_options(Sized)
    assert list(options) == ["side", "name", "way", "path", "high", "low", "plain"]
    types = {name: option.type_name for name, option in options.items()}
    assert types == {
        "side": "int",
        "name": "str",
        "way": "near | far",
        "path": "Path",
        "high": "float",
        "low": "float",
        "plain": "any",
    }
    assert options["side"].is_required
    assert options["side"].help == "Of the square, in pixels."
    assert options["name"].help == "What it is called, over two lines."
    assert options["high"].help == options["low"].help == "Bounds; see the paper: table 2."
    assert (options["way"].help, options["way"].shown_default) == ("Near or far.", "near")
    assert options["plain"].help == ""


def test_fields_of_a_dataclass_are_documented_as_attributes():
    assert read_options(Declared)["lr"].help == "Learning rate."


def test_what_is_already_given_is_no_longer_required():
    assert not read_options(partial(Sized, side=3))["side"].is_required


def test_annotations_that_cannot_be_read_are_an_error():
    def factory(side: "NoSuchType") -> None:  # noqa: F821
        """Makes nothing."""

    with pytest.raises(PluginError, match="parameters cannot be read: NameError"):
        read_options(factory)


def test_types_that_no_text_stands_for_are_an_error():
    def factory(base: Base) -> None:
        """Makes nothing."""

    with pytest.raises(PluginError, match="option 'base' is annotated Base, which cannot be read from text"):
        read_options(factory)["base"].read("text")
