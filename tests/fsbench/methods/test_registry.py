import pickle
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import NamedTuple

import pytest

from fsbench.errors import PluginError
from fsbench.methods import MethodInfo
from fsbench.methods.contract import Fold
from fsbench.methods.registry import find_method
from fsbench.methods.registry import GROUP
from fsbench.methods.registry import registered_methods
from tests.conftest import ROOT
from tests.tiny import Reddish


class Package(NamedTuple):
    name: str
    version: str


def point(name, target, package):
    entry = EntryPoint(name, target, GROUP)
    vars(entry)["dist"] = Package(package, "1.0")
    return entry


def test_a_name_registered_twice_is_an_error_that_names_both_packages():
    with pytest.raises(PluginError, match=r"mine 1\.0.*yours 1\.0"):
        registered_methods([point("m", "a:A", "mine"), point("m", "b:B", "yours")])


def test_registering_imports_nothing():
    methods = registered_methods([point("m", "no_such_module:A", "mine")])
    assert methods["m"].distribution == "mine 1.0"
    with pytest.raises(PluginError, match=r"mine 1\.0.*no_such_module"):
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


def test_weights_that_a_method_brings_are_refused_where_the_set_has_other_classes():
    method = find_method("tests.fsbench.test_demo:Outdated")
    weights = method.brought_checkpoint(Fold("mini-ref-shapes", 1, ("cat",), ("ape", "dog", "hat")))
    assert weights == method.shipped_checkpoint("mini-ref-shapes", 1)
    assert method.brought_checkpoint(Fold("mini-ref-davis", 0, ("ape",), ())) is None
    for base in (("ape",), ("cat", "dog"), ()):
        with pytest.raises(
            PluginError,
            match=r"trained on mini-ref-shapes v0.*Give --checkpoint, or take the version of mini-ref-shapes",
        ):
            method.brought_checkpoint(Fold("mini-ref-shapes", 1, ("hat",), base))


@pytest.mark.parametrize("target", ["tests.tiny:Nothing", "tests.nothing:Reddish", "tests.tiny:write_dataset"])
def test_what_is_no_method_is_an_error(target):
    with pytest.raises(PluginError):
        _ = find_method(target).info


def test_an_object_without_the_three_calls_is_refused():
    with pytest.raises(PluginError, match=r"lacks adapt\(support\)"):
        find_method("tests.fsbench.methods.test_registry:Half").create({})


class Half:
    info = MethodInfo(name="half", version="1", summary="no method")

    def prepare(self, fold):
        """The only one of the three."""


def test_a_name_other_than_the_registered_one_is_an_error_that_says_both():
    methods = registered_methods([point("rot", "tests.tiny:Reddish", "mine")])
    with pytest.raises(PluginError, match=r"'rot' \(registered by mine 1\.0\) calls itself 'reddish'"):
        _ = methods["rot"].info


METHOD = """
from fsbench.methods import MethodInfo
from fsbench.methods.contract import Fold
from tests.tiny import Reddish
import beside

class Mine(Reddish):
    info = MethodInfo(name="mine", version="1", summary="what is red")
    word = beside.WORD
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A folder with a method in mine.py, which needs the file beside it, as the working folder."""
    (tmp_path / "mine.py").write_text(METHOD)
    (tmp_path / "beside.py").write_text("WORD = 'here'")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("mine", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["mine:Mine", "mine.py:Mine", "./mine.py:Mine", "{folder}/mine.py:Mine"])
def test_a_method_in_the_working_folder_is_found_and_stays_so_elsewhere(written, target, monkeypatch, tmp_path_factory):
    found = find_method(target.format(folder=written))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert found.info.name == "mine"
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert "factory" not in vars(again)
    assert again.create({"threshold": "7"}).threshold == 7


def test_a_worker_process_finds_the_file_by_itself(written):
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).factory.word)"
    sent = pickle.dumps(find_method("mine.py:Mine")).hex()
    done = subprocess.run([sys.executable, "-c", code, sent], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "here\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such.py:A", r"no_such\.py: there is no such file"),
        ("no_such:A", "modules were also looked for in "),
        ("mine.py:Yours", r"mine\.py: there is no 'Yours' in it\. .*'?Mine'?"),
        ("mine.py", r"A file's method is mine\.py:CLASS"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(written, target, message):
    with pytest.raises(PluginError, match=message) as caught:
        _ = find_method(target).info
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", ["1 / 0", "raise SystemExit(3)", "import no_such_module", "def f(:"])
def test_a_module_that_fails_is_one_line_with_the_place(written, code):
    (written / "bad.py").write_text(f"import os\n{code}\n")
    with pytest.raises(PluginError, match=r"bad\.py.*line 2") as caught:
        _ = find_method("bad.py:Bad").info
    assert "\n" not in str(caught.value)


def test_an_instance_is_used_as_it_is_and_tells_its_options():
    method = Reddish(threshold=20)
    found = find_method(method)
    assert found.create({}) is method
    assert found.resolve({}) == {"threshold": 20, "checkpoint": None}
    assert found.missing("mini-ref-shapes") == []
    with pytest.raises(PluginError, match="is made already"):
        found.resolve({"threshold": 3})


def test_an_instance_travels_pickled_and_is_the_same_each_time():
    found = find_method(Reddish(threshold=20))
    one, other = (pickle.loads(pickle.dumps(found)) for _ in range(2))
    assert one == other == found
    assert one.create({}).threshold == 20
    assert find_method(Reddish(threshold=20)) != found


class Secretive(Reddish):
    """Keeps its option under another name."""

    def __init__(self, level: int = 1) -> None:
        super().__init__(level)


def test_instances_that_do_not_show_their_options_differ_by_what_they_hold():
    one, same, other = (find_method(Secretive(level)).resolve({}) for level in (1, 1, 2))
    assert one == same != other


def test_a_class_is_made_with_options():
    assert find_method(Reddish).create({"threshold": "7"}).threshold == 7


def test_what_cannot_travel_is_said_when_it_is_to_travel():
    class Local(Reddish):
        """A class of a function."""

    found = find_method(Local())
    assert isinstance(found.create({}), Local)
    with pytest.raises(PluginError, match="run with one worker"):
        pickle.dumps(found)


class Failing(Reddish):
    def __init__(self) -> None:
        raise ZeroDivisionError("of its own making")


def test_an_error_in_a_constructor_is_one_line_that_names_the_method():
    with pytest.raises(PluginError, match=r"test_registry:Failing' cannot be made: ZeroDivisionError: of its own mak"):
        find_method("tests.fsbench.methods.test_registry:Failing").create({})


class Wide(Reddish):
    def segment(self, clip, expressions):
        """Has forgotten what was learnt."""


def test_a_signature_that_does_not_fit_is_an_error_before_any_work():
    with pytest.raises(PluginError, match=r"segment\(clip, expressions\) is called with"):
        find_method(Wide).create({})


@pytest.mark.parametrize(
    ("name", "known"),
    [("shiped_checkpoint", "shipped_checkpoint"), ("need", "needs"), ("tarin", "train"), ("num_parameter", "num_par")],
)
def test_a_name_that_is_nearly_of_the_contract_is_an_error(name, known):
    kind = type("Nearly", (Reddish,), {name: ()})
    with pytest.raises(PluginError, match=f"has '{name}', which means nothing. Is it meant to be '{known}"):
        _ = find_method(kind).info


def test_a_required_name_that_is_nearly_right_is_named():
    members = {"info": Half.info, "prepare": Half.prepare, "adpat": len, "segment": Reddish.segment}
    with pytest.raises(PluginError, match=r"has 'adpat', which means nothing\. Is it meant to be 'adapt'"):
        _ = find_method(type("Nearly", (), members)).info


@pytest.mark.parametrize("name", ["trained", "prepared", "seeds", "pins", "information", "convert_masks"])
def test_names_of_a_method_s_own_are_left_alone(name):
    assert find_method(type("Own", (Reddish,), {name: 1})).info.name == "reddish"


def test_needs_are_several_texts():
    with pytest.raises(PluginError, match="'needs' is a text"):
        _ = find_method(type("Needy", (Reddish,), {"needs": "a licence"})).info


def test_without_its_extras_a_method_can_neither_be_trained_nor_converted(tmp_path):
    for ask in (lambda m: m.train({}, None), lambda m: m.convert({}, tmp_path)):
        with pytest.raises(PluginError, match=r"'reddish' (cannot be trained|has no checkpoints)"):
            ask(find_method(Reddish))


class Placed(Reddish):
    def __init__(self, device: str = "auto") -> None:
        super().__init__()
        self.device = device


def test_auto_reaches_a_method_as_a_device_that_is_there_and_the_run_s_options_keep_it():
    found = find_method(Placed)
    assert found.resolve({"device": "auto"}) == {"device": "auto"}
    for given in ({}, {"device": "auto"}):
        assert found.create(given).device in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("device", ["cuda:99", "no-such-device"])
def test_a_device_that_is_not_there_is_one_line_with_those_that_are(device):
    with pytest.raises(PluginError, match=f"no device '{device}' on this machine. Pass .*--device cpu, or") as caught:
        find_method(Placed).create({"device": device})
    assert "\n" not in str(caught.value)


def test_a_method_without_a_device_needs_no_torch():
    code = (
        "import sys; from fsbench.methods.registry import find_method; "
        "find_method('empty').create({}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
