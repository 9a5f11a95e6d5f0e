"""The benchmark that says how well a backbone tells classes apart (`benchmarks/features.py`)."""

import numpy as np
import pytest

from benchmarks.features import told_apart


def by_hand(features, classes):
    standard = (features - features.mean(0)) / features.std(0)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    shares = []
    for i, own in enumerate(classes):
        won = [
            standard[i] @ standard[j] > standard[i] @ standard[k]
            for j, same in enumerate(classes)
            for k, other in enumerate(classes)
            if j != i and same == own and other != own
        ]
        shares.append(np.mean(won))
    return np.mean(shares)


def test_it_is_the_share_of_triples_in_which_the_class_wins():
    generator = np.random.default_rng(0)
    classes = list("aaabbbbcc")
    features = generator.normal(size=(9, 5)) + [[ord(name) % 3, 0, 0, 0, 0] for name in classes]
    assert told_apart(features, classes) == pytest.approx(by_hand(features, classes), abs=1e-12)


def test_classes_that_lie_apart_are_always_told_and_a_channel_that_says_nothing_changes_nothing():
    generator = np.random.default_rng(1)
    classes = list("aaabbbccc")
    features = np.eye(3)[[ord(name) - ord("a") for name in classes]] + generator.normal(size=(9, 3)) / 100
    assert told_apart(features, classes) == told_apart(np.pad(features, ((0, 0), (0, 1))), classes) == 1


def test_noise_is_told_by_chance():
    generator = np.random.default_rng(2)
    classes = [name for name in "abcdefgh" for _ in range(6)]
    shares = [told_apart(generator.normal(size=(48, 20)), classes) for _ in range(40)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
