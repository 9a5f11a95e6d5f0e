import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import tracking
from accelerate.utils import LoggerType

from fsbench.errors import PluginError
from fsbench.errors import RunError
from tests.baselines.training.toy import ToyEpisodes
from tests.baselines.training.toy import train


class Seen(tracking.GeneralTracker):
    """Keeps what it is told, as TensorBoard's tracker of accelerate is told it."""

    name = "tensorboard"
    requires_logging_directory = True
    opened: "list[Seen]" = []  # noqa: RUF012 - accelerate makes it, and hands it to nobody

    def __init__(self, project: str, folder: Path) -> None:
        super().__init__()
        self.place, self.about = (project, Path(folder)), None
        self.steps: list[tuple[int | None, Mapping[str, Any]]] = []
        self.is_closed = False

    @property
    def tracker(self) -> "Seen":
        return self

    def start(self) -> None:
        self.opened.append(self)

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        self.about = dict(values)

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        self.steps.append((step, values))

    def finish(self) -> None:
        self.is_closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "tensorboard", Seen)
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: [LoggerType.TENSORBOARD])
    monkeypatch.setattr(Seen, "opened", [])
    return Seen.opened


def _lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_tracker_is_shown_the_journal_and_changes_nothing_of_the_training(opened: list[Seen], tmp_path: Path) -> None:
    plain = train(tmp_path / "plain")
    assert opened == []
    shown = train(tmp_path / "shown", track="tensorboard")
    assert all(torch.equal(plain[name], shown[name]) for name in plain)
    identities = [json.loads((tmp_path / o / "training.json").read_text())["identity"] for o in ("plain", "shown")]
    assert identities[0] == identities[1]
    (seen,) = opened
    assert seen.place == ("fsbench", tmp_path / "shown")
    assert seen.about is not None
    assert seen.about["seed"] == 3
    assert json.loads(seen.about["recipe"]) == identities[0]["recipe"]
    assert all(isinstance(value, str | int | float) for value in seen.about.values())
    assert seen.is_closed
    lines = _lines(tmp_path / "shown")
    assert len(lines) > 2
    for line, (step, values) in zip(lines, seen.steps, strict=True):
        losses = {f"loss/{name}": value for name, value in line.pop("losses").items()}
        assert step == line.pop("step")
        assert values == losses | line


def test_a_training_that_fails_closes_its_tracker(opened: list[Seen], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not finite"):
        train(tmp_path, track="tensorboard", episodes=ToyEpisodes(broken=[(1, 3)]))
    assert [seen.is_closed for seen in opened] == [True]


def test_a_tracker_whose_package_is_missing_is_said_before_the_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tracking, "get_available_trackers", list)
    with pytest.raises(PluginError, match=r"--track wandb needs a package that is not installed: pip install wandb\."):
        train(tmp_path / "out", track="wandb")
    assert not (tmp_path / "out").exists()


def test_tensorboard_reads_what_it_was_shown(tmp_path: Path) -> None:
    """In the form of TensorBoard's own files, read by its own reader."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="pip install tensorboard"
    )
    train(tmp_path, track="tensorboard")
    events = accumulator.EventAccumulator(str(tmp_path / "fsbench")).Reload()
    for name in ("total", "size"):
        found = [(event.step, event.value) for event in events.Scalars(f"loss/{name}")]
        assert found == [(line["step"], pytest.approx(line["losses"][name], rel=1e-6)) for line in _lines(tmp_path)]
