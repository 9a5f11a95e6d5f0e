from dataclasses import dataclass

import numpy as np

from fsbench.methods import Clip


def test_memo_computes_once_for_each_key():
    clip = Clip(np.zeros((2, 4, 6, 3), np.uint8))
    calls = []
    for key in ("a", "a", "b"):
        assert clip.memo(key, lambda key=key: calls.append(key) or key) == key
    assert calls == ["a", "b"]


def test_a_clip_anew_has_the_same_frames_and_an_empty_memo():
    clip = Clip(np.zeros((2, 4, 6, 3), np.uint8), (8, 12))
    clip.memo("a", lambda: 1)
    anew = clip.anew()
    assert anew.frames is clip.frames
    assert anew.output_size == (8, 12)
    assert anew.memo("a", lambda: 2) == 2
    assert clip.memo("a", lambda: 3) == 1


def test_output_size_is_native_unless_the_protocol_says_otherwise():
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    assert Clip(frames).output_size == (4, 6)
    assert Clip(frames, (8, 12)).output_size == (8, 12)


@dataclass
class Maps:
    levels: list[np.ndarray]
    name: str = "maps"


def test_memo_keeps_no_more_than_its_limit():
    clip = Clip(np.zeros((2, 4, 6, 3), np.uint8), memo_limit=1000)
    calls = []

    def compute(size):
        calls.append(size)
        return Maps([np.zeros(size // 2, np.uint8), np.zeros(size - size // 2, np.uint8)])

    for _ in range(2):
        clip.memo("small", lambda: compute(600))
        clip.memo("large", lambda: compute(401))
        clip.memo("fits", lambda: {"a": (compute(400),)})
    assert calls == [600, 401, 400, 401]
