"""What is known of MiniVSPW (Siam, Temporal Transductive Inference) without its files."""

__all__ = ["CATEGORIES", "FOLDS"]

FOLDS = (
    ("airplane", "bicycle", "ship_or_boat", "bottle_or_cup", "book"),
    ("bus", "car", "cat", "chair_or_seat", "truck"),
    ("dog", "horse", "motorcycle", "person", "table_or_desk"),
    ("flower_pot_or_vase", "sofa", "train", "screen_or_television", "cattle"),
)
"""The classes of MiniVSPW that each fold tests, as VSPW calls them."""

CATEGORIES = tuple(name for names in zip(*FOLDS, strict=True) for name in names)
"""The 20 classes, ordered so that class i is tested in fold (i - 1) % 4 + 1."""
