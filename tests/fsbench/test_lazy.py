import importlib
import subprocess
import sys

import pytest

PACKAGES = ["fsbench", "fsbench_baselines.danet", "fsbench_baselines.referformer", "fsbench_cma"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_the_names_that_it_promises_and_lists_them(name):
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    for promised in package.__all__:
        assert getattr(package, promised).__name__ == promised
        assert promised in vars(package), "what was used once is not looked up again"


@pytest.mark.parametrize("name", PACKAGES)
def test_another_name_is_no_attribute_and_near_ones_are_known(name):
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match=rf"module '{name}' has no attribute 'no_such_name'") as caught:
        _ = package.no_such_name
    assert (caught.value.name, caught.value.obj) == ("no_such_name", package)
    assert not hasattr(package, "__path_of_another_package__")


def test_importing_a_package_loads_nothing_that_its_names_need():
    code = (
        "import sys, importlib\n"
        f"for name in {PACKAGES}:\n"
        "    importlib.import_module(name)\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'pandas', 'fsbench.api'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
