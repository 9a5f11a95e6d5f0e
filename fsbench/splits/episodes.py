"""Support draws and queries: all that an evaluation depends on is drawn here."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import numpy as np

from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import Video
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.datasets.spec import DrawsFrom
from fsbench.splits.ids import format_episode_id
from fsbench.splits.ids import format_support_id
from fsbench.splits.selection import ClassRow
from fsbench.streams import named_stream
from fsbench.streams import pick

__all__ = [
    "ShotRow",
    "SupportRule",
    "SupportSet",
    "draw_supports",
    "list_episodes",
    "repeated_draws",
    "window",
]

T = TypeVar("T")


@dataclass(frozen=True)
class SupportRule:
    """How support sets are drawn.

    Attributes:
        shots: Support videos per set (CMA: 1, DANet: 5).
        frames: Consecutive annotated frames of each (CMA: 5, DANet: 1).
        draws: Support sets per class.
        seed: Seed of the draws.
        queries: At most so many videos of a class are queried, the same in all draws; None for all.
        draws_from: See `BuildRule`.
    """

    shots: int
    frames: int
    draws: int
    seed: int
    queries: int | None = None
    draws_from: DrawsFrom = "different videos"


class ShotRow(NamedTuple):
    """One support video of a set: the objects that a sentence names, in a few frames.

    Attributes:
        video_id: The video.
        object_ids: The objects that the sentence names.
        expression_id: The sentence's id within the video.
        frames: Names of `SupportRule.frames` frames, in time order; a short video repeats its last.
    """

    video_id: str
    object_ids: tuple[int, ...]
    expression_id: str
    frames: tuple[str, ...]


class SupportSet(NamedTuple):
    """A support set; it serves every query of its class and draw.

    Attributes:
        support_id: Its id, such as `f2/mouse/d0`.
        fold: The fold that tests its class.
        class_id: Its class.
        draw: Its number among those of the class, from 0.
        shots: `SupportRule.shots` different videos.
    """

    support_id: str
    fold: int
    class_id: int
    draw: int
    shots: tuple[ShotRow, ...]


def draw_supports(
    row: ClassRow,
    videos: Sequence[Video],
    objects: Iterable[ObjectTrack],
    expressions: Iterable[Expression],
    rule: SupportRule,
) -> list[SupportSet]:
    """Draws the support sets of one class.

    Each draw has a random stream of its own, named by seed, class and draw, and takes from it in turn: the videos (only
    if it draws from all), then for each video an object, a sentence that names it, and the window of frames.

    Args:
        row: The class.
        videos, objects, expressions: Those of the class.
        rule: The rule.

    Returns:
        `rule.draws` support sets, or none if the class cannot form an episode: a set must leave a video to query.
    """
    listed = {video.video_id: frozenset(video.frames) for video in videos}
    annotated = {
        (track.video_id, track.object_id): frames
        for track in objects
        if (frames := listed[track.video_id].intersection(track.frames))
    }
    sentences: dict[str, dict[int, list[Expression]]] = {}
    for expression in expressions:
        for object_id in expression.object_ids:
            if (expression.video_id, object_id) in annotated:
                sentences.setdefault(expression.video_id, {}).setdefault(object_id, []).append(expression)
    usable = sorted(video for video in videos if video.video_id in sentences)
    if len(usable) < rule.shots + 1:
        return []
    dealt = [] if rule.draws_from == ALL_VIDEOS else _deal(row.name, len(usable), rule)
    supports = []
    for draw in range(rule.draws):
        stream = named_stream(rule.seed, "support", row.name, draw)
        chosen = dealt[draw] if dealt else _shuffled(len(usable), stream)[: rule.shots]
        shots = tuple(_draw_shot(usable[i], sentences, annotated, rule.frames, stream) for i in chosen)
        support_id = format_support_id(row.fold, row.name, draw)
        supports.append(SupportSet(support_id, row.fold, row.class_id, draw, shots))
    return supports


def _deal(class_name: str, count: int, rule: SupportRule) -> list[list[int]]:
    """Deals videos to draws as cards: all are shuffled, each draw takes the next ones, and when none is left all are
    shuffled again. A draw never takes a video twice; more draws move no earlier draw.

    Args:
        class_name: Names the random streams.
        count: Number of videos, more than `rule.shots`.
        rule: The rule.

    Returns:
        `rule.shots` different numbers below `count` for each draw.
    """
    dealt: list[list[int]] = []
    waiting: list[int] = []
    rounds = 0
    for _ in range(rule.draws):
        chosen, waiting = waiting[: rule.shots], waiting[rule.shots :]
        if len(chosen) < rule.shots:
            fresh = _shuffled(count, named_stream(rule.seed, "support videos", class_name, rounds))
            rounds += 1
            added = [i for i in fresh if i not in chosen][: rule.shots - len(chosen)]
            waiting = [i for i in fresh if i not in added]
            chosen = chosen + added
        dealt.append(chosen)
    return dealt


def _shuffled(count: int, stream: np.random.Generator) -> list[int]:
    """Returns the numbers below `count` in random order."""
    order: list[int] = np.argsort(stream.random(count), kind="stable").tolist()
    return order


def repeated_draws(supports: Iterable[Mapping[str, Any]]) -> str:
    """Says of which classes several draws take the same support videos.

    Args:
        supports: Rows of the table.

    Returns:
        A sentence; empty if no set of videos comes twice in a class.
    """
    sets: dict[str, list[frozenset[str]]] = {}
    for row in supports:
        name = row["support_id"].split("/")[1]
        sets.setdefault(name, []).append(frozenset(shot["video_id"] for shot in row["shots"]))
    few = {name: (len(drawn), len(set(drawn))) for name, drawn in sets.items() if len(set(drawn)) < len(drawn)}
    if not few:
        return ""
    listed = ", ".join(f"{name} ({distinct} of {draws})" for name, (draws, distinct) in few.items())
    return f"Support draws repeat videos; different sets of support videos by class: {listed}."


def _draw_shot(
    video: Video,
    sentences: Mapping[str, Mapping[int, list[Expression]]],
    annotated: Mapping[tuple[str, int], frozenset[str]],
    num_frames: int,
    stream: np.random.Generator,
) -> ShotRow:
    objects = sentences[video.video_id]
    expression = pick(objects[pick(sorted(objects), stream)], stream)
    frames_of = [annotated.get((video.video_id, object_id), frozenset[str]()) for object_id in expression.object_ids]
    visible = [name for name in video.frames if any(name in frames for frames in frames_of)]
    start = int(stream.random() * len(visible))
    return ShotRow(video.video_id, expression.object_ids, expression.expression_id, window(visible, start, num_frames))


def window(frames: Sequence[T], index: int, length: int) -> tuple[T, ...]:
    """Returns `length` consecutive frames that hold the drawn one, as the released code takes them.

    They are the first `length` frames if the index is below `length`, else the frame of the index and those before it;
    a shorter video repeats its last frame.
    """
    first = 0 if index < length else index - length + 1
    taken = tuple(frames[first : first + length])
    return taken + taken[-1:] * (length - len(taken))


def list_episodes(
    of_class: ClassRow, supports: Iterable[SupportSet], expressions: Sequence[Expression], rule: SupportRule
) -> list[dict[str, Any]]:  # Any: column values
    """Returns the queries of one class: every sentence of every video that the support set does not hold.

    They are rows of the table `episodes`: a benchmark may have a million.

    Args:
        of_class: The class.
        supports: Its support sets.
        expressions: All sentences of the class's videos, in record order.
        rule: Says how many videos are queried.
    """
    if rule.queries is not None:
        videos = sorted({e.video_id for e in expressions})
        order = _shuffled(len(videos), named_stream(rule.seed, "queries", of_class.name))
        queried = {videos[i] for i in order[: rule.queries]}
        expressions = [e for e in expressions if e.video_id in queried]
    episodes = []
    for support in supports:
        taken = {shot.video_id for shot in support.shots}
        for e in expressions:
            if e.video_id not in taken:
                row = {
                    "episode_id": format_episode_id(support.support_id, e.video_id, e.expression_id),
                    "support_id": support.support_id,
                    "fold": support.fold,
                    "class_id": support.class_id,
                    "draw": support.draw,
                    "video_id": e.video_id,
                    "expression_id": e.expression_id,
                    "object_ids": list(e.object_ids),
                }
                episodes.append(row)
    return episodes
