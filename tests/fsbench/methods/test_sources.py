import importlib
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from fsbench.methods.loading import load
from fsbench.methods.registry import find_method
from fsbench.methods.sources import source_digest

FILES = {
    "pack/__init__.py": "",
    "pack/method.py": "from pack import shared\nfrom .deep.inner import VALUE\n\n\nclass Method:\n    value = VALUE\n",
    "pack/shared.py": "def late():\n    import pack.lazy\n",
    "pack/lazy.py": "x = 1\n",
    "pack/deep/__init__.py": "",
    "pack/deep/inner.py": "from ..other import VALUE\n",
    "pack/other.py": "VALUE = 1\n",
    "pack/unrelated.py": "y = 1\n",
    "elsewhere.py": "z = 1\n",
}
USED = sorted(FILES.keys() - {"pack/unrelated.py", "elsewhere.py"})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The digest of a method in a package that is written anew, given changes of its files."""
    monkeypatch.syspath_prepend(tmp_path)

    def digest(**changes):
        for name, text in {**FILES, **changes}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.partition(".")[0] in ("pack", "elsewhere")]:
            del sys.modules[name]
        return source_digest(importlib.import_module("pack.method").Method)

    yield digest
    for name in [name for name in sys.modules if name.partition(".")[0] == "pack"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", USED)
def test_an_edit_of_whatever_a_method_imports_from_its_package_changes_its_digest(package, name):
    assert package() != package(**{name: FILES[name] + "# edited\n"})


@pytest.mark.parametrize("name", ["pack/unrelated.py", "elsewhere.py"])
def test_an_edit_of_what_it_does_not_import_or_of_another_package_does_not(package, name):
    assert package() == package(**{name: FILES[name] + "# edited\n"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.sampled_from(USED), st.text("abc =1\n", min_size=1, max_size=12))
def test_any_edit_of_any_of_its_files_changes_the_digest(package, name, text):
    assert package() != package(**{name: f"{FILES[name]}#{text.replace(chr(10), ' ')}"})


def test_a_file_s_method_counts_with_what_it_imports_from_its_folder(tmp_path):
    source = "import helper_of_file\n\n\nclass Own:\n    info = None\n"
    digests = []
    for number, helper in enumerate(("a = 1\n", "a = 2\n", "a = 1\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "own.py").write_text(source)
        (folder / "helper_of_file.py").write_text(helper)
        sys.modules.pop("helper_of_file", None)
        sys.path[:] = [place for place in sys.path if not place.startswith(str(tmp_path))]
        digests.append(source_digest(load(f"{folder}/own.py:Own")))
    assert digests[0] == digests[2] != digests[1]


CELL = """
import functools
import numpy as np

LEVEL = 1
TABLE = {"a": [1, 2], "b": np.zeros(2)}

def helper(value, scale=1):
    return [each * LEVEL for each in TABLE["a"]] + [value * scale]

def closed(number):
    return lambda self: number

class Base:
    share = 0.5

class Cell(Base):
    size = 3
    kinds = {"x", "y", "z"}
    bound = closed(7)
    info = property(lambda self: self.size)

    @staticmethod
    def segment(clip):
        return helper(clip)

    def again(self):
        return self.again
"""


def _typed(text, file="<cell 1>"):
    names = {"__name__": "of_a_notebook"}
    exec(compile(text, file, "exec"), names)
    return names["Cell"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size = 3", "size = 4"),
        ("LEVEL = 1", "LEVEL = 2"),
        ("[1, 2]", "[1, 3]"),
        ("zeros(2)", "ones(2)"),
        ("scale=1", "scale=2"),
        ("value * scale", "value + scale"),
        ("share = 0.5", "share = 0.6"),
        ("closed(7)", "closed(8)"),
        ("self.size)", "self.share)"),
        ('"z"}', '"w"}'),
    ],
)
def test_a_class_without_a_source_counts_by_its_compiled_code_and_all_that_it_refers_to(old, new):
    assert CELL.count(old) == 1
    assert source_digest(_typed(CELL)) != source_digest(_typed(CELL.replace(old, new)))


def test_where_a_class_without_a_source_was_typed_does_not_count():
    assert source_digest(_typed(CELL)) == source_digest(_typed(f"# moved\n\n{CELL}UNUSED = 5\n", "<cell 2>"))


def test_what_is_partly_applied_counts_with_the_module_of_its_function_and_what_was_given(package):
    def partly(*given, **files):
        package(**files)
        return source_digest(partial(sys.modules["pack.method"].Method, *given))

    edited = {"pack/other.py": "VALUE = 2\n"}
    assert partly(1) == partly(1)
    assert len({partly(), partly(1), partly(2), partly(1, **edited)}) == 4


def test_the_module_that_a_user_names_counts(tmp_path):
    (tmp_path / "elsewhere_of_user.py").write_text("class Own:\n    info = None\n")
    digests = []
    for number in (1, 2, 1):
        (tmp_path / "named.py").write_text(f"from elsewhere_of_user import Own\nOwn.value = {number}\n")
        digests.append(find_method(f"{tmp_path}/named.py:Own").source_sha256)
    assert digests[0] == digests[2] != digests[1]


def test_a_declared_method_counts_with_its_code_which_is_not_imported():
    script = (
        "import sys\n"
        "from fsbench.methods.registry import find_method\n"
        "from fsbench.methods.sources import source_digest\n"
        "print(len({source_digest(find_method(name).factory) for name in ('cma', 'referformer', 'danet')}))\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3", "[]"]
