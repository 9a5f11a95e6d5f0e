"""What keeps one training of a test from another: accelerate's state is one for the whole process."""

from collections.abc import Iterator

import pytest
from accelerate.state import AcceleratorState


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
