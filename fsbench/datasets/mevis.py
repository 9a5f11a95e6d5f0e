"""MeViS, ReVOS and sets that borrow their layout: a sentence names annotations, whose masks are run lengths."""

from fsbench.datasets.spec import Layout

__all__ = ["LAYOUT"]

_LEVELS = ("", "train/")

LAYOUT = Layout(
    metadata=tuple(f"{level}categories.json" for level in _LEVELS),
    expressions=(
        *(f"{level}meta_expressions.json" for level in _LEVELS),
        "meta_expressions_train_.json",
        "meta_expressions_valid_.json",
    ),
    images=tuple(f"{level}JPEGImages" for level in _LEVELS),
    suffixes=(".jpg", ".png"),
    annotations=(),
    masks=tuple(f"{level}mask_dict.json" for level in _LEVELS),
)
"""A part of MeViS (`train/`, `valid_u/`), the folder that holds its `train/`, or ReVOS with both of its lists.

The releases do not say what an object is. `categories.json`, {annotation: category}, whose form is ours, does; without
it the sentences do (see `fsbench.datasets.nouns`).
"""
