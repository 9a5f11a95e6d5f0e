"""Whether a manifest holds what it promises: every problem, not the first."""

import logging
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsbench.datasets.reading import Annotated
from fsbench.datasets.reading import LabelCheck
from fsbench.datasets.records import Dataset
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.memory import without_collector
from fsbench.progress import track
from fsbench.splits.manifest import read_info
from fsbench.splits.manifest import read_table
from fsbench.splits.manifest import table_flaws
from fsbench.splits.pixels import PixelDigest
from fsbench.splits.pixels import read_pixels
from fsbench.splits.pixels import VideoPixels
from fsbench.splits.pixels import write_pixels
from fsbench.splits.relations import Flaw
from fsbench.splits.schema import tables_of
from fsbench.splits.schema import text_digest

__all__ = ["verify_manifest"]

logger = logging.getLogger(__name__)

_Row = Mapping[str, Any]  # Any: column values
_Rows = dict[str, list[dict[str, Any]]]


@without_collector()
def verify_manifest(
    folder: Path, dataset: Dataset | None = None, *, pixels: bool = True, progress: bool = False
) -> list[Flaw]:
    """Checks a manifest against its own promises and, if one is given, against a dataset on disk.

    Args:
        folder: The manifest's folder. If all is sound and every pixel was looked at, `pixels.json` is written there,
            against which later calls hold the pixels.
        dataset: Local data: the videos of the manifest must have its frames, objects and sentences, and no others. Its
            frames are looked at only if it says that it has any.
        pixels: Also decode every frame and label map; otherwise it is enough that they are there.
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
    for name in tables_of(info.schema_version):
        try:
            rows[name] = read_table(folder, name).to_pylist()
        except ManifestError as error:
            problems.append(Flaw(f"{name}.parquet", str(error)))
    if problems:
        return problems
    problems += table_flaws(info, rows)
    if dataset is None:
        return problems
    problems += _against_records(rows, dataset)
    if dataset.has_frames():
        watched = track(rows["videos"], "frames", len(rows["videos"]), unit="video", show=progress)
        if pixels:
            problems += _look_at_pixels(folder, info.digest, rows, dataset, watched, sound=not problems)
        else:
            problems += _look_for_files(dataset, watched)
    return problems


def _against_records(rows: _Rows, dataset: Dataset) -> Iterator[Flaw]:
    """Holds the manifest's videos, and all that the metadata says of them, against each other."""
    where = str(dataset.root)
    wanted = {row["video_id"]: row for row in rows["videos"]}
    local = {video.video_id: video for video in dataset.videos() if video.video_id in wanted}
    for video_id in sorted(wanted.keys() - local.keys()):
        yield Flaw(where, f"video {video_id!r} is not in the local data")
    for video_id, video in local.items():
        for what in _frame_differences(wanted[video_id]["frames"], video.frames):
            yield Flaw(where, f"video {video_id!r}: {what}")
    names = {row["class_id"]: row["name"] for row in rows["classes"]}
    objects = {(row["video_id"], row["object_id"]): row for row in rows["objects"] if row["video_id"] in local}
    tracks = {(t.video_id, t.object_id): t for t in dataset.objects() if t.video_id in local}
    for (video_id, object_id), row, found in _paired(objects, tracks):
        what = _presence(row, found)
        if row is not None and found is not None:
            what = "".join(f": {difference}" for difference in _frame_differences(row["frames"], found.frames))
            if found.category != names.get(row["class_id"]):
                what = f" is {found.category!r} in the local data, {names.get(row['class_id'])!r} in the manifest"
        if what:
            yield Flaw(where, f"object {video_id}/{object_id}{what}")
    sentences = {(r["video_id"], r["expression_id"]): r for r in rows["expressions"] if r["video_id"] in local}
    said = {(e.video_id, e.expression_id): e for e in dataset.expressions() if e.video_id in local}
    for (video_id, expression_id), row, sentence in _paired(sentences, said):
        what = _presence(row, sentence)
        if row is not None and sentence is not None:
            if text_digest(sentence.text) != row["text_sha256"]:
                what = ": the local text does not have the digest in the manifest"
            elif list(sentence.object_ids) != row["object_ids"]:
                what = " names other objects in the local data"
        if what:
            yield Flaw(where, f"sentence {video_id}/{expression_id}{what}")


def _paired(one: Mapping[Any, Any], two: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:  # Any: keys, records
    """Yields the keys of two mappings, each with its value in both, or None."""
    for key in {**one, **two}:
        yield key, one.get(key), two.get(key)


def _presence(row: object, record: object) -> str:
    if record is None:
        return " is not in the local data"
    return " is in the local data, and not in the manifest" if row is None else ""


def _frame_differences(listed: Sequence[str], local: Sequence[str]) -> Iterator[str]:
    if absent := sorted(set(listed).difference(local)):
        yield f"frames {absent} are not listed in the local data"
    if added := sorted(set(local).difference(listed)):
        yield f"frames {added} are listed in the local data, and not in the manifest"
    if not absent and not added and list(listed) != list(local):
        yield "its frames come in another order in the local data"


def _look_for_files(dataset: Dataset, videos: Iterable[_Row]) -> Iterator[Flaw]:
    for row in videos:
        video_id = row["video_id"]
        for name in row["frames"]:
            if missing := dataset.missing_files(video_id, name):
                yield Flaw(f"{video_id}/{name}", f"missing: {', '.join(map(str, missing))}")
        try:
            size = dataset.frame_size(video_id)
        except DataError as error:
            yield Flaw(video_id, str(error))
            continue
        if size is not None and (what := _size_problem(row, size)):
            yield Flaw(video_id, what)


def _look_at_pixels(
    folder: Path, digest: str, rows: _Rows, dataset: Dataset, videos: Iterable[_Row], *, sound: bool
) -> Iterator[Flaw]:
    annotated: dict[str, dict[int, Sequence[str]]] = {video["video_id"]: {} for video in rows["videos"]}
    for item in rows["objects"]:
        annotated.setdefault(item["video_id"], {})[item["object_id"]] = item["frames"]
    recorded = None
    try:
        recorded = read_pixels(folder, digest, annotated)
    except ManifestError as error:
        sound = False
        yield Flaw("pixels.json", str(error))
    found: dict[str, VideoPixels] = {}
    for row in videos:
        look = _VideoLook(dataset, row, annotated[row["video_id"]])
        flaws = list(look.flaws())
        if not flaws and recorded is not None:
            flaws = list(_differences(row["video_id"], recorded[row["video_id"]], look.pixels()))
        sound = sound and not flaws
        found[row["video_id"]] = look.pixels()
        yield from flaws
    if sound and recorded is None:
        try:
            write_pixels(folder, digest, found)
        except ManifestError as error:
            logger.warning("%s So a later change of pixels is not found.", error)


def _differences(video_id: str, recorded: VideoPixels, found: VideoPixels) -> Iterator[Flaw]:
    for what in ("frames", "label_maps"):
        if getattr(recorded, what) != getattr(found, what):
            yield Flaw(video_id, f"its {what.replace('_', ' ')} decode to other pixels than those in pixels.json")


class _VideoLook:
    """Decodes all that there is of a video."""

    def __init__(self, dataset: Dataset, row: _Row, annotated: Annotated) -> None:
        self._dataset = dataset
        self._row = row
        self._annotated = annotated
        self._digests = PixelDigest(), PixelDigest()

    def pixels(self) -> VideoPixels:
        """Returns what was decoded."""
        frames, label_maps = self._digests
        return VideoPixels(frames=frames.hexdigest(), label_maps=label_maps.hexdigest())

    def flaws(self) -> Iterator[Flaw]:
        """Yields what is wrong, frame by frame; then, if nothing is, what is wrong with all frames together."""
        video_id = self._row["video_id"]
        check = LabelCheck(self._dataset, video_id, self._annotated)
        is_sound = True
        for name in self._row["frames"]:
            try:
                what = self._frame_problem(name, check)
            except DataError as error:
                what = str(error)
            if what:
                is_sound = False
                yield Flaw(f"{video_id}/{name}", what)
        if is_sound:
            try:
                check.finish()
            except DataError as error:
                yield Flaw(video_id, str(error))

    def _frame_problem(self, name: str, check: LabelCheck) -> str:
        video_id = self._row["video_id"]
        if missing := self._dataset.missing_files(video_id, name):
            return f"missing: {', '.join(map(str, missing))}"
        frame = self._dataset.frame(video_id, name)
        label_map = self._dataset.label_map(video_id, name)
        if frame.shape[:2] != label_map.shape[-2:]:
            return f"picture {frame.shape[:2]} and label map {label_map.shape[-2:]} (height, width) differ"
        if what := _size_problem(self._row, frame.shape[:2]):
            return what
        present = check.see(name, label_map)
        for digest, values in zip(self._digests, (frame, label_map.astype("<u2")), strict=True):
            digest.add(name, values)
        promised = {object_id for object_id, frames in self._annotated.items() if name in frames}
        absent = sorted(promised - present)
        return f"objects {absent} are not in its label map" if absent else ""


def _size_problem(row: _Row, size: Collection[int]) -> str:
    listed = row["height"], row["width"]
    if listed in ((None, None), tuple(size)):
        return ""
    return f"height and width are {tuple(size)}, in the manifest {listed}"
