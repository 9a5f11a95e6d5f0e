import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fsbench.errors import RunError
from fsbench_baselines.training.journal import draw_curve
from fsbench_baselines.training.journal import Journal
from fsbench_baselines.training.journal import read_journal


def _record(step: int, **values: Any) -> dict[str, Any]:
    return {"step": step, "epoch": step // 3, "losses": {"total": 1 / (step + 1)}, "lr": 1e-4, **values}


def _steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_each_line_is_whole_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path, 0) as journal:
        for step in range(4):
            journal.add(_record(step))
            assert _steps(path) == list(range(step + 1))
        journal.sync()


@pytest.mark.parametrize("end", ["", '{"step": 5, "ep', "5\x00\x00", '{"step": 5}'])
@pytest.mark.parametrize("steps", [0, 3, 5, 9])
def test_a_journal_goes_on_from_a_position(end: str, steps: int, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(_record(step)) + "\n" for step in range(5)) + end)
    with Journal(path, steps) as journal:
        journal.add(_record(steps))
    assert _steps(path) == [*range(min(steps, 5)), steps]


@pytest.mark.parametrize(
    "damage", ["", "5", "[]", "{}", '{"step": 2', '{"step": 2, "epoch": 0, "losses": {}, "lr": 0}']
)
def test_a_damaged_line_is_an_error_that_names_it_where_it_is_needed(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [damage if step == 2 else json.dumps(_record(step)) for step in range(5)]
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 3: is no record of a step"):
        Journal(path, 4)
    with Journal(path, 2) as journal:  # what comes after the state is written anew
        journal.add(_record(2))
    assert _steps(path) == [0, 1, 2]


def test_a_number_that_is_not_finite_is_null(tmp_path: Path) -> None:
    with Journal(tmp_path / "metrics.jsonl", 0) as journal:
        journal.add(_record(0, gradient_norm=float("inf"), seconds=float("nan")))
    (record,) = read_journal(tmp_path / "metrics.jsonl")
    assert (record["gradient_norm"], record["seconds"], record["lr"]) == (None, None, 1e-4)


@pytest.mark.parametrize("steps", [1, 8])
def test_the_picture_shows_something(steps: int, tmp_path: Path) -> None:
    with Journal(tmp_path / "metrics.jsonl", 0) as journal:
        for step in range(steps):
            journal.add(_record(step))
    draw_curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.format == "PNG"
        assert image.width > image.height > 400
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50
