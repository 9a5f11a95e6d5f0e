"""The record of a training, a line a step, and the picture of it."""

import json
import math
import os
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.files import write_whole

__all__ = ["Journal", "draw_curve", "read_journal"]


class Journal:
    """A file of JSON lines that can be read while it grows.

    A line has `step` and `epoch`, counted from 0, `losses` (means over the processes), `lr`, `gradient_norm` (before
    clipping; null where it is not finite), `seconds` of the step, of them `loading_seconds` spent waiting for data, and
    `episodes_per_second`.
    """

    def __init__(self, path: Path, steps: int) -> None:
        """Opens a journal and cuts it back to the first `steps` steps; what a kill left of a line goes, too."""
        kept = [line for line in read_journal(path, steps) if line["step"] < steps] if path.exists() else []
        write_whole(path, "".join(map(_line, kept)))
        # Without a buffer each line is one write, so that no reader finds the half of one.
        self._stream = path.open("ab", buffering=0)

    def add(self, record: Mapping[str, Any]) -> None:  # Any: JSON
        """Writes a line."""
        self._stream.write(_line(record).encode())

    def sync(self) -> None:
        """Brings all lines to the disk."""
        os.fsync(self._stream.fileno())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _line(record: Mapping[str, Any]) -> str:
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


class _Step(BaseModel):
    """What is read of a line again; a null stands for a number that was not finite."""

    step: int
    epoch: int
    losses: dict[str, float]
    lr: float
    seconds: float | None = None


def read_journal(path: Path, steps: float = math.inf) -> list[dict[str, Any]]:
    """Returns the lines of a journal; what a kill left of a last one is none.

    Args:
        path: The file.
        steps: Read no further than the first so many steps are there.

    Raises:
        RunError: A line is damaged.
    """
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1], 1):
        if (records and records[-1]["step"] + 1 >= steps) or not steps:
            break
        try:
            _Step.model_validate_json(line).losses["total"]
        except (ValidationError, KeyError) as error:
            raise RunError(
                f"{path}, line {number}: is no record of a step. Delete the line and go on with --resume: the "
                "weights do not depend on it."
            ) from error
        records.append(json.loads(line))
    return records


def draw_curve(journal: Path, picture: Path) -> None:
    """Draws the loss of each step, its mean over each epoch, and the learning rate into a PNG file."""
    from matplotlib.figure import Figure

    records = read_journal(journal)
    steps = [record["step"] for record in records]
    epochs = [list(group) for _, group in groupby(records, key=lambda record: record["epoch"])]
    middles = [(epoch[0]["step"] + epoch[-1]["step"]) / 2 for epoch in epochs]
    means = [sum(record["losses"]["total"] for record in epoch) / len(epoch) for epoch in epochs]

    figure = Figure(figsize=(8, 4.5))
    losses = figure.add_subplot(xlabel="step", ylabel="loss")
    losses.plot(steps, [record["losses"]["total"] for record in records], color="tab:blue", alpha=0.3, linewidth=0.7)
    losses.plot(middles, means, color="tab:blue", marker=".", label="mean over an epoch")
    losses.set_ylim(bottom=0)
    losses.legend(loc="upper right")
    rates = losses.twinx()
    rates.plot(steps, [record["lr"] for record in records], color="tab:orange", linewidth=1)
    rates.set_ylabel("learning rate", color="tab:orange")
    write_whole(picture, lambda stream: figure.savefig(stream, format="png", dpi=120))
