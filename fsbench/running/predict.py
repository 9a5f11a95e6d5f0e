"""Answering every sentence of a dataset, without support sets and without truth: masks in parts, and who made them.

What a unit came to is one part, `predictions/part-<number>.parquet`, written whole; a unit whose part is there is done.
Beside them `identity.json` says what they depend on. It comes with the first part: a folder without one is nobody's.
"""

import hashlib
import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from logging import getLogger
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pyarrow as pa
from pydantic import ValidationError

from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import Video
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.files import write_whole
from fsbench.masks.predictions import of_sentences
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Method
from fsbench.methods.contract import Weights
from fsbench.methods.refining import refined
from fsbench.methods.registry import find_method
from fsbench.progress import track
from fsbench.protocol import STANDARD
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench.running.engines import open_engine
from fsbench.running.fold import RunOptions
from fsbench.running.identity import asked_devices
from fsbench.running.identity import chosen_options
from fsbench.running.identity import differences
from fsbench.running.identity import method_identity
from fsbench.running.outcomes import UnitResult
from fsbench.running.parts import made_on
from fsbench.running.parts import noted_pixels
from fsbench.running.parts import write_part
from fsbench.running.plan import DrawTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.runs import part_path
from fsbench.running.worker import WorkerSetup
from fsbench.scores.results import DeclaredMethod

__all__ = ["PredictionIdentity", "PredictionRequest", "Predictions", "predict"]

logger = getLogger(__name__)

_IDENTITY = "identity.json"
_NO_FOLD = 0
_NO_SUPPORT = SupportTask("none", ())
_MOST_MASKS = 1024
"""Of a unit, which is what is done anew where it was stopped: 40 sentences about 100 frames are several units."""


class _Asked(NamedTuple):
    """A video and the sentences about it."""

    video: Video
    said: list[Expression]


class PredictionIdentity(Record):
    """What the masks of a folder depend on. Parts of another identity are never mixed in.

    Attributes:
        schema_version: Of this record.
        dataset: Its name.
        sources: SHA-256 of each of its metadata files, by path.
        questions: SHA-256 of the videos, frames and sentences that are asked.
        method, options, files, checkpoint_sha256, weights, source_sha256, distribution, packages, commit: As in
            `fsbench.scores.results.RunIdentity`.
    """

    schema_version: int = 1
    dataset: str
    sources: dict[str, str]
    questions: str
    method: DeclaredMethod
    options: dict[str, Any]  # Any: JSON scalars
    files: dict[str, str]
    checkpoint_sha256: str | None
    weights: Weights | None
    source_sha256: str
    distribution: str
    packages: dict[str, str]
    commit: str | None


@dataclass(frozen=True)
class PredictionRequest:
    """What to predict.

    Attributes:
        method: What `find_method` takes; one that ignores the support.
        dataset: Videos and sentences.
        refine: Name of a tracker that propagates the method's masks; empty for none.
        options: Options of the method, as text.
        checkpoint: Given to the method as its option `checkpoint`; None for one that it brings along, if it does.
        device: As in `evaluate.Request`.
        videos: Ids of the videos to answer; None for all.
        limit: Videos to answer at most, the first ones; None for all.
    """

    method: str | type | Method
    dataset: Dataset
    refine: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    device: str = "auto"
    videos: Sequence[str] | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Predictions:
    """Masks of the sentences of a dataset, in a folder that `fsbench.score` and the others take.

    Attributes:
        folder: Has them, as run-length codes in Parquet.
        identity: Who made them, of what.
        videos, sentences, masks: How many are in it.
        videos_asked: How many videos the dataset asks about.
    """

    folder: Path
    identity: PredictionIdentity
    videos: int
    sentences: int
    masks: int
    videos_asked: int

    def to_json(self) -> str:
        """Returns all of it as JSON."""
        counts = {name: getattr(self, name) for name in ("videos", "videos_asked", "sentences", "masks")}
        return json.dumps(
            {"folder": str(self.folder), **counts, "identity": self.identity.model_dump(mode="json")}, indent=1
        )

    def __str__(self) -> str:
        method = f"{self.identity.method.name} {self.identity.method.version} on {self.identity.dataset}"
        of = f" of {self.videos_asked}" if self.videos < self.videos_asked else ""
        return f"{self.folder}: {method}: {self.videos}{of} videos, {self.sentences} sentences, {self.masks} masks"


def predict(request: PredictionRequest, out: Path, run: RunOptions) -> Predictions:
    """Answers the sentences of a dataset, or goes on where an earlier call of the same stopped.

    Args:
        request: What to do.
        out: Folder of the masks.
        run: How to carry it out.

    Raises:
        PluginError: The method needs a support set, or breaks the contract.
        RunError: The folder is in use, or holds masks of another identity.
        DataError: The dataset asks nothing, or a picture cannot be read.
    """
    method, dataset = find_method(request.method), request.dataset
    method = refined(method, request.refine) if request.refine else method
    if not method.ignores_support:
        raise PluginError(
            f"Method {method.info.name!r} needs a support set, and sentences alone have none: 'fsbench evaluate' gives "
            "it those of episodes. (A method that ignores the support says so by the attribute ignores_support = True.)"
        )
    fold = Fold(dataset.name, _NO_FOLD, (), ())
    devices = asked_devices(request.options, request.device)
    run = run.on(devices)
    options = chosen_options(method, request.options, request.checkpoint, devices.kind, fold)
    asked = _questions(dataset)
    chosen = _chosen(asked, request, dataset)
    identity = PredictionIdentity(
        dataset=dataset.name,
        sources=dict(dataset.sources()),
        questions=_digest(asked),
        **method_identity(method, options),
    )
    setup = WorkerSetup(
        dataset=dataset,
        fold=fold,
        method=method,
        options=options,
        protocol=STANDARD,
        memo_limit=run.memo_mib << 20,
        mask_limit=run.mask_mib << 20,
        is_scored=False,
        ahead=run.videos_ahead(dataset, options),
        devices=run.devices,
    )
    units = {unit.number: unit for unit in _units(asked) if unit.video_id in chosen}
    of_video = {each.video.video_id: each for each in asked}
    with locked(out), open_engine(run.engine, run.workers, run.cluster) as run_units:
        _check_folder(out, identity, restart=run.restart)
        done = [unit for number, unit in units.items() if part_path(out, "predictions", number).is_file()]
        _check_pictures(out, dataset, done, show=run.progress)
        todo = units.keys() - {unit.number for unit in done}

        def write(found: UnitResult) -> None:
            if not (out / _IDENTITY).is_file():
                write_whole(out / _IDENTITY, identity.model_dump_json(indent=1) + "\n")
            _keep(out, of_video[units[found.number].video_id], found)

        with closing(run_units(setup, [units[number] for number in sorted(todo)], write)) as kept:
            for _ in track(kept, out.name, len(units), unit="part", done=len(done), show=run.progress):
                pass
    masks = [len(each.frames or video.frames) for video, said in asked if video.video_id in chosen for each in said]
    return Predictions(out, identity, len(chosen), len(masks), sum(masks), len(asked))


def _questions(dataset: Dataset) -> list[_Asked]:
    """Returns the videos that have sentences, with these."""
    said: dict[str, list[Expression]] = {}
    for each in dataset.expressions():
        if not each.text:
            raise DataError(
                f"{dataset.root}: says nothing of what is asked of video {each.video_id!r}: no text is there."
            )
        said.setdefault(each.video_id, []).append(each)
    found = [_Asked(video, said[video.video_id]) for video in dataset.videos() if video.video_id in said]
    if not found:
        raise DataError(f"{dataset.root}: has no sentences, so there is nothing to answer. Check --data-root.")
    return found


def _chosen(asked: Sequence[_Asked], request: PredictionRequest, dataset: Dataset) -> set[str]:
    """Returns the ids of the videos to answer."""
    known = [video.video_id for video, _ in asked]
    if unknown := sorted(set(request.videos or ()) - set(known)):
        raise DataError(f"{dataset.root}: asks nothing about {len(unknown)} videos of the list, e.g. {unknown[0]!r}.")
    wanted = known if request.videos is None else [each for each in known if each in set(request.videos)]
    return set(wanted[: request.limit])


def _units(asked: Sequence[_Asked]) -> Iterator[Unit]:
    """Cuts what is asked into units, whose numbers are the same whatever is chosen of them."""
    number = 0
    for video, said in asked:
        step = max(1, _MOST_MASKS // len(video.frames))
        for begin in range(0, len(said), step):
            part = said[begin : begin + step]
            ids = tuple(each.expression_id for each in part)
            texts = tuple(each.text for each in part)
            draws = (DrawTask(0, _NO_SUPPORT, ids),)
            yield Unit(number, "", video.video_id, video.frames, ids, texts, ((),) * len(part), draws, {})
            number += 1


def _digest(asked: Sequence[_Asked]) -> str:
    rows = [(*video, [(each.expression_id, each.text, each.frames) for each in said]) for video, said in asked]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode("ascii")).hexdigest()


def _check_folder(out: Path, identity: PredictionIdentity, *, restart: bool) -> None:
    """Makes sure that a folder holds masks of this identity alone, or raises RunError."""
    path, parts = out / _IDENTITY, out / "predictions"
    if (out / "run.json").is_file():
        raise RunError(f"{out}: holds a run of 'fsbench evaluate'. Name another folder.")
    if restart:
        for part in parts.glob("part-*.parquet"):
            part.unlink()
    if not any(parts.glob("part-*.parquet")):
        path.unlink(missing_ok=True)
        return
    try:
        present = PredictionIdentity.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        what = first_problem(error) if isinstance(error, ValidationError) else error.strerror
        raise RunError(f"{path}: {what}; whose masks these are is not known. Discard them with --restart.") from error
    if changed := differences(present, identity):
        raise RunError(
            f"{out}: holds other masks; they differ in {'; '.join(changed)}. Name another folder, or discard them with "
            "--restart."
        )


def _check_pictures(out: Path, dataset: Dataset, done: Sequence[Unit], *, show: bool) -> None:
    """Says what is there already. Raises RunError if its pictures are no longer those of the dataset."""
    if not done:
        return
    for unit in track(done, "pictures", len(done), unit="part", show=show):
        if noted_pixels(part_path(out, "predictions", unit.number)) != unit.pictures(dataset):
            raise RunError(
                f"{out}: pictures of video {unit.video_id!r} have changed since it was answered. Name another folder, "
                "or discard the masks there with --restart."
            )
    days = made_on(part_path(out, "predictions", unit.number) for unit in done)
    sentences = sum(len(unit.sentences) for unit in done)
    logger.warning("%s: %d sentences are taken from %s; --restart answers them anew.", out, sentences, days)


def _keep(out: Path, asked: _Asked, found: UnitResult) -> None:
    """Writes what a unit came to: of each sentence the frames in which it is asked."""
    table = of_sentences(found.predictions, asked.video.video_id)
    frames_of = {each.expression_id: set(each.frames) for each in asked.said if each.frames is not None}
    if frames_of:
        keys = zip(table["expression"].to_pylist(), table["frame"].to_pylist(), strict=True)
        table = table.filter(pa.array(key not in frames_of or frame in frames_of[key] for key, frame in keys))
    write_part(part_path(out, "predictions", found.number), table, found.pixels)
