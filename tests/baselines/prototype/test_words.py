import numpy as np
import pytest

from fsbench_baselines.prototype.words import ATTRIBUTES
from fsbench_baselines.prototype.words import measure
from fsbench_baselines.prototype.words import SentenceReader

WORDS = [*ATTRIBUTES]
SYNONYMS = {"crimson": "red", "leftmost": "left"}


def encode(words):
    """One axis for each attribute word, shared by its synonyms; any other word is nought."""
    words = [SYNONYMS.get(word, word) for word in words]
    return np.array([[float(word == known) for known in WORDS] for word in words], dtype=np.float32)


def block(x, y=10, size=6, colour=(200, 40, 40), step=0):
    """One square over three frames of 40 x 60."""
    mask = np.zeros((3, 40, 60), dtype=bool)
    for t in range(3):
        mask[t, y : y + size, x + step * t : x + step * t + size] = True
    return measure(mask, np.where(mask[..., None], np.array(colour, np.uint8), np.uint8(90)), 1.0)


RED = block(5)
BLUE = block(40, y=25, size=10, colour=(50, 80, 200), step=2)


@pytest.mark.parametrize(
    ("sentence", "meant"),
    [
        ("the dog on the left", RED),
        ("the dog on the right", BLUE),
        ("The small one!", RED),
        ("the large one", BLUE),
        ("a blue dog", BLUE),
        ("the crimson one, leftmost", RED),
        ("at the bottom", BLUE),
        ("the moving one", BLUE),
        ("it is standing", RED),
    ],
)
def test_words_for_place_size_colour_and_motion_choose(sentence, meant):
    reader = SentenceReader(encode)
    assert reader.choose(sentence, [RED, BLUE]) is meant
    assert reader.choose(sentence, [BLUE, RED]) is meant


@pytest.mark.parametrize("sentence", ["", "a dog", "42 !?", "x" * 5000])
def test_a_sentence_without_attributes_chooses_nothing(sentence):
    assert SentenceReader(encode).choose(sentence, [RED, BLUE]) is None


def test_no_candidates_and_equal_candidates_leave_the_choice_open():
    reader = SentenceReader(encode)
    assert reader.choose("the left one", []) is None
    assert reader.choose("the left one", [RED, RED]) is None


def test_a_very_long_sentence_is_read_to_its_end():
    assert SentenceReader(encode).choose("word " * 20000 + "left", [BLUE, RED]) is RED
