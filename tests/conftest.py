"""What all tests share: the places of data that is too large or not ours to commit."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# One thread a process: pytest runs two, and threads of small computations wait for one another. Before torch is loaded.
# A process that a test starts, and that has its share from there, keeps it.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(name, "1")

# A loaded machine is no failure.
settings.register_profile("fsbench", deadline=None)
settings.load_profile("fsbench")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Packages and tests stay to the end: no search for garbage goes through their half a million objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """A file is whole for every reader without; only power cuts need it, and no test makes one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real data sets; set FSBENCH_TEST_DATA where it is not beside the repository."""
    return _folder("FSBENCH_TEST_DATA", ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def test_golden() -> Path:
    """Folder of numbers from the released models; set FSBENCH_TEST_GOLDEN where it is not beside the repository."""
    return _folder("FSBENCH_TEST_GOLDEN", ROOT.parent / "shared" / "golden")


def _folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable) or default)
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; {variable} names the folder")
    return folder
