"""Named random streams: what is drawn under one name never moves what is drawn under another."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["named_stream", "pick"]

T = TypeVar("T")


def named_stream(seed: int, *names: str | int) -> np.random.Generator:
    """Returns the random stream that belongs to a seed and a name.

    Users draw with `Generator.random` alone: its doubles follow from the bit generator (which numpy never changes),
    while the algorithms behind `choice`, `integers` or `permutation` may change between numpy versions.

    Args:
        seed: The seed that the user chose.
        names: What is drawn, from the general to the particular, e.g. `"support", "mouse", 0`.
    """
    key = "\x1f".join([str(seed), *map(str, names)])
    words = np.frombuffer(hashlib.sha256(key.encode("utf-8")).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist())))


def pick(items: Sequence[T], stream: np.random.Generator) -> T:
    """Returns one of the items, each as probable as the others."""
    return items[int(stream.random() * len(items))]
