from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from fsbench.errors import PluginError
from fsbench.methods import MethodInfo
from fsbench.methods.registry import find_method
from fsbench.methods.registry import GROUP
from fsbench.methods.registry import registered_methods


def point(name, target, package):
    entry = EntryPoint(name, target, GROUP)
    vars(entry)["dist"] = SimpleNamespace(name=package, version="1.0")
    return entry


def test_a_name_registered_twice_is_an_error_that_names_both_packages():
    with pytest.raises(PluginError, match=r"mine 1\.0.*yours 1\.0"):
        registered_methods([point("m", "a:A", "mine"), point("m", "b:B", "yours")])


def test_registering_imports_nothing():
    methods = registered_methods([point("m", "no_such_module:A", "mine")])
    assert methods["m"].distribution == "mine 1.0"
    with pytest.raises(PluginError, match=r"no_such_module.*mine 1\.0"):
        _ = methods["m"].factory


def test_near_names_are_suggested():
    with pytest.raises(PluginError, match="Did you mean 'colour-prototype'"):
        find_method("color-prototype")


def test_options_are_converted_to_the_annotated_types():
    method = find_method("tests.tiny:Reddish")
    assert method.resolve({"threshold": "7"}) == {"threshold": 7, "checkpoint": None}
    assert method.create({"threshold": "7"}).threshold == 7


@pytest.mark.parametrize(
    ("options", "message"), [({"treshold": "1"}, "Did you mean 'threshold'"), ({"threshold": "red"}, "threshold='red'")]
)
def test_wrong_options_say_what_is_right(options, message):
    with pytest.raises(PluginError, match=message):
        find_method("tests.tiny:Reddish").resolve(options)


def test_a_method_needs_weights_if_it_takes_and_does_not_bring_them():
    weights = ["weights: --checkpoint"]
    plain, taking, shipping, gated = (
        find_method(target)
        for target in (
            "tests.fsbench.test_demo:Plain",
            "tests.tiny:Reddish",
            "tests.fsbench.test_demo:Shipping",
            "tests.fsbench.test_demo:Gated",
        )
    )
    assert [list(each.needs) for each in (plain, taking, shipping)] == [[], weights, weights]
    assert [each.missing("mini-ref-shapes") for each in (plain, taking, shipping)] == [[], weights, []]
    assert shipping.missing("mini-ref-davis") == weights
    assert gated.needs == ("a licence", "a licence plate")
    assert [gated.missing(name) for name in ("mini-ref-shapes", "mini-ref-davis")] == [["a licence plate"], []]


@pytest.mark.parametrize("target", ["tests.tiny:Nothing", "tests.nothing:Reddish", "tests.tiny:write_dataset"])
def test_what_is_no_method_is_an_error(target):
    with pytest.raises(PluginError):
        _ = find_method(target).info


def test_an_object_without_the_three_calls_is_refused():
    with pytest.raises(PluginError, match="lacks prepare, adapt or segment"):
        find_method("tests.fsbench.methods.test_registry:Half").create({})


class Half:
    info = MethodInfo(name="half", version="1", summary="no method")

    def prepare(self, fold):
        """The only one of the three."""
