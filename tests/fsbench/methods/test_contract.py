import numpy as np

from fsbench.methods import Clip


def test_memo_computes_once_for_each_key():
    clip = Clip(np.zeros((2, 4, 6, 3), np.uint8))
    calls = []
    for key in ("a", "a", "b"):
        assert clip.memo(key, lambda key=key: calls.append(key) or key) == key
    assert calls == ["a", "b"]


def test_output_size_is_native_unless_the_protocol_says_otherwise():
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    assert Clip(frames).output_size == (4, 6)
    assert Clip(frames, (8, 12)).output_size == (8, 12)
