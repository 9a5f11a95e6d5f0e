"""Names that mean the same class."""

import re

__all__ = ["names_of", "same_thing"]

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


def same_thing(name: str) -> str:
    """Returns one name for all names of a class: in lower case, with blanks between words, the usual synonym."""
    plain = re.sub(r"[\s_-]+", " ", name).strip().lower()
    return _SYNONYMS.get(plain, plain)


def names_of(name: str) -> frozenset[str]:
    """Returns all names that `same_thing` takes for those of one class, in lower case, with blanks between words."""
    usual = same_thing(name)
    return frozenset({usual, *(other for other, each in _SYNONYMS.items() if each == usual)})
