import pytest

from tests.tiny import write_dataset


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3, "cat": 2})
