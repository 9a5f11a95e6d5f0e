"""What runs cost: time in the method and memory, from their `timing.jsonl`, which stands apart from results."""

import logging
import math
import os
import platform
import re
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from fsbench.records import Record

__all__ = ["Cost", "UnitTiming", "describe_hardware", "read_timing", "total_cost"]

logger = logging.getLogger(__name__)


class UnitTiming(Record):
    """A line of a run's `timing.jsonl`: what one video cost, with all its sentences and some or all draws.

    Attributes:
        unit: Its number in the run.
        draws: The support draws that were done; empty in old files, whose units have all of the run's.
        seconds: Time in the method.
        frames: Frames that the method was asked for, counted once for each sentence and draw.
        peak_bytes: The largest resident memory of the worker so far.
        hardware: See `describe_hardware`; empty if it was not written down.
        parameters: Of the method's model; None if it does not say.
        peak_device_bytes: The most memory that the worker's tensors took on an accelerator so far, by torch's own
            count; None without one, and in old files.
        finished: The day, in UTC; None in old files.
    """

    unit: int
    draws: tuple[int, ...] = ()
    seconds: float
    frames: int
    peak_bytes: int
    hardware: str = ""
    parameters: int | None = None
    peak_device_bytes: int | None = None
    finished: date | None = None


class Cost(Record):
    """What units cost together.

    Attributes:
        seconds_per_frame: Time in the method, per frame, sentence and draw; None if it is not known.
        peak_memory_bytes: The largest resident memory of a worker; None if it is not known.
        hardware: The machines, each once, sorted.
        parameters: Of the method's model, the largest if they differ; None if it is not known.
        peak_device_memory_bytes: The most that a worker's tensors took on an accelerator; None if there was none.
        evaluated: The day of the last unit, in UTC; None if it is not known.
    """

    seconds_per_frame: float | None
    peak_memory_bytes: int | None
    hardware: tuple[str, ...]
    parameters: int | None
    peak_device_memory_bytes: int | None
    evaluated: date | None


def total_cost(timing: Iterable[UnitTiming]) -> Cost:
    """Returns what units cost together, the same to the last bit for any order of them."""
    units = list(timing)
    frames = sum(unit.frames for unit in units)
    return Cost(
        seconds_per_frame=math.fsum(unit.seconds for unit in units) / frames if frames else None,
        peak_memory_bytes=max((unit.peak_bytes for unit in units), default=None),
        hardware=tuple(sorted({unit.hardware for unit in units if unit.hardware})),
        parameters=max((unit.parameters for unit in units if unit.parameters is not None), default=None),
        peak_device_memory_bytes=max(
            (unit.peak_device_bytes for unit in units if unit.peak_device_bytes is not None), default=None
        ),
        evaluated=max((unit.finished for unit in units if unit.finished is not None), default=None),
    )


def describe_hardware() -> str:
    """Returns processor, cores and, if torch is loaded and sees one, accelerator of this machine."""
    names = re.findall(r"^model name\s*:\s*(.+)$", _read(Path("/proc/cpuinfo")), re.MULTILINE)
    parts = [names[0] if names else platform.processor() or platform.machine(), f"{os.cpu_count()} cores"]
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def read_timing(run: Path) -> list[UnitTiming]:
    """Reads what the units of a run cost.

    Args:
        run: The run's folder.

    Returns:
        A record for each unit, or several of different draws; the last if one was done again. Empty if the run has no
        `timing.jsonl`.
    """
    path = run / "timing.jsonl"
    if not path.is_file():
        return []
    units: dict[int, list[UnitTiming]] = {}
    for line in path.read_bytes().splitlines():
        try:
            unit = UnitTiming.model_validate_json(line)
        except ValidationError:
            # A killed run leaves a cut line, and the next one appends to it. A lost timing is no lost score.
            logger.warning("%s: skipped a line that was cut.", path)
            continue
        others = [other for other in units.get(unit.unit, []) if not _replaces(unit, other)]
        units[unit.unit] = [*others, unit]
    return [unit for found in units.values() for unit in found]


def _replaces(one: UnitTiming, other: UnitTiming) -> bool:
    return not one.draws or not other.draws or bool(set(one.draws) & set(other.draws))
