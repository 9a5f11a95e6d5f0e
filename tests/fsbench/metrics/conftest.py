import pytest

from fsbench.metrics import _pure
from fsbench.metrics import counts

try:
    from fsbench.metrics import _kernel
except ImportError:
    _kernel = None


@pytest.fixture(scope="module", params=["C", "numpy"])
def kernel(request):
    """Makes all counts of a test come from one kernel, then from the other."""
    chosen = {"C": _kernel, "numpy": _pure}[request.param]
    if chosen is None:
        pytest.skip("fsbench.metrics._kernel is not built: python setup.py build_ext --inplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "kernel", chosen)
        yield chosen
