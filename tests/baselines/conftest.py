"""What trainings of the methods leave out where tests ask about something else."""

from collections.abc import Iterator

import pytest

from fsbench.files import write_whole
from fsbench_baselines.training import loop


@pytest.fixture(scope="package", autouse=True)
def sketch() -> Iterator[None]:
    """A picture takes longer than all steps of a tiny model; test_journal.py and test_faults.py have the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curve", lambda journal, picture: write_whole(picture, b""))
        yield
