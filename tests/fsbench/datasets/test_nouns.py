import json

import pytest

from fsbench.datasets.nouns import category_of
from fsbench.datasets.refytvos import MINI_CATEGORIES

SAID = {
    "dog": ["The puppy behind a cat", "a brown dog", "it runs"],
    "person": ["Two women, who ride horses"],
    "giant_panda": ["pandas", "panda"],
    "earless_seal": ["a seal on ice"],
    "skateboard": ["a skateboard under a man"],
    "leopard": ["two cheetahs and a cat"],
    "unknown": ["something that moves", ""],
}


@pytest.mark.parametrize("category", SAID)
def test_an_object_is_what_most_of_its_sentences_name_first(category):
    assert category_of(SAID[category]) == category


def test_where_two_are_level_or_nothing_is_said_it_is_not_known():
    assert category_of(["a dog", "a cat"]) == "unknown"
    assert category_of([]) == "unknown"
    assert category_of(["a dog", "a cat", "the cat near the dog"]) == "cat"


def test_on_real_sentences_it_is_right_for_nearly_all_videos_that_it_takes(test_data):
    root = test_data / "ref-youtube-vos"
    meta = json.loads((root / "train/meta.json").read_text())["videos"]
    texts = json.loads((root / "meta_expressions/train/meta_expressions.json").read_text())["videos"]
    taken = right = 0
    for video, content in meta.items():
        said = {}
        for each in texts.get(video, {"expressions": {}})["expressions"].values():
            said.setdefault(str(each["obj_id"]), []).append(each["exp"])
        found = {category_of(said.get(number, [])) for number in content["objects"]}
        if len(found) == 1 and found <= set(MINI_CATEGORIES):
            taken += 1
            right += found == {item["category"] for item in content["objects"].values()}
    assert (taken, right) == (1941, 1871)
