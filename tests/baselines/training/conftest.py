"""What keeps one training of a test from another: accelerate's state is one for the whole process."""

from collections.abc import Iterator

import pytest
from accelerate.state import AcceleratorState

from fsbench.files import write_whole
from fsbench_baselines.training import loop


@pytest.fixture(autouse=True)
def sketch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture would take longer than all steps of a toy; test_journal.py and test_faults.py have the real ones."""
    monkeypatch.setattr(loop, "draw_curve", lambda journal, picture: write_whole(picture, b""))


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
