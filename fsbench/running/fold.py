"""Running a method over the episodes of a fold: resumable, and the same with any number of workers.

A run with more support draws than the one in its folder, and otherwise of the same identity, extends it. What is done
stays, and the draws that are missing are added to the parts of each video (see `parts`), so that a run of draws 0 that
is extended to 0-4 ends in the bytes of one that was made with 0-4 at once (all but `timing.jsonl`, which tells how it
went). Till then it is an unfinished run of all its draws: `result.json` goes first, then `run.json` names the draws.
Draws are never taken away, and nothing else of an identity can change.
"""

import logging
import os
import shutil
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel
from pydantic import ValidationError

from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.records import Dataset
from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.files import write_whole
from fsbench.methods.devices import Devices
from fsbench.progress import track
from fsbench.protocol import Protocol
from fsbench.records import first_problem
from fsbench.running.cluster import ClusterOptions
from fsbench.running.desk import RunUnits
from fsbench.running.identity import differences
from fsbench.running.identity import extends
from fsbench.running.identity import FoldRun
from fsbench.running.outcomes import UnitResult
from fsbench.running.parts import done_draws
from fsbench.running.parts import keep
from fsbench.running.parts import made_on
from fsbench.running.parts import read_failures
from fsbench.running.parts import read_pixels
from fsbench.running.parts import remaining
from fsbench.running.plan import plan_units
from fsbench.running.plan import Unit
from fsbench.running.runs import part_path
from fsbench.running.runs import read_scores
from fsbench.running.worker import WorkerSetup
from fsbench.scores.aggregation import fold_scores
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.splits.manifest import Manifest

__all__ = ["RunOptions", "claim", "conclude", "evaluate_fold"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; nothing here changes its result.

    Attributes:
        workers: Processes.
        engine: See `engines.ENGINES`.
        keep_going: Record failed episodes and go on.
        restart: Discard what another identity, or an earlier call, left in the folder.
        memo_mib: MiB that a method may keep of a clip for later sentences and draws.
        mask_mib: MiB of masks that a method may return at once, at a byte a pixel. One that does not work in parts
            gets the sentences of a longer video in groups.
        ahead: Videos to read ahead while the method works, with masks of one more scored behind it; 0 does one thing
            after the other, and None is what `videos_ahead` says.
        progress: Show a progress bar.
        devices: Numbers of the devices that workers are dealt out over, of the kind that is the method's option
            `device`; empty for all that there are.
        cluster: What the engine ray asks for.
    """

    workers: int = 1
    engine: str = "local"
    keep_going: bool = False
    restart: bool = False
    memo_mib: int = 512
    mask_mib: int = 4096
    ahead: int | None = None
    progress: bool = False
    devices: tuple[int, ...] = ()
    cluster: ClusterOptions = field(default_factory=ClusterOptions)

    def on(self, devices: Devices) -> "RunOptions":
        """Returns this with the numbers of devices. Raises RunError if workers cannot be dealt out over these."""
        if devices.numbers and self.engine == "ray":
            raise RunError(
                f"On a Ray cluster, Ray deals out the devices of each machine. Pass --device {devices.kind}, and "
                "--gpus-per-worker."
            )
        if len(devices.numbers) > self.workers:
            raise RunError(
                f"--workers {self.workers} would leave some of {len(devices.numbers)} devices idle: each holds one "
                f"model on one device. Pass --workers {len(devices.numbers)}, or fewer devices."
            )
        return replace(self, devices=devices.numbers)

    def videos_ahead(self, dataset: Dataset, options: Mapping[str, Any]) -> int:
        """Returns how many videos to read ahead, unless that is said: one where nothing is taken from the method by it.

        That is on an accelerator, or where there are more cores than processes. Threads are left away for a dataset of
        somebody's own, whose calls may have to come one at a time.

        Args:
            dataset: Has the videos.
            options: Of the method.
        """
        if self.ahead is not None:
            return self.ahead
        is_accelerated = str(options.get("device", "cpu")) != "cpu"
        has_cores = self.engine == "local" and (os.cpu_count() or 1) > self.workers
        return int(isinstance(dataset, FolderDataset) and (is_accelerated or has_cores))


def evaluate_fold(task: FoldRun, folder: Path, run: RunOptions, run_units: RunUnits) -> Result:
    """Runs a method over a fold, or goes on where an earlier call of the same run stopped.

    Args:
        task: The run.
        folder: The run's folder; every file in it is written whole.
        run: How to carry it out.
        run_units: What does the units; see `engines.open_engine`.

    Returns:
        The result, which is also in `result.json`. Failed episodes are in it if `run.keep_going`.

    Raises:
        RunError: The folder is in use, or holds another run.
        FsbenchError: See `Worker.run`.
    """
    if task.protocol.chain is None:
        raise RunError(
            f"Protocol {task.protocol.name!r} scores folders of masks, not episodes. Evaluate with 'standard'."
        )
    identity = task.identity()
    setup = WorkerSetup(
        dataset=task.benchmark.dataset,
        fold=task.benchmark.fold(task.fold),
        method=task.method,
        options=task.options,
        protocol=task.protocol,
        keep_going=run.keep_going,
        memo_limit=run.memo_mib << 20,
        mask_limit=run.mask_mib << 20,
        ahead=run.videos_ahead(task.benchmark.dataset, task.options),
        devices=run.devices,
    )
    if task.control is not None and task.method.learns_from_draws:
        raise RunError(
            f"Method {task.method.info.name!r} learns from the support videos of all classes at once, so no support "
            "set can stand in for another: it has no control."
        )
    units = plan_units(
        task.benchmark,
        task.fold,
        task.draws,
        limit=task.limit,
        classes=task.classes,
        control=task.control,
        shard=task.shard,
        whole_draws=task.method.learns_from_draws,
    )
    with locked(folder):
        claim(folder, identity, restart=run.restart)
        failures = read_failures(folder)
        todo = {unit.number: left for unit in units if (left := remaining(folder, unit, task.protocol.metrics))}
        by_number = {unit.number: unit for unit in units}
        kept = [unit._replace(draws=done_draws(unit, todo.get(unit.number))) for unit in units]
        kept = [unit for unit in kept if unit.draws]
        _check_pixels(folder, task, [by_number[unit.number] for unit in kept], run.progress)
        _say_what_is_reused(folder, kept, len(units))

        def write(found: UnitResult) -> None:
            keep(folder, by_number[found.number], todo[found.number], found, task.protocol.metrics, failures)

        title, done = f"{folder.parent.name}/{folder.name}", len(units) - len(todo)
        with closing(run_units(setup, list(todo.values()), write)) as kept_units:
            for _ in track(kept_units, title, len(units), unit="video", done=done, show=run.progress):
                pass
        asked = {unit.number: {key: unit.frames for draw in unit.draws for key in draw.episode_ids} for unit in units}
        return conclude(folder, identity, task.protocol, task.benchmark.manifest, asked, failures)


def claim(folder: Path, identity: RunIdentity, *, restart: bool) -> None:
    """Makes the folder this run's, or raises RunError if it is another's."""
    path = folder / "run.json"
    if restart or (path.is_file() and not any(folder.glob("scores/part-*.parquet"))):  # nothing finished is no run yet
        _clear(folder)
    if path.is_file():
        try:
            present = RunIdentity.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RunError(f"{path}: {first_problem(error)}. Discard the run with --restart.") from error
        if extends(identity, present):
            logger.info("%s: adding draws to those that are done: %s.", folder, present.draws)
            (folder / "result.json").unlink(missing_ok=True)
            write_whole(path, _json(identity))
        elif changed := differences(present, identity):
            raise RunError(
                f"{folder}: holds another run; it differs in {'; '.join(changed)}. Give another --out, or discard "
                "the run there with --restart."
            )
        return
    if any((folder / name).is_dir() for name in ("predictions", "scores")):
        raise RunError(f"{folder}: holds parts of a run without run.json. Discard them with --restart.")
    write_whole(path, _json(identity))


def _check_pixels(folder: Path, task: FoldRun, units: Sequence[Unit], show: bool) -> None:
    """Raises RunError if the pixels that parts were made from are no longer those of the dataset."""
    dataset, changed = task.benchmark.dataset, []
    noted = {unit.number: pixels for unit in units if (pixels := read_pixels(folder, unit))}
    held = [unit for unit in units if unit.number in noted]
    for unit in track(held, "pixels", len(held), unit="video", show=show and bool(held)):
        now = unit.pixels(dataset)
        changed += [unit.video_id for key, value in noted[unit.number].items() if now.get(key, value) != value][:1]
    if changed:
        raise RunError(
            f"{folder}: frames or label maps of {len(changed)} videos, or of their support sets, have changed since "
            f"they were scored, e.g. {changed[0]!r}. Give another --out, or discard the run there with --restart."
        )


def _say_what_is_reused(folder: Path, units: Sequence[Unit], total: int) -> None:
    """Says how many episodes are not done again: of units with the draws that are kept, among a number of videos."""
    if units:
        episodes = sum(len(task.episode_ids) for unit in units for task in unit.draws)
        logger.warning(
            "%s: %d episodes of %d of %d videos are taken from %s; --restart runs anew.",
            folder,
            episodes,
            len(units),
            total,
            made_on(part_path(folder, "scores", unit.number) for unit in units),
        )


def _clear(folder: Path) -> None:
    for name in ("run.json", "result.json", "failures.json", "timing.jsonl"):
        (folder / name).unlink(missing_ok=True)
    for name in ("predictions", "scores"):
        shutil.rmtree(folder / name, ignore_errors=True)


def conclude(
    folder: Path,
    identity: RunIdentity,
    protocol: Protocol,
    manifest: Manifest,
    asked: Mapping[int, Mapping[str, Sequence[str]]],
    failures: Mapping[int, Mapping[str, str]],
) -> Result:
    """Writes and returns the result of a run all of whose parts are there.

    Args:
        folder: The run's folder.
        identity: Whose it is.
        protocol: How it was scored; its chain, frames, metrics and headline count.
        manifest: The episodes.
        asked: Names of the frames of each episode, by the number of the unit and the episode.
        failures: Messages, likewise.

    Raises:
        RunError: A part is missing or damaged, has other rows than are asked for, or every episode failed.
    """
    paths = [part_path(folder, "scores", number) for number in asked]
    scores = pa.concat_tables([read_scores(path, protocol.metrics) for path in paths])
    failed = {key: message for messages in failures.values() for key, message in messages.items()}
    counted = {
        key: len(frames[protocol.counted(len(frames))])
        for episodes in asked.values()
        for key, frames in episodes.items()
        if key not in failed
    }
    _check_complete(folder, scores, counted)
    if not scores.num_rows:
        first = next(iter(failed.values()))
        raise RunError(f"{folder}: every episode failed, the first with: {first}")
    totals = fold_scores(scores.to_pandas(), manifest, protocol)[identity.fold]
    result = Result(
        identity=identity,
        score=totals.score,
        draws=totals.draws,
        classes=totals.classes,
        episodes=len(pc.unique(scores["episode_id"])),
        frames=scores.num_rows,
        failures=dict(sorted(failed.items())),
    )
    write_whole(folder / "result.json", _json(result))
    return result


def _check_complete(folder: Path, scores: pa.Table, counted: Mapping[str, int]) -> None:
    """Every episode that did not fail has a row for each frame that counts, once."""
    found = {row["values"]: row["counts"] for row in pc.value_counts(scores["episode_id"]).to_pylist()}
    if found != counted:
        wrong = sorted(key for key in counted.keys() | found.keys() if counted.get(key) != found.get(key))
        raise RunError(f"{folder}: {len(wrong)} episodes are incomplete, e.g. {wrong[0]}. Discard with --restart.")


def _json(record: BaseModel) -> str:
    return record.model_dump_json(indent=1) + "\n"
