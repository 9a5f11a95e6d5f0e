import logging
import sys
from importlib.metadata import EntryPoint
from typing import NamedTuple

import pytest

from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.protocol import Protocol
from fsbench.registry import Registry

GROUP = "fsbench.protocols"
MINE = Protocol("mine", "a stranger's")


class Package(NamedTuple):
    name: str
    version: str


def point(name, value, package=""):
    found = EntryPoint(name, value, GROUP)
    return found._for(Package(package, "1.0")) if package else found


def registry(*points, **how):
    return Registry(GROUP, Protocol, found=points, **how)


def test_an_object_comes_in_by_its_entry_point():
    assert registry(point("mine", f"{__name__}:MINE")).get("mine") is MINE


def test_names_are_known_without_importing_anything():
    names = registry(point("zebra", "no_such_package.one:X"), point("mine", "no_such_package.two:Y")).points
    assert list(names) == ["mine", "zebra"]
    assert "no_such_package" not in sys.modules


def test_a_name_that_two_packages_register_is_an_error_that_names_both():
    twice = registry(point("mine", f"{__name__}:MINE", "one"), point("mine", "elsewhere:MINE", "two"))
    with pytest.raises(PluginError, match=r"two 1\.0.*one 1\.0"):
        twice.get("mine")


def test_one_entry_point_found_in_two_places_is_no_duplicate():
    same = point("mine", f"{__name__}:MINE", "one")
    assert registry(same, same).get("mine") is MINE


def test_an_unknown_name_is_the_error_asked_for_and_lists_near_ones():
    with pytest.raises(DataError, match=r"There is no protocol 'mime'\. Did you mean 'mine'"):
        registry(point("mine", f"{__name__}:MINE"), unknown=DataError).get("mime")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mine", "no_such_package.one:X", "cannot be imported"),
        ("mine", f"{__name__}:NO_SUCH_NAME", "cannot be imported"),
        ("mine", f"{__name__}:GROUP", "is a str, expected a Protocol"),
        ("other", f"{__name__}:MINE", "calls itself 'mine'"),
    ],
)
def test_what_cannot_be_used_is_an_error_that_names_the_package(name, value, message):
    with pytest.raises(PluginError, match=message) as caught:
        registry(point(name, value, "theirs")).get(name)
    assert "theirs 1.0" in str(caught.value)


def test_what_cannot_be_used_is_left_out_of_a_listing_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        found = list(registry(point("broken", "no_such_package:X"), point("mine", f"{__name__}:MINE")).usable())
    assert found == [MINE]
    assert "broken" in caplog.text
