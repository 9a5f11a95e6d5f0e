"""What a run has to do, cut into units: one query video with all its sentences and support draws."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import chain
from typing import Any
from typing import NamedTuple

from fsbench.datasets.reading import Annotated
from fsbench.datasets.reading import pictures_fingerprint
from fsbench.datasets.records import Dataset
from fsbench.errors import ManifestError
from fsbench.memory import without_collector
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.class_videos import videos_by_class
from fsbench.splits.contents import chosen_classes
from fsbench.splits.controls import Control
from fsbench.splits.controls import stand_ins
from fsbench.splits.manifest import Manifest
from fsbench.splits.sentences import Sentences

__all__ = ["DrawTask", "Query", "ShotTask", "SupportTask", "Unit", "VideoTask", "plan_units", "queries"]


class ShotTask(NamedTuple):
    """A support video: what to load of it.

    Attributes:
        video_id: The video.
        object_ids: Those whose union is the mask.
        sentence: What names them.
        frames: Names of the K frames to load, in time order; a short video repeats its last.
        annotated: All objects of the video, against which its label maps are held.
    """

    video_id: str
    object_ids: tuple[int, ...]
    sentence: str
    frames: tuple[str, ...]
    annotated: Annotated


class VideoTask(NamedTuple):
    """A whole support video.

    Attributes:
        video_id: The video.
        frames: Names of all its frames, in time order.
        sentences: The sentences that name objects of its class alone, each with the ids of these objects.
        annotated: As of a shot.
    """

    video_id: str
    frames: tuple[str, ...]
    sentences: tuple[tuple[str, tuple[int, ...]], ...]
    annotated: Annotated


class SupportTask(NamedTuple):
    """A support set to adapt to.

    Attributes:
        support_id: Its id.
        shots: Its videos.
        draw: For a method that learns from draws, the whole support videos of all classes in its draw, class by class.
    """

    support_id: str
    shots: tuple[ShotTask, ...]
    draw: tuple[tuple[VideoTask, ...], ...] = ()


class DrawTask(NamedTuple):
    """The queries of a video that one support set serves.

    Attributes:
        draw: Number of the support draw.
        support: The support set.
        episode_ids: N ids, one for each sentence of the unit, in its order.
    """

    draw: int
    support: SupportTask
    episode_ids: tuple[str, ...]


class Unit(NamedTuple):
    """One query video.

    Attributes:
        number: Its place among the fold's; names its parts on disk.
        class_name: The class.
        video_id: The video.
        frames: Names of all its frames.
        expression_ids: Of the N sentences.
        sentences: N sentences.
        object_ids: For each sentence, the objects that it names.
        draws: The support sets, each with N episode ids.
        annotated: The objects of the video.
    """

    number: int
    class_name: str
    video_id: str
    frames: tuple[str, ...]
    expression_ids: tuple[str, ...]
    sentences: tuple[str, ...]
    object_ids: tuple[tuple[int, ...], ...]
    draws: tuple[DrawTask, ...]
    annotated: Annotated

    def pixels(self, dataset: Dataset) -> dict[str, str]:
        """Returns fingerprints of all that the unit's scores depend on in a dataset: by video id and by support id."""
        found = {self.video_id: dataset.fingerprint(self.video_id, self.frames)}
        for task in self.draws:
            shown = [(shot.video_id, shot.frames) for shot in task.support.shots]
            shown += [(video.video_id, video.frames) for video in chain.from_iterable(task.support.draw)]
            found[task.support.support_id] = " ".join(dataset.fingerprint(*each) for each in shown)
        return found

    def pictures(self, dataset: Dataset) -> dict[str, str]:
        """Returns the fingerprint of the frames alone, by video id, for a unit that is not scored."""
        return {self.video_id: pictures_fingerprint(dataset, self.video_id, self.frames)}


_Row = Mapping[str, Any]  # Any: column values


class Query(NamedTuple):
    """What a manifest asks about a video.

    Attributes:
        number: Its place among all videos that any draw of the fold queries, in the order class, video.
        class_id, video_id: The class and the video.
        episodes: Rows of the manifest's table, of the draws that are asked for.
    """

    number: int
    class_id: int
    video_id: str
    episodes: list[_Row]


def queries(
    manifest: Manifest,
    fold: int,
    draws: Sequence[int],
    *,
    limit: int | None = None,
    classes: Iterable[str] | None = None,
    shard: tuple[int, int] | None = None,
) -> list[Query]:
    """Returns what a manifest asks in a fold; see `plan_units`."""
    asked: dict[tuple[int, str], list[_Row]] = {}
    for row in manifest.rows("episodes"):
        if row["fold"] == fold:
            asked.setdefault((row["class_id"], row["video_id"]), []).append(row)
    chosen = chosen_classes(manifest, (fold,), classes or ())
    places = [(number, *key) for number, key in enumerate(sorted(asked)) if key[0] in chosen][:limit]
    if shard is not None:
        if shard[0] > len(places):
            raise ManifestError(
                f"{manifest.path}: shard {shard[0]} of {shard[1]} has nothing to do in fold {fold}, of which "
                f"{len(places)} videos are asked for. Make no more shards than that."
            )
        places = places[shard[0] - 1 :: shard[1]]
    wanted = set(draws)
    found = [Query(*place, [row for row in asked[place[1:]] if row["draw"] in wanted]) for place in places]
    found = [query for query in found if query.episodes]
    if not found:
        raise ManifestError(f"{manifest.path}: fold {fold} has no episode of what is asked for. Ask for more videos.")
    return found


@without_collector()
def plan_units(
    benchmark: Benchmark,
    fold: int,
    draws: Sequence[int],
    *,
    limit: int | None = None,
    classes: Iterable[str] | None = None,
    control: Control | None = None,
    shard: tuple[int, int] | None = None,
    whole_draws: bool = False,
) -> list[Unit]:
    """Cuts the episodes of a fold into units, in the order class, video.

    A unit's number is its place among all videos that any draw of the fold queries, so that it stays where other draws,
    or fewer units, are asked for.

    Args:
        benchmark: The episodes and their sentences.
        fold: The fold.
        draws: The support draws.
        limit: Videos to take at most, the first ones of these classes; None for all.
        classes: Names of the classes to take; None for all.
        control: What stands in for the support sets; None for nothing.
        shard: (i, n): of these videos the i-th, i from 1, and every n-th after it; None for all.
        whole_draws: Whether each support set comes with the whole support videos of all classes in its draw.

    Raises:
        ManifestError: A class has no such draw, there is no such class, or no other for the control, nothing is left to
            do, or the dataset lacks a video or sentence or spells one otherwise.
    """
    manifest, texts = benchmark.manifest, benchmark.sentences
    names = manifest.class_names
    wanted = set(draws)
    support_rows = [r for r in manifest.rows("supports") if r["fold"] == fold and r["draw"] in wanted]
    _check_draws(manifest, fold, wanted, support_rows)
    annotated = manifest.annotated()
    given: Mapping[str, _Row] = {row["support_id"]: row for row in support_rows}
    if control is not None:
        given = stand_ins(support_rows, control, manifest.path)
    draw_of = {row["support_id"]: row["draw"] for row in support_rows}
    seen_whole = _whole_draws(benchmark, support_rows, annotated) if whole_draws else {}
    supports = {
        support_id: _support_task(row, texts, annotated)._replace(draw=seen_whole.get(draw_of[support_id], ()))
        for support_id, row in given.items()
    }
    frames_of = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}
    units = []
    for number, class_id, video_id, rows in queries(manifest, fold, draws, limit=limit, classes=classes, shard=shard):
        asked = {row["expression_id"]: tuple(row["object_ids"]) for row in rows}
        by_support: dict[str, dict[str, str]] = {}
        for asking in sorted(rows, key=lambda row: row["draw"]):
            by_support.setdefault(asking["support_id"], {})[asking["expression_id"]] = asking["episode_id"]
        units.append(
            Unit(
                number,
                names[class_id],
                video_id,
                frames_of[video_id],
                tuple(asked),
                tuple(texts.of(video_id, expression_id) for expression_id in asked),
                tuple(asked.values()),
                tuple(DrawTask(draw_of[s], supports[s], tuple(ids[e] for e in asked)) for s, ids in by_support.items()),
                annotated[video_id],
            )
        )
    return units


def _check_draws(manifest: Manifest, fold: int, wanted: set[int], supports: Iterable[_Row]) -> None:
    there: dict[int, set[int]] = {}
    for row in supports:
        there.setdefault(row["class_id"], set()).add(row["draw"])
    for row in manifest.rows("classes"):
        missing = wanted - there.get(row["class_id"], set()) if row["fold"] == fold else None
        if missing:
            raise ManifestError(
                f"{manifest.path}: class {row['name']!r} has no support set for draw {min(missing)}. Ask for other "
                "--draws, or build a split with more."
            )


def _whole_draws(
    benchmark: Benchmark, supports: Sequence[_Row], annotated: Mapping[str, Annotated]
) -> dict[int, tuple[tuple[VideoTask, ...], ...]]:
    """Returns by draw the whole support videos of each class, in the order of ids."""
    names = benchmark.manifest.class_names
    known = videos_by_class(benchmark, {names[row["class_id"]] for row in supports})
    tasks = {
        video.video_id: VideoTask(
            video.video_id,
            video.frames,
            tuple((expression.text, expression.object_ids) for expression in video.expressions),
            annotated[video.video_id],
        )
        for videos in known.values()
        for video in videos
    }
    found: dict[int, tuple[tuple[VideoTask, ...], ...]] = {}
    for row in sorted(supports, key=lambda row: (row["draw"], row["class_id"])):
        distinct = dict.fromkeys(shot["video_id"] for shot in row["shots"])
        found[row["draw"]] = (*found.get(row["draw"], ()), tuple(tasks[video_id] for video_id in distinct))
    return found


def _support_task(row: _Row, texts: Sentences, annotated: Mapping[str, Annotated]) -> SupportTask:
    shots = [
        ShotTask(
            shot["video_id"],
            tuple(shot["object_ids"]),
            texts.of(shot["video_id"], shot["expression_id"]),
            tuple(shot["frames"]),
            annotated[shot["video_id"]],
        )
        for shot in row["shots"]
    ]
    return SupportTask(row["support_id"], tuple(shots))
