"""Names that mean the same class, and what sentences call it besides."""

import re
from collections.abc import Iterable
from functools import cache
from functools import lru_cache

__all__ = ["called", "same_thing", "with_s", "words_in"]

_WORD = re.compile("[a-z0-9]+")

# Other names -> those that corpora of training use.
_SYNONYMS = {
    "aeroplane": "airplane",
    "plane": "airplane",
    "aircraft": "airplane",
    "airliner": "airplane",
    "bike": "bicycle",
    "motorbike": "motorcycle",
    "motor bike": "motorcycle",
    "sedan": "car",
    "automobile": "car",
    "minivan": "car",
    "lorry": "truck",
    "pickup": "truck",
    "pickup truck": "truck",
    "ship": "boat",
    "sailboat": "boat",
    "speedboat": "boat",
    "cattle": "cow",
    "bull": "cow",
    "calf": "cow",
    "puppy": "dog",
    "kitten": "cat",
    "pony": "horse",
    "lamb": "sheep",
    "panda": "giant panda",
    "hare": "rabbit",
    "bunny": "rabbit",
    "toad": "frog",
    "tortoise": "turtle",
    "alligator": "crocodile",
    "seal": "earless seal",
    "human": "person",
    "people": "person",
    "man": "person",
    "woman": "person",
    "child": "person",
    "pedestrian": "person",
    "sofa": "couch",
    "settee": "couch",
    "television": "tv",
    "tv monitor": "tv",
    "tvmonitor": "tv",
    "mobile phone": "cell phone",
    "cellphone": "cell phone",
    "pottedplant": "potted plant",
    "flowerpot": "potted plant",
    "diningtable": "dining table",
    "tennis racquet": "tennis racket",
    "racket": "tennis racket",
    "oar": "paddle",
    "doughnut": "donut",
    "fridge": "refrigerator",
    "skis": "ski",
    "cap": "hat",
    "tram": "streetcar",
}

# Other words for classes, beside those of `same_thing`: what a child, a man or a kind of them is called, and what they
# all are called. People are also called by what they do.
_OTHER_WORDS = {
    "airplane": "jet airbus boeing",
    "bear": "cub panda",
    "bird": "pigeon dove chicken hen rooster duck mallard goose swan eagle owl parrot parakeet flamingo penguin",
    "boat": "canoe kayak yacht ferry",
    "car": "vehicle van jeep taxi suv",
    "cow": "buffalo ox wildebeest",
    "deer": "fawn moose elk antelope doe stag reindeer",
    "dog": "retriever husky poodle hound pup",
    "dolphin": "orca",
    "duck": "duckling mallard goose swan bird",
    "fish": "goldfish catfish stingray",
    "giant panda": "bear",
    "hand": "arm finger fist",
    "hat": "helmet headgear hood beanie headband",
    "hedgehog": "porcupine",
    "horse": "foal mare stallion donkey mule",
    "leopard": "cheetah jaguar cat",
    "lion": "lioness cat",
    "lizard": "gecko iguana dragon chameleon",
    "monkey": "ape chimpanzee gorilla baboon",
    "motorcycle": "scooter moped bike",
    "mouse": "rat hamster rodent",
    "parrot": "parakeet macaw cockatoo cockatiel budgie bird",
    "penguin": "bird",
    "person": """guy boy girl lady gentleman kid baby toddler someone adult rider biker cyclist bicyclist driver player
        skater skateboarder snowboarder surfer skier swimmer diver dancer runner walker jogger racer jockey cowboy
        soldier singer performer""",
    "plant": "tree flower bush shrub leaf fern cactus",
    "raccoon": "racoon",
    "shark": "fish",
    "sheep": "ram ewe goat",
    "snail": "slug",
    "snake": "cobra python viper",
    "squirrel": "chipmunk",
    "tiger": "cat",
    "train": "subway locomotive",
    "truck": "semitruck semi tanker trailer",
    "whale": "orca",
}

_PLURALS = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "leaf": "leaves",
    "man": "men",
    "mouse": "mice",
    "ox": "oxen",
    "person": "people",
    "woman": "women",
}


def same_thing(name: str) -> str:
    """Returns one name for all names of a class: in lower case, with blanks between words, the usual synonym."""
    return _SYNONYMS.get(_plain(name), _plain(name))


@cache
def called(name: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Returns what a sentence may call a class, one of it or several, in lower case, with blanks between words.

    They are its name; all names that `same_thing` takes for those of one class; and other words for it.
    """
    usual = same_thing(name)
    names = [usual, *(other for other, each in _SYNONYMS.items() if each == usual)]
    return _plurals([_plain(name)]), _plurals(names), _plurals(_OTHER_WORDS.get(usual, "").split())


@lru_cache(maxsize=1 << 16)  # what is asked of a sentence is asked in several places
def words_in(text: str) -> tuple[str, ...]:
    """Returns the words of a sentence: runs of letters and digits, in lower case."""
    return tuple(_WORD.findall(text.lower()))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def _plurals(names: Iterable[str]) -> frozenset[str]:
    """Returns names, and what several of them are called."""
    found = set(names)
    for name in tuple(found):
        *first, last = name.split(" ")
        found |= {" ".join([*first, each]) for each in (_PLURALS.get(last, last), *with_s(last))}
    return frozenset(found)


def with_s(word: str) -> tuple[str, ...]:
    """Returns what a word may be with an s at its end: of several things, or of one that does something."""
    return f"{word}s", f"{word}es", re.sub("y$", "ies", word)
