import gc
import sys

import numpy as np
import pytest

from fsbench.memory import keep_freed_memory
from fsbench.memory import without_collector

resource = pytest.importorskip("resource")


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux alone")
def test_memory_that_is_kept_is_taken_again_without_page_faults():
    keep_freed_memory(16 << 20)

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            several = [np.ones(1 << 20, np.uint8) for _ in range(3)]
            del several
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    assert faults() < 20 * 3 * 256 / 4  # a page has 4 KiB


@pytest.fixture
def nothing_frozen():
    """Undoes for one test what speeds up all."""
    was_frozen = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if was_frozen:
        gc.freeze()


def test_records_that_were_made_without_the_collector_are_not_looked_through_when_it_is_on_again(nothing_frozen):
    with without_collector():
        made = [[number] for number in range(2000)]
    assert gc.isenabled()
    assert any(each is made[0] for each in gc.get_objects(generation=2))


def test_what_somebody_froze_stays_frozen(nothing_frozen):
    gc.freeze()
    frozen = gc.get_freeze_count()
    with without_collector():
        made = [[number] for number in range(2000)]
    assert gc.get_freeze_count() >= frozen - 100  # less what was let go of since
    assert not any(each is made[0] for each in gc.get_objects(generation=2))
