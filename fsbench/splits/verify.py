"""Whether a manifest holds what it promises: every problem, not the first."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from fsbench.datasets.records import Dataset
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.progress import track
from fsbench.splits.manifest import ManifestInfo
from fsbench.splits.manifest import overall_digest
from fsbench.splits.manifest import read_info
from fsbench.splits.manifest import read_table
from fsbench.splits.schema import KEYS
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import TABLES
from fsbench.splits.sentences import text_digest

__all__ = ["Flaw", "frames_on_disk", "verify_manifest"]

_Rows = dict[str, list[dict[str, Any]]]  # Any: column values


class Flaw(NamedTuple):
    """Something that is wrong with a manifest.

    Attributes:
        where: The file, frame or folder.
        what: What is wrong there.
    """

    where: str
    what: str


def verify_manifest(
    folder: Path, dataset: Dataset | None = None, *, pixels: bool = True, progress: bool = False
) -> list[Flaw]:
    """Checks a manifest against its own promises and, if one is given, against a dataset on disk.

    Args:
        folder: The manifest's folder.
        dataset: Local data: every referenced video, frame, object and sentence must be there. Its frames are looked
            at only if `frames_on_disk` says that there are any.
        pixels: Also decode every label map and look for the objects that the manifest lists in it.
        progress: Show a progress bar.

    Returns:
        All problems; none if the manifest is sound.
    """
    try:
        info = read_info(folder)
    except ManifestError as error:
        return [Flaw(str(folder), str(error))]
    rows: _Rows = {}
    problems: list[Flaw] = []
    for name in TABLES:
        try:
            rows[name] = read_table(folder, name).to_pylist()
        except ManifestError as error:
            problems.append(Flaw(f"{name}.parquet", str(error)))
    if problems:
        return problems
    problems += _digests(info, rows)
    problems += _keys(rows)
    if not any(problem.what.startswith("duplicate") for problem in problems):
        problems += _folds(rows)
        problems += _references(rows)
        problems += _episodes(rows, info.rule.get("queries"))
    if dataset is not None:
        problems += _against_records(rows, dataset)
        problems += _against_files(rows, dataset, pixels, progress)
    return problems


def frames_on_disk(dataset: Dataset) -> bool:
    """Tells whether a dataset has any of its frames, or only metadata."""
    return any(len(dataset.missing_files(v.video_id, v.frames[0])) < 2 for v in dataset.videos() if v.frames)


def _digests(info: ManifestInfo, rows: _Rows) -> Iterator[Flaw]:
    for name in TABLES:
        if table_digest(name, rows[name]) != info.digests.get(name):
            yield Flaw(f"{name}.parquet", "its rows do not have the digest in manifest.json")
        if len(rows[name]) != info.counts.get(name):
            yield Flaw(f"{name}.parquet", f"{len(rows[name])} rows, manifest.json counts {info.counts.get(name)}")
    if set(info.digests) != set(TABLES) or overall_digest(info.digests) != info.digest:
        yield Flaw("manifest.json", "'digest' does not follow from 'digests'")


def _keys(rows: _Rows) -> Iterator[Flaw]:
    for name in TABLES:
        counts = Counter(tuple(row[key] for key in KEYS[name]) for row in rows[name])
        for key, count in counts.items():
            if count > 1:
                yield Flaw(f"{name}.parquet", f"duplicate: {count} rows for {'/'.join(map(str, key))}")
    for name, count in Counter(row["name"] for row in rows["classes"]).items():
        if count > 1:
            yield Flaw("classes.parquet", f"duplicate: {count} classes are called {name!r}")


def _folds(rows: _Rows) -> Iterator[Flaw]:
    fold_of = {row["class_id"]: row["fold"] for row in rows["classes"]}
    folds = sorted(set(fold_of.values()))
    if folds not in ([0], list(range(1, len(folds) + 1))):
        yield Flaw("classes.parquet", f"folds are {folds}, expected 1 to K without a gap, or 0 alone")
    used = {row["class_id"] for row in rows["videos"]}
    for class_id in sorted(set(fold_of) - used):
        yield Flaw("classes.parquet", f"class {class_id} has no video")
    for name in ("videos", "supports", "episodes"):
        for row in rows[name]:
            if row["class_id"] not in fold_of:
                yield Flaw(f"{name}.parquet", f"{_key(name, row)}: class {row['class_id']} is not in classes")
            elif row["fold"] != fold_of[row["class_id"]]:
                yield Flaw(f"{name}.parquet", f"{_key(name, row)}: fold {row['fold']}, its class has another")


def _references(rows: _Rows) -> Iterator[Flaw]:
    videos = {row["video_id"]: row for row in rows["videos"]}
    objects = {(row["video_id"], row["object_id"]): row for row in rows["objects"]}
    sentences = {(row["video_id"], row["expression_id"]): row for row in rows["expressions"]}
    for (video_id, object_id), row in objects.items():
        where = f"object {video_id}/{object_id}"
        if video_id not in videos:
            yield Flaw("objects.parquet", f"{where}: its video is not in videos")
        elif row["class_id"] != videos[video_id]["class_id"]:
            yield Flaw("objects.parquet", f"{where}: class {row['class_id']}, its video has another")
        elif extra := sorted(set(row["frames"]) - set(videos[video_id]["frames"])):
            yield Flaw("objects.parquet", f"{where}: frames {extra} are not in its video")
    for (video_id, expression_id), row in sentences.items():
        for object_id in row["object_ids"]:
            if (video_id, object_id) not in objects:
                yield Flaw("expressions.parquet", f"{video_id}/{expression_id}: object {object_id} is not in objects")
        if row["text"] is not None and text_digest(row["text"]) != row["text_sha256"]:
            yield Flaw("expressions.parquet", f"{video_id}/{expression_id}: text does not have its digest")
    for support in rows["supports"]:
        for shot in support["shots"]:
            for what in _shot_problems(support, shot, videos, objects, sentences):
                yield Flaw("supports.parquet", f"{support['support_id']}: {what}")


def _shot_problems(
    support: Mapping[str, Any],
    shot: Mapping[str, Any],
    videos: Mapping[str, Mapping[str, Any]],
    objects: Mapping[tuple[str, int], Mapping[str, Any]],
    sentences: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Iterator[str]:
    video = videos.get(shot["video_id"])
    if video is None:
        yield f"video {shot['video_id']!r} is not in videos"
        return
    if video["class_id"] != support["class_id"]:
        yield f"video {shot['video_id']!r} is of another class"
    if absent := sorted(set(shot["frames"]) - set(video["frames"])):
        yield f"frames {absent} are not in video {shot['video_id']!r}"
    sentence = sentences.get((shot["video_id"], shot["expression_id"]))
    if sentence is None or sentence["object_ids"] != shot["object_ids"]:
        yield f"sentence {shot['video_id']}/{shot['expression_id']} is not in expressions, or names other objects"
    annotated = [set(objects.get((shot["video_id"], i), {"frames": ()})["frames"]) for i in shot["object_ids"]]
    if empty := sorted(set(shot["frames"]) - set().union(*annotated)):
        yield f"its objects are not annotated in frames {empty} of video {shot['video_id']!r}"


def _episodes(rows: _Rows, queries: int | None) -> Iterator[Flaw]:
    """Checks the episodes; with a limit of `queries` videos a class, those count that any of its draws asks about."""
    supports = {row["support_id"]: row for row in rows["supports"]}
    sentences: dict[int, dict[tuple[str, str], list[int]]] = {}
    class_of = {row["video_id"]: row["class_id"] for row in rows["videos"]}
    for row in rows["expressions"]:
        of_class = sentences.setdefault(class_of.get(row["video_id"], -1), {})
        of_class[row["video_id"], row["expression_id"]] = row["object_ids"]
    asked: dict[str, set[tuple[str, str]]] = {support_id: set() for support_id in supports}
    for row in rows["episodes"]:
        for what in _episode_problems(row, supports, sentences):
            yield Flaw("episodes.parquet", f"{row['episode_id']}: {what}")
        asked.setdefault(row["support_id"], set()).add((row["video_id"], row["expression_id"]))
    queried = {(supports[support_id]["class_id"], video) for support_id in supports for video, _ in asked[support_id]}
    for support_id, support in supports.items():
        class_id, taken = support["class_id"], _videos_of(support)
        expected = {query for query in sentences.get(class_id, {}) if query[0] not in taken}
        if queries is not None:
            expected = {query for query in expected if (class_id, query[0]) in queried}
        if missing := len(expected - asked[support_id]):
            yield Flaw("episodes.parquet", f"{support_id}: {missing} of its {len(expected)} queries are missing")


def _episode_problems(
    row: Mapping[str, Any],
    supports: Mapping[str, Mapping[str, Any]],
    sentences: Mapping[int, Mapping[tuple[str, str], list[int]]],
) -> Iterator[str]:
    support = supports.get(row["support_id"])
    if support is None:
        yield f"support {row['support_id']!r} is not in supports"
        return
    if (support["class_id"], support["draw"]) != (row["class_id"], row["draw"]):
        yield "its support set is of another class or draw"
    if row["video_id"] in _videos_of(support):
        yield f"video {row['video_id']!r} is in its own support set"
    named = sentences.get(row["class_id"], {}).get((row["video_id"], row["expression_id"]))
    if named is None:
        yield f"sentence {row['video_id']}/{row['expression_id']} is not one of its class"
    elif named != row["object_ids"]:
        yield f"objects {row['object_ids']}, its sentence names {named}"


def _against_records(rows: _Rows, dataset: Dataset) -> Iterator[Flaw]:
    videos = {video.video_id: set(video.frames) for video in dataset.videos()}
    objects = {(track.video_id, track.object_id): set(track.frames) for track in dataset.objects()}
    texts = {(e.video_id, e.expression_id): e for e in dataset.expressions()}
    gone = {row["video_id"] for row in rows["videos"] if row["video_id"] not in videos}
    yield from (Flaw(str(dataset.root), f"video {video_id!r} is not in the local data") for video_id in sorted(gone))
    for row in rows["videos"]:
        if row["video_id"] not in gone and (absent := sorted(set(row["frames"]) - videos[row["video_id"]])):
            yield Flaw(str(dataset.root), f"video {row['video_id']!r}: frames {absent} are not listed")
    for row in rows["objects"]:
        if row["video_id"] in gone:
            continue
        local = objects.get((row["video_id"], row["object_id"]))
        if local is None or not local.issuperset(row["frames"]):
            what = "is not in the local data" if local is None else "is annotated in fewer frames"
            yield Flaw(str(dataset.root), f"object {row['video_id']}/{row['object_id']} {what}")
    for row in rows["expressions"]:
        if row["video_id"] in gone:
            continue
        sentence = texts.get((row["video_id"], row["expression_id"]))
        where = f"sentence {row['video_id']}/{row['expression_id']}"
        if sentence is None:
            yield Flaw(str(dataset.root), f"{where} is not in the local data")
        elif text_digest(sentence.text) != row["text_sha256"]:
            yield Flaw(str(dataset.root), f"{where}: the local text does not have the digest in the manifest")
        elif list(sentence.object_ids) != row["object_ids"]:
            yield Flaw(str(dataset.root), f"{where} names other objects in the local data")


def _against_files(rows: _Rows, dataset: Dataset, pixels: bool, progress: bool) -> Iterator[Flaw]:
    if not frames_on_disk(dataset):
        return
    visible: dict[tuple[str, str], list[int]] = {}
    for row in rows["objects"]:
        for name in row["frames"]:
            visible.setdefault((row["video_id"], name), []).append(row["object_id"])
    for row in track(rows["videos"], "frames", len(rows["videos"]), unit="video", show=progress):
        for name in row["frames"]:
            try:
                what = _frame_problem(dataset, row["video_id"], name, visible.get((row["video_id"], name), ()), pixels)
            except DataError as error:
                what = str(error)
            if what:
                yield Flaw(f"{row['video_id']}/{name}", what)


def _frame_problem(dataset: Dataset, video_id: str, name: str, object_ids: Iterable[int], pixels: bool) -> str:
    if missing := dataset.missing_files(video_id, name):
        return f"missing: {', '.join(map(str, missing))}"
    if pixels:
        present = np.unique(dataset.label_map(video_id, name))
        if absent := sorted(set(object_ids).difference(present.tolist())):
            return f"objects {absent} are not in its label map"
    return ""


def _videos_of(support: Mapping[str, Any]) -> set[str]:
    return {shot["video_id"] for shot in support["shots"]}


def _key(name: str, row: Mapping[str, Any]) -> str:
    return "/".join(str(row[key]) for key in KEYS[name])
