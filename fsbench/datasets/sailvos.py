"""Mini-Ref-SAIL-VOS, a cross-domain test set from a computer game."""

from fsbench.datasets.spec import Layout

__all__ = ["CATEGORIES", "LAYOUT"]

LAYOUT = Layout(
    metadata="meta.json",
    expressions="meta_expressions.json",
    images=("Images", "JPEGImages"),
    suffixes=(".bmp", ".jpg", ".png"),
    annotations="Annotations",
)

CATEGORIES = ("dog", "car", "person")
