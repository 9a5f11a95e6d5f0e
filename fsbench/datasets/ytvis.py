"""YouTube-VIS, and sets in the form of its file."""

from fsbench.datasets.spec import Layout

__all__ = ["CATEGORIES", "LAYOUT"]

LAYOUT = Layout(
    metadata=(),
    expressions=(),
    images=("train/JPEGImages", "JPEGImages"),
    suffixes=(".jpg",),
    annotations=(),
    masklets=(
        "train.json",
        "train/train.json",
        "train/instances.json",
        "instances.json",
        "annotations/instances_train_sub.json",
        "annotations/youtube_vis_2019_train.json",
        "annotations/train.json",
    ),
)
"""Where repositories ask for the file of the training part: beside its pictures, above them, or in `annotations/`."""

CATEGORIES = tuple(
    """person giant_panda lizard parrot skateboard sedan ape dog snake monkey hand rabbit duck cat cow fish train horse
    turtle bear motorbike giraffe leopard fox deer owl surfboard airplane truck zebra tiger elephant snowboard boat
    shark mouse frog eagle earless_seal tennis_racket""".split()
)
"""The 40 categories of YouTube-VIS 2019 in the order of their ids, 1 to 40."""
