import sys

import numpy as np
import pytest

from fsbench.memory import keep_freed_memory

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
