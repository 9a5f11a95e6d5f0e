"""The authors' folds of a release: `group<k>_test.json` and `group<k>_train.json`, one pair a fold."""

from collections.abc import Set
from pathlib import Path
from typing import Any

from fsbench.datasets.metadata import read_json
from fsbench.errors import DataError

__all__ = ["author_groups"]

_RECORD_KEYS = ("video", "video_id", "id")
_REMEDY = "Fetch the file again, or build with --no-author-groups."


def author_groups(folder: Path, known_videos: Set[str]) -> dict[str, int]:
    """Returns the fold that tests each video.

    Args:
        folder: Has `group<k>_test.json` and, it may be, `group<k>_train.json`. Each is a list of videos (or of records
            that name one), a map from videos to anything, or a map from classes to any of these; any of them may be the
            value of a key "videos".
        known_videos: Ids of the dataset's videos.

    Raises:
        DataError: A file cannot be read, is of another shape or names a video that the dataset does not have, or
            a video is in two test parts, or in both parts of a group.
    """
    fold_of: dict[str, int] = {}
    for path in sorted(folder.glob("group*_test.json")):
        number = path.name.removeprefix("group").removesuffix("_test.json")
        if not (number.isascii() and number.isdigit()):
            raise DataError(f"{path}: {number!r} is no number of a group. {_REMEDY}")
        videos = _read_group(path, known_videos)
        if both := sorted(videos.intersection(fold_of)):
            raise DataError(f"{path}: video {both[0]!r} is in the test part of another group too. {_REMEDY}")
        fold_of.update(dict.fromkeys(videos, int(number)))
        train = path.with_name(f"group{number}_train.json")
        if train.is_file() and (both := sorted(videos & _read_group(train, known_videos))):
            raise DataError(f"{train}: video {both[0]!r} is in the test part of the same group. {_REMEDY}")
    return fold_of


def _read_group(path: Path, known_videos: Set[str]) -> set[str]:
    videos = _named(read_json(path), known_videos)
    if not videos:
        raise DataError(
            f"{path}: expected a list of videos, a map from videos to anything, or a map from classes to lists of "
            f"videos, and at least one video. {_REMEDY}"
        )
    if unknown := sorted(videos - known_videos):
        raise DataError(
            f"{path}: names {len(unknown)} videos that the dataset does not have, the first is {unknown[0]!r}. "
            f"{_REMEDY}"
        )
    return videos


def _named(value: Any, known_videos: Set[str], depth: int = 4) -> set[str] | None:  # Any: JSON
    """Returns the videos that a part of such a file names, known or not; None if it is of none of the shapes."""
    if isinstance(value, list):
        names = {_video_of(item) for item in value}
        return None if None in names else {name for name in names if name}
    if not isinstance(value, dict) or depth == 0:
        return None
    parts = [_named(item, known_videos, depth - 1) for item in value.values()]
    listed = {name for part in parts if part for name in part}
    if all(parts) and listed <= known_videos:  # before the keys are looked at: a class may be called as a video is
        return listed
    if not known_videos.isdisjoint(value):
        return set(value)
    if "videos" in value:
        return _named(value["videos"], known_videos, depth - 1)
    return listed if all(part is not None for part in parts) else None


def _video_of(item: Any) -> str | None:  # Any: JSON
    if isinstance(item, dict):
        item = next((item[key] for key in _RECORD_KEYS if key in item), None)
    return item if isinstance(item, str) else None
