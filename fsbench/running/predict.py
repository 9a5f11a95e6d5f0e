"""Answering every sentence of a dataset, without support sets and without truth: masks in parts, and who made them.

What a unit came to is one part, `predictions/part-<number>.parquet`, written whole; a unit whose part is there is done.
Beside them `identity.json` says what they depend on. It comes with the first part: a folder without one is nobody's.
"""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from logging import getLogger
from pathlib import Path
from typing import Any

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
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Weights
from fsbench.methods.registry import find_method
from fsbench.progress import track
from fsbench.protocol import STANDARD
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench.running.engines import open_engine
from fsbench.running.fold import RunOptions
from fsbench.running.identity import chosen_options
from fsbench.running.identity import differences
from fsbench.running.identity import method_identity
from fsbench.running.parts import made_on
from fsbench.running.parts import noted_pixels
from fsbench.running.parts import write_part
from fsbench.running.plan import DrawTask
from fsbench.running.plan import SupportTask
from fsbench.running.plan import Unit
from fsbench.running.runs import part_path
from fsbench.running.worker import UnitResult
from fsbench.running.worker import WorkerSetup

__all__ = ["PredictionIdentity", "PredictionRequest", "Predictions", "predict"]

logger = getLogger(__name__)

_IDENTITY = "identity.json"
_NO_FOLD = 0
_NO_SUPPORT = SupportTask("", ())


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
    method: MethodInfo
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
        options: Options of the method, as text.
        checkpoint: Given to the method as its option `checkpoint`; None for one that it brings along, if it does.
        device: Given to the method as its option `device`, if it has one.
        videos: Ids of the videos to answer; None for all.
        limit: Videos to answer at most, the first ones; None for all.
    """

    method: str | type | Method
    dataset: Dataset
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
    if not method.ignores_support:
        raise PluginError(
            f"Method {method.info.name!r} needs a support set, and sentences alone have none: 'fsbench evaluate' gives "
            "it those of episodes. (A method that ignores the support says so by the attribute ignores_support = True.)"
        )
    options = chosen_options(method, request.options, request.checkpoint, request.device, dataset.name, _NO_FOLD)
    asked = _questions(dataset)
    units = [_unit(number, video, said) for number, (video, said) in enumerate(asked)]
    units = _chosen(units, request.videos, dataset)[: request.limit]
    identity = PredictionIdentity(
        dataset=dataset.name,
        sources=dict(dataset.sources()),
        questions=_digest(asked),
        **method_identity(method, options),
    )
    setup = WorkerSetup(
        dataset=dataset,
        fold=Fold(dataset.name, _NO_FOLD, (), ()),
        method=method,
        options=options,
        protocol=STANDARD,
        memo_limit=run.memo_mib << 20,
        is_scored=False,
    )
    frames_of = [{each.expression_id: each.frames for each in said if each.frames is not None} for _, said in asked]
    with locked(out), open_engine(run.engine, run.workers) as run_units:
        _check_folder(out, identity, restart=run.restart)
        done = [unit for unit in units if part_path(out, "predictions", unit.number).is_file()]
        _check_pictures(out, dataset, done, show=run.progress)
        todo = [unit for unit in units if unit not in done]
        results = run_units(setup, todo)
        for found in track(results, out.name, len(units), unit="video", done=len(done), show=run.progress):
            if not (out / _IDENTITY).is_file():
                write_whole(out / _IDENTITY, identity.model_dump_json(indent=1) + "\n")
            _keep(out, asked[found.number][0].video_id, frames_of[found.number], found)
    sentences = [_asked_frames(unit, each) for unit in units for each in asked[unit.number][1]]
    return Predictions(out, identity, len(units), len(sentences), sum(sentences), len(asked))


def _questions(dataset: Dataset) -> list[tuple[Video, list[Expression]]]:
    """Returns the videos that have sentences, with these."""
    said: dict[str, list[Expression]] = {}
    for each in dataset.expressions():
        said.setdefault(each.video_id, []).append(each)
    found = [(video, said[video.video_id]) for video in dataset.videos() if video.video_id in said]
    if not found:
        raise DataError(f"{dataset.root}: has no sentences, so there is nothing to answer. Check --data-root.")
    return found


def _unit(number: int, video: Video, said: Sequence[Expression]) -> Unit:
    ids = tuple(each.expression_id for each in said)
    texts = tuple(each.text for each in said)
    return Unit(number, "", video.video_id, video.frames, texts, ((),) * len(ids), (DrawTask(0, _NO_SUPPORT, ids),), {})


def _chosen(units: Sequence[Unit], videos: Sequence[str] | None, dataset: Dataset) -> list[Unit]:
    known = {unit.video_id for unit in units}
    if unknown := sorted(set(videos or ()) - known):
        raise DataError(f"{dataset.root}: asks nothing about {len(unknown)} videos of the list, e.g. {unknown[0]!r}.")
    return [unit for unit in units if videos is None or unit.video_id in videos]


def _asked_frames(unit: Unit, said: Expression) -> int:
    return len(unit.frames if said.frames is None else said.frames)


def _digest(asked: Sequence[tuple[Video, Sequence[Expression]]]) -> str:
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
    changed = [
        unit.video_id
        for unit in track(done, "pictures", len(done), unit="video", show=show)
        if noted_pixels(part_path(out, "predictions", unit.number)) != unit.pictures(dataset)
    ]
    if changed:
        raise RunError(
            f"{out}: pictures of {len(changed)} videos have changed since they were answered, e.g. {changed[0]!r}. "
            "Name another folder, or discard the masks there with --restart."
        )
    days = made_on(part_path(out, "predictions", unit.number) for unit in done)
    logger.warning("%s: %d videos are taken from %s; --restart answers them anew.", out, len(done), days)


def _keep(out: Path, video_id: str, frames_of: Mapping[str, Sequence[str]], found: UnitResult) -> None:
    table = of_sentences(found.predictions, video_id)
    if frames_of:
        keys = zip(table["expression"].to_pylist(), table["frame"].to_pylist(), strict=True)
        table = table.filter(pa.array(frame in frames_of.get(key, (frame,)) for key, frame in keys))
    write_part(part_path(out, "predictions", found.number), table, found.pixels)
