"""Masks that were taken in are let go."""

import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from fsbench.lanes import Lane
from fsbench.running.outcomes import Scorer


@pytest.mark.parametrize("at_most", [1, 1 << 20], ids=["each is waited for", "none is waited for"])
def test_what_is_taken_in_is_kept_in_mind_no_longer(monkeypatch, at_most):
    monkeypatch.setattr("fsbench.running.outcomes._WAITING_BYTES", at_most)
    taken, futures = [], []
    outcome = SimpleNamespace(gathered=[SimpleNamespace(add=taken.append)], go_on=lambda work: work())
    with Lane("scoring", is_beside=False) as lane:
        watched = SimpleNamespace(do=lambda *call: futures.append(weakref.ref(done := lane.do(*call))) or done)
        scorer = Scorer(watched, None, None, None, keep_going=False, is_scored=True)
        for _ in range(50):
            scorer.add(outcome, np.ones((1, 2, 4, 4), bool))
        assert len(taken) == 50
        assert sum(future() is not None for future in futures) == 1
