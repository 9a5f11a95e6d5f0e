"""The parts of a run while it grows: which draws of a unit are in them, and how more are added.

A unit has one part of predictions and one of scores, named by its number, with the rows of those of its draws that are
done, in the order of the plan. A draw is done where all its episodes are in the part of scores, which is written last.
"""

import json
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import UTC
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.files import named_errors
from fsbench.files import write_whole
from fsbench.records import first_problem
from fsbench.running.cost import UnitTiming
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import DrawTask
from fsbench.running.plan import Unit
from fsbench.running.runs import part_path
from fsbench.running.runs import read_part_metadata
from fsbench.running.runs import read_predictions
from fsbench.running.runs import read_scores

__all__ = [
    "done_draws",
    "keep",
    "made_on",
    "noted_pixels",
    "read_failures",
    "read_pixels",
    "remaining",
    "write_failures",
    "write_part",
]

_PIXELS = b"fsbench.pixels"  # in the metadata of a part of scores

_FAILURES = TypeAdapter(dict[int, dict[str, str]])
_NOTE = TypeAdapter(dict[str, str])


def remaining(folder: Path, unit: Unit, metrics: Sequence[str]) -> Unit | None:
    """Returns a unit with those of its draws that are not done; None if all are.

    Args:
        folder: The run's folder.
        unit: The unit with all draws.
        metrics: Names of the metrics that the run's protocol reports.

    Raises:
        RunError: A part cannot be read.
    """
    path = part_path(folder, "scores", unit.number)
    done = set(pc.unique(read_scores(path, metrics)["episode_id"]).to_pylist()) if path.is_file() else set()
    left = tuple(task for task in unit.draws if not done.issuperset(task.episode_ids))
    if left and not part_path(folder, "predictions", unit.number).is_file():
        left = unit.draws  # there is nothing to add masks to
    return unit._replace(draws=left) if left else None


def done_draws(unit: Unit, left: Unit | None) -> tuple[DrawTask, ...]:
    """Returns the draws of a unit that its parts hold and that stay, given what `remaining` returned of it."""
    return unit.draws if left is None else tuple(task for task in unit.draws if task not in left.draws)


def keep(
    folder: Path,
    unit: Unit,
    asked: Unit,
    result: UnitResult,
    metrics: Sequence[str],
    failures: dict[int, dict[str, str]],
) -> None:
    """Writes what a unit came to, beside what its parts hold of draws that were done before.

    A failure is noted before the scores are there, and struck out after.

    Args:
        folder: The run's folder.
        unit: The unit with all draws.
        asked: What was done of it now; see `remaining`.
        result: What that came to.
        metrics: As in `remaining`.
        failures: Messages of the run's units so far, by number and episode; brought up to date.

    Raises:
        RunError: A part cannot be read.
    """
    if result.failures:
        failures[result.number] = dict(result.failures)
        write_failures(folder, failures)
    before = done_draws(unit, asked)
    pixels = {**(read_pixels(folder, unit) if before else {}), **result.pixels}
    for kind, table in (("predictions", result.predictions), ("scores", result.scores)):
        path = part_path(folder, kind, result.number)
        if before:
            held = read_scores(path, metrics) if kind == "scores" else read_predictions(path)
            table = _joined(held, table, unit, [key for task in before for key in task.episode_ids])
        write_part(path, table, pixels if kind == "scores" else {})
    scored = set(pc.unique(result.scores["episode_id"]).to_pylist())
    timing = UnitTiming(
        unit=result.number,
        draws=tuple(task.draw for task in asked.draws if scored.issuperset(task.episode_ids)),
        seconds=result.seconds,
        frames=result.frames,
        peak_bytes=result.peak_bytes,
        hardware=result.hardware,
        parameters=result.parameters,
        peak_device_bytes=result.peak_device_bytes,
        finished=datetime.now(UTC).date(),
    )
    with named_errors(folder / "timing.jsonl"), (folder / "timing.jsonl").open("a") as stream:
        stream.write(timing.model_dump_json() + "\n")
    if not result.failures and failures.pop(result.number, {}):
        write_failures(folder, failures)


def read_pixels(folder: Path, unit: Unit) -> dict[str, str]:
    """Returns what `Unit.pixels` was when the rows of a unit's part were made; empty if there is no part or no note.

    Raises:
        RunError: The part, or its note, cannot be read.
    """
    path = part_path(folder, "scores", unit.number)
    return noted_pixels(path) if path.is_file() else {}


def write_part(path: Path, table: pa.Table, pixels: Mapping[str, str]) -> None:
    """Writes a part whole, with a note of the pixels that it was made from, if any are given."""
    if pixels:
        note = {_PIXELS: json.dumps(pixels, sort_keys=True)}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **note})
    # In one chunk the bytes do not tell how the rows came together.
    write_whole(path, partial(pq.write_table, table.combine_chunks(), compression="zstd"))


def made_on(paths: Iterable[Path]) -> str:
    """Returns the day on which parts were made, or the first and the last."""
    times = [path.stat().st_mtime for path in paths]
    days = dict.fromkeys(datetime.fromtimestamp(time).date().isoformat() for time in (min(times), max(times)))
    return " to ".join(days)


def noted_pixels(path: Path) -> dict[str, str]:
    """Returns the note of pixels in a part; empty if it has none. Raises RunError if it cannot be read."""
    try:
        return _NOTE.validate_json(read_part_metadata(path).get(_PIXELS, b"{}"))
    except ValidationError as error:
        raise RunError(
            f"{path}: its note of pixels cannot be read ({first_problem(error)}). Delete it and run the same command "
            "again."
        ) from error


def _joined(present: pa.Table, new: pa.Table, unit: Unit, kept: Iterable[str]) -> pa.Table:
    """Returns the rows of some episodes that a part holds, and new ones, in the order of the plan."""
    held = present.filter(pc.is_in(present["episode_id"], pa.array(kept, pa.string())))
    table = pa.concat_tables([held.cast(new.schema), new])
    order = pa.array([key for task in unit.draws for key in task.episode_ids], pa.string())
    return table.take(pc.sort_indices(pc.index_in(table["episode_id"], order)))


def write_failures(folder: Path, failures: Mapping[int, Mapping[str, str]]) -> None:
    """Writes the messages of the units that failed, by number and episode."""
    write_whole(folder / "failures.json", json.dumps(failures, indent=1, sort_keys=True) + "\n")


def read_failures(folder: Path) -> dict[int, dict[str, str]]:
    """Returns the messages of the units that failed, by number and episode. Raises RunError if they are damaged."""
    path = folder / "failures.json"
    if not path.is_file():
        return {}
    try:
        return _FAILURES.validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(
            f"{path}: cannot be read ({first_problem(error)}). Delete it and run the same command again: what failed "
            "is tried once more."
        ) from error
