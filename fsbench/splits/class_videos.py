"""The videos of classes, each with all that is said of its objects: to train on, or as whole support videos."""

from collections.abc import Collection
from collections.abc import Sequence
from typing import NamedTuple

from fsbench.datasets.records import Expression
from fsbench.splits.benchmark import Benchmark

__all__ = ["ClassVideo", "videos_by_class"]


class ClassVideo(NamedTuple):
    """A video of a class.

    Attributes:
        video_id: The video.
        frames: Names of all its frames, in time order.
        expressions: Those that name objects of its class alone, at least one.
        object_ids: All objects of its class, in order.
        seen: Names of the frames in which any of them is annotated, in time order.
    """

    video_id: str
    frames: tuple[str, ...]
    expressions: tuple[Expression, ...]
    object_ids: tuple[int, ...]
    seen: tuple[str, ...]


def videos_by_class(benchmark: Benchmark, names: Collection[str]) -> dict[str, list[ClassVideo]]:
    """Returns by class, in order of ids, the videos that have a sentence about seen objects of the class alone."""
    manifest, texts = benchmark.manifest, benchmark.sentences
    wanted = {row["video_id"]: row for row in manifest.rows("videos") if manifest.class_names[row["class_id"]] in names}
    objects = [row for row in manifest.rows("objects") if row["frames"]]
    seen = {(row["video_id"], row["object_id"]): row["class_id"] for row in objects}
    shown: dict[str, dict[int, Sequence[str]]] = {}
    for row in objects:
        if row["video_id"] in wanted and row["class_id"] == wanted[row["video_id"]]["class_id"]:
            shown.setdefault(row["video_id"], {})[row["object_id"]] = row["frames"]
    expressions: dict[str, list[Expression]] = {}
    for row in manifest.rows("expressions"):
        video_id, expression_id, object_ids = row["video_id"], row["expression_id"], tuple(row["object_ids"])
        if video_id in wanted and {seen.get((video_id, i)) for i in object_ids} == {wanted[video_id]["class_id"]}:
            text = texts.of(video_id, expression_id)
            expressions.setdefault(video_id, []).append(Expression(video_id, expression_id, object_ids, text))
    videos: dict[str, list[ClassVideo]] = {}
    for video_id, found in expressions.items():
        row = wanted[video_id]
        name = manifest.class_names[row["class_id"]]
        frames_with_any = set().union(*shown[video_id].values())
        frames = tuple(frame for frame in row["frames"] if frame in frames_with_any)
        video = ClassVideo(video_id, tuple(row["frames"]), tuple(found), tuple(sorted(shown[video_id])), frames)
        videos.setdefault(name, []).append(video)
    return videos
