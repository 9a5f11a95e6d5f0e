import pickle

import numpy as np

from fsbench.memo import Memo


def test_a_memo_begins_anew_in_another_process():
    memo = Memo(10)
    assert memo("eight", lambda: np.ones(1)) == 1
    copy = pickle.loads(pickle.dumps(memo))
    assert (memo.room, copy.room) == (2, 10)
    assert copy("eight", lambda: np.zeros(1)) == 0
    assert memo("eight", lambda: np.zeros(1)) == 1
