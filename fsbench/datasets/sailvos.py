"""Mini-Ref-SAIL-VOS, a cross-domain test set from a computer game."""

from fsbench.datasets.trees import layout_of

__all__ = ["CATEGORIES", "LAYOUT"]

LAYOUT = layout_of(is_flat=True, images=("Images", "JPEGImages"), suffixes=(".bmp", ".jpg", ".png"))

CATEGORIES = ("dog", "car", "person")
