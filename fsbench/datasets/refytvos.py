"""Ref-YouTube-VOS, full or mini, and sets that borrow its layout."""

from fsbench.datasets.trees import layout_of

__all__ = ["LAYOUT", "MINI_CATEGORIES", "OTHER_CATEGORIES"]

LAYOUT = layout_of(is_flat=False, images=("JPEGImages",), suffixes=(".jpg", ".png"))
"""As the field ships it, below `train/`, and as releases without that level have it."""

MINI_CATEGORIES = tuple(
    """hat plant hand horse raccoon squirrel bus boat crocodile penguin motorbike truck hedgehog lion earless_seal whale
    elephant mouse snail camel shark giraffe tiger frog cat dolphin cow dog bear zebra airplane leopard fox turtle deer
    train sedan sheep fish bird rabbit duck snake monkey parrot lizard giant_panda person""".split()
)
"""The 48 categories of Mini-Ref-YouTube-VOS in the order of their ids, 1 to 48."""

OTHER_CATEGORIES = tuple(
    """ape bike bucket eagle frisbee knife owl paddle parachute sign skateboard snowboard surfboard tennis_racket toilet
    umbrella""".split()
)
"""The categories of Ref-YouTube-VOS besides, but for `others`."""
