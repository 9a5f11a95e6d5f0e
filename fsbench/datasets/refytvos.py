"""Ref-YouTube-VOS, full or mini, and sets that borrow its layout."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsbench.datasets.spec import Layout
from fsbench.errors import DataError

__all__ = ["LAYOUT", "MINI_CATEGORIES", "author_groups"]

LAYOUT = Layout(
    metadata="train/meta.json",
    expressions="meta_expressions/train/meta_expressions.json",
    images=("train/JPEGImages",),
    suffixes=(".jpg", ".png"),
    annotations="train/Annotations",
)

MINI_CATEGORIES = tuple(
    """hat plant hand horse raccoon squirrel bus boat crocodile penguin motorbike truck hedgehog lion earless_seal whale
    elephant mouse snail camel shark giraffe tiger frog cat dolphin cow dog bear zebra airplane leopard fox turtle deer
    train sedan sheep fish bird rabbit duck snake monkey parrot lizard giant_panda person""".split()
)
"""The 48 categories of Mini-Ref-YouTube-VOS in the order of their ids, 1 to 48."""


def author_groups(root: Path, known_videos: frozenset[str]) -> dict[str, int]:
    """Returns the fold that tests each video, from the `splits/group<k>_test.json` that a release may carry.

    The files' inner layout is not documented, so every video id in one counts, as a list item, key or value.

    Args:
        root: The dataset's folder.
        known_videos: Ids of the dataset's videos; other strings in the files are no ids.

    Returns:
        Fold by video id; empty if there are no such files.

    Raises:
        DataError: A file cannot be read or names no video, or a video is in two groups.
    """
    fold_of: dict[str, int] = {}
    for path in sorted((root / "splits").glob("group*_test.json")):
        number = path.name.removeprefix("group").removesuffix("_test.json")
        try:
            videos = known_videos.intersection(_strings(json.loads(path.read_bytes())))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path}: cannot be read ({error}). Fetch it again or remove it.") from error
        if not number.isdigit() or not videos:
            raise DataError(f"{path}: names no video of {root}, or no group number. Fetch it again or remove it.")
        if both := sorted(videos.intersection(fold_of)):
            raise DataError(
                f"{path}: video {both[0]!r} is in the test part of another group too. Fetch the files again."
            )
        fold_of.update(dict.fromkeys(videos, int(number)))
    return fold_of


def _strings(value: Any) -> Iterator[str]:  # Any: JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
