"""Which classes the usual corpora of training hold, so that a novel class that weights have seen is found out.

The lists are of ordinary names for what a corpus labels. One that is not here says nothing: of CLIP's pairs or SA-1B's
masks nobody has a list of classes. Where a corpus has finer classes (118 breeds of dogs), their common name stands for
them.
"""

import re
from collections.abc import Iterable

from fsbench.datasets.naming import same_thing

__all__ = ["corpora_named", "corpora_with"]

# https://cocodataset.org, the 80 categories of 2014 to 2017.
_COCO = """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant,
stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack,
umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove,
skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple,
sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table,
toilet, tv, laptop, computer mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book,
clock, vase, scissors, teddy bear, hair drier, toothbrush"""

# http://host.robots.ox.ac.uk/pascal/VOC, the 20 classes of 2007 to 2012.
_VOC = """airplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, dining table, dog, horse,
motorcycle, person, potted plant, sheep, couch, train, tv"""

# https://youtube-vos.org, the categories of the training videos of 2018 and 2019.
_YOUTUBE_VOS = """airplane, ape, bear, bicycle, bird, boat, bucket, bus, camel, cat, cow, crocodile, deer, dog,
dolphin, duck, eagle, earless seal, elephant, fish, fox, frisbee, frog, giant panda, giraffe, hand, hat,
hedgehog, horse, knife, leopard, lion, lizard, monkey, motorcycle, mouse, owl, paddle, parachute, parrot,
penguin, person, plant, rabbit, raccoon, car, shark, sheep, sign, skateboard, snail, snake, snowboard, squirrel,
surfboard, tennis racket, tiger, toilet, train, truck, turtle, umbrella, whale, zebra"""

# https://image-net.org/challenges/LSVRC/2012: the ordinary names of its 1000 synsets, or of groups of them, as far as
# benchmarks like these could hold them. Persons are its ball players, grooms and scuba divers, plants its daisies,
# rapeseed and corn. It has no giraffe, deer, raccoon, dolphin or earless seal.
_IMAGENET = """person, plant, fish, shark, stingray, bird, ostrich, eagle, vulture, owl, parrot, duck, goose,
swan, flamingo, pelican, penguin, peacock, hen, rooster, hummingbird, toucan, crane, frog, turtle, lizard,
crocodile, alligator, dinosaur, snake, spider, scorpion, snail, slug, crab, lobster, starfish, jellyfish,
butterfly, bee, ant, grasshopper, beetle, dragonfly, dog, wolf, fox, cat, leopard, snow leopard, jaguar, lion,
tiger, cheetah, hyena, bear, polar bear, meerkat, mongoose, rabbit, hamster, hedgehog, porcupine, squirrel,
beaver, guinea pig, horse, zebra, pig, warthog, hippopotamus, cow, ox, bison, sheep, goat, antelope, gazelle,
camel, llama, weasel, otter, skunk, badger, armadillo, sloth, ape, gorilla, chimpanzee, orangutan, monkey,
baboon, elephant, red panda, giant panda, koala, kangaroo, wombat, platypus, whale, sea lion, dugong, airplane,
airship, balloon, ambulance, bus, car, truck, fire engine, tractor, tank, train, streetcar, bicycle, motorcycle,
boat, ship, canoe, submarine, snowmobile, golf cart, forklift, unicycle, tricycle, parachute, umbrella, hat,
helmet, backpack, suitcase, bucket, paddle, tennis racket, ball, basketball, soccer ball, tennis ball, rugby
ball, golf ball, ski, scooter, knife, hammer, guitar, violin, piano, drum, bottle, cup, bowl, plate, vase,
potted plant, chair, couch, bed, dining table, bookcase, lamp, clock, tv, laptop, computer mouse, keyboard,
remote, cell phone, microwave, toaster, refrigerator, washing machine, toilet, bathtub, sign, traffic light,
parking meter, mailbox, banana, apple, orange, lemon, strawberry, pineapple, broccoli, pizza, hot dog,
hamburger, ice cream, mushroom, teddy bear, swing, tent, wheelbarrow, shopping cart"""

# https://github.com/cvdfoundation/kinetics-dataset: 400 actions, in which people do something with or to these.
_KINETICS = """person, hand, dog, cat, horse, camel, elephant, mule, cow, sheep, goat, bird, fish, snake,
bicycle, motorcycle, car, tractor, truck, scooter, unicycle, boat, canoe, surfboard, skateboard, snowboard, ski,
parachute, frisbee, hat, tennis racket, baseball bat, basketball, soccer ball, ball, guitar, violin, piano,
drum, hammer, knife, computer"""

# https://groups.csail.mit.edu/vision/datasets/ADE20K: of the 150 classes for scene parsing those that move.
_ADE20K = """person, car, boat, bus, truck, airplane, van, bicycle, motorcycle, animal, plant, tree, flag, ball,
ship, chair, couch, bed, table, bottle, bag, book, clock, tv, computer, toilet, sink, refrigerator, lamp, vase,
basket, tent"""

# https://www.cityscapes-dataset.com: the classes of things.
_CITYSCAPES = "person, rider, car, truck, bus, train, motorcycle, bicycle, sign, traffic light"

_CORPORA = {
    # Names in a declaration, in lower case; longer ones go before those that they hold.
    r"ref-?youtube-?vos|ref-?ytvos|youtube-?vos|youtube-?vis|ytvos|ytvis": ("YouTube-VOS", _YOUTUBE_VOS),
    # Their pictures and objects are COCO's. Objects365 has COCO's 80 classes among its own.
    r"ref-?coco(?:\+|g)?(?:/\+)?(?:/g)?|g-?ref": ("RefCOCO", _COCO),
    r"(?:ms-?)?coco(?:-?stuff)?(?:-?20\d\d)?": ("COCO", _COCO),
    r"lvis": ("LVIS", _COCO),
    r"objects-?365": ("Objects365", _COCO),
    r"image-?net(?:-?(?:1k|21k|22k|1000))?|ilsvrc(?:-?20\d\d)?": ("ImageNet-1k", _IMAGENET),
    r"(?:pascal-?)?voc(?:-?20\d\d)?|sbd": ("PASCAL VOC", _VOC),
    r"kinetics(?:-?[4-7]00)?": ("Kinetics", _KINETICS),
    r"ade-?20k": ("ADE20K", _ADE20K),
    r"cityscapes": ("Cityscapes", _CITYSCAPES),
}


def corpora_named(declared: Iterable[str]) -> tuple[str, ...]:
    """Returns the corpora that texts such as "ImageNet-1k (features)" name, by their names here."""
    texts = [re.sub(r"[\s_]+", "-", text.lower()) for text in declared]
    found = (
        name
        for pattern, (name, _) in _CORPORA.items()
        if any(re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", text) for text in texts)
    )
    return tuple(dict.fromkeys(found))


def corpora_with(class_name: str, corpora: Iterable[str]) -> tuple[str, ...]:
    """Returns those of some corpora that hold a class."""
    wanted, lists = same_thing(class_name), dict(_CORPORA.values())
    return tuple(name for name in corpora if wanted in {same_thing(each) for each in lists[name].split(",")})
