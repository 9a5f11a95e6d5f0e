"""Which videos a benchmark takes, and which class and fold each belongs to."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import UNKNOWN
from fsbench.errors import ManifestError
from fsbench.lists import listed_at
from fsbench.streams import named_stream

__all__ = ["ClassRow", "LeftOut", "Selection", "SelectionRule", "select", "single_category_videos"]


@dataclass(frozen=True)
class SelectionRule:
    """The rule, with every parameter.

    Attributes:
        categories: Categories in class-id order; None for all known ones that are found, by name.
        num_folds: Class `i` is tested in fold `(i - 1) % num_folds + 1`; 0 puts all classes into fold 0.
        minimum: Videos that a category needs to be a class.
        cap: Videos that a class keeps at most, drawn from its random stream; None for all.
        seed: Seed of that draw.
    """

    categories: tuple[str, ...] | None
    num_folds: int
    minimum: int
    cap: int | None
    seed: int


class ClassRow(NamedTuple):
    """A class of the benchmark.

    Attributes:
        class_id: From 1, in the order of `SelectionRule.categories`.
        name: The category's.
        fold: The fold that tests it; 0 where there is one group.
    """

    class_id: int
    name: str
    fold: int


class LeftOut(NamedTuple):
    """Something that the rule did not take.

    Attributes:
        kind: "class", "videos" (of a class) or "video".
        name: Of the class or the video.
        videos: How many videos that are.
        reason: Why they were not taken.
    """

    kind: str
    name: str
    videos: int
    reason: str


@dataclass(frozen=True)
class Selection:
    """What the rule takes.

    Attributes:
        classes: In class-id order.
        class_of: Class name by id of each video that is taken.
        left_out: What was not taken, and why.
    """

    classes: tuple[ClassRow, ...]
    class_of: Mapping[str, str]
    left_out: tuple[LeftOut, ...]


def single_category_videos(objects: Iterable[ObjectTrack]) -> dict[str, list[str]]:
    """Returns the videos whose annotated objects all have one category, by category; both sorted."""
    categories_of: dict[str, set[str]] = {}
    for track in objects:
        categories_of.setdefault(track.video_id, set()).add(track.category)
    videos: dict[str, list[str]] = {}
    for video_id in sorted(categories_of):
        if len(categories_of[video_id]) == 1:
            videos.setdefault(next(iter(categories_of[video_id])), []).append(video_id)
    return dict(sorted(videos.items()))


def select(
    objects: Sequence[ObjectTrack],
    rule: SelectionRule,
    *,
    videos: Collection[str] | None = None,
    fold_of: Mapping[str, int] | None = None,
) -> Selection:
    """Applies the rule.

    Args:
        objects: All annotated objects.
        rule: The rule.
        videos: An explicit list: of these every video of one known category is taken, without minimum and cap.
        fold_of: Fold by video, as a dataset's authors published it; overrides the rule's folds.

    Raises:
        ManifestError: A listed video does not exist, or `fold_of` puts a class into two folds.
    """
    candidates = single_category_videos(objects)
    left_out: list[LeftOut] = []
    if videos is not None:
        candidates, left_out = _restrict(candidates, videos, {track.video_id for track in objects})
    names = rule.categories if rule.categories is not None else tuple(n for n in candidates if n != UNKNOWN)
    classes: list[ClassRow] = []
    class_of: dict[str, str] = {}
    for class_id, name in enumerate(names, start=1):
        found = candidates.get(name, [])
        minimum = 1 if videos is not None else rule.minimum
        if len(found) < minimum:
            left_out.append(LeftOut("class", name, len(found), f"fewer than {minimum} videos of this category alone"))
            continue
        kept = found if videos is not None else _capped(found, rule, name)
        if len(kept) < len(found):
            left_out.append(LeftOut("videos", name, len(found) - len(kept), f"over the cap of {rule.cap}"))
        fold = _fold(name, class_id, kept, rule.num_folds, fold_of)
        classes.append(ClassRow(class_id, name, fold))
        class_of.update(dict.fromkeys(kept, name))
    others = [name for name in candidates if name not in names]
    left_out += [LeftOut("class", name, len(candidates[name]), "not a class of this benchmark") for name in others]
    return Selection(tuple(classes), dict(sorted(class_of.items())), tuple(left_out))


def _restrict(
    candidates: dict[str, list[str]], listed: Collection[str], known: set[str]
) -> tuple[dict[str, list[str]], list[LeftOut]]:
    wanted = set(listed)
    if unknown := sorted(wanted - known):
        where = listed_at(listed, unknown[0])
        raise ManifestError(
            f"{where}{len(unknown)} listed videos are not in the dataset, the first is {unknown[0]!r}. "
            "Give one id a line, or point --data-root at the release that it was made from."
        )
    kept = {name: [v for v in found if v in wanted] for name, found in candidates.items()}
    mixed = wanted - {video_id for found in candidates.values() for video_id in found}
    left_out = [LeftOut("video", video_id, 1, "its objects have several categories") for video_id in sorted(mixed)]
    return {name: found for name, found in kept.items() if found}, left_out


def _capped(found: list[str], rule: SelectionRule, name: str) -> list[str]:
    if rule.cap is None or len(found) <= rule.cap:
        return found
    order = np.argsort(named_stream(rule.seed, "selection", name).random(len(found)), kind="stable")
    return sorted(found[i] for i in order[: rule.cap])


def _fold(name: str, class_id: int, kept: list[str], num_folds: int, fold_of: Mapping[str, int] | None) -> int:
    if fold_of is None:
        return (class_id - 1) % num_folds + 1 if num_folds else 0
    folds = {fold_of[video_id] for video_id in kept if video_id in fold_of}
    if len(folds) != 1:
        raise ManifestError(
            f"class {name!r} is in {len(folds)} of the published test groups, expected 1. "
            "Check the release's group*_test.json, or pass --no-author-groups to use the rule's folds."
        )
    return folds.pop()
