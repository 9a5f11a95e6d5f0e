"""Trainings in processes of their own: killed, resumed, with other numbers of workers, and shared between two."""

import json
import random
import socket
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

from fsbench.errors import RunError
from fsbench_baselines.training.recipe import Recipe
from tests.baselines.training.toy import toy_recipe
from tests.baselines.training.toy import ToyEpisodes
from tests.baselines.training.toy import ToyTask
from tests.baselines.training.toy import train
from tests.baselines.training.toy import train_process
from tests.forked import forking

LONG = toy_recipe(epochs=6, left_out=("support_qkv",))  # 24 steps; what is left out keeps its gradients between them


def _start(
    out: Path, recipe: Recipe, variables: dict[str, str], toy: dict[str, Any], **settings: Any
) -> ForkServerProcess:
    process = forking().Process(target=train_process, args=(out, recipe, variables, toy), kwargs=settings)
    process.start()
    return process


def _finish(*processes: ForkServerProcess) -> None:
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def _lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def _steps(out: Path) -> int:
    """Steps of which the line is whole: a line that crosses a page may be seen while it is written."""
    path = out / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _weights(out: Path) -> dict[str, Tensor]:
    return torch.load(out / "model" / "weights.pt")


def _assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert not [name for name in one if not torch.equal(one[name], other[name])]


def _kill_at(out: Path, step: int, delay: float, **settings: Any) -> None:
    """Starts a training or goes on with it, and kills it `delay` seconds after it took a step."""
    process = _start(out, LONG, {}, {"pause": 0.01}, resume=True, **settings)
    deadline = time.monotonic() + 30
    while _steps(out) <= step and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.join()


@pytest.mark.parametrize("workers", [(0, 0, 0, 0), (2, 0, 1)])
def test_a_training_that_is_killed_again_and_again_ends_in_the_weights_of_one_that_is_not(
    workers: tuple[int, ...], tmp_path: Path
) -> None:
    whole = train(tmp_path / "whole", LONG)
    *killed, last = workers
    for number, step in zip(killed, sorted(random.sample(range(20), len(killed))), strict=True):
        _kill_at(tmp_path / "parts", step, random.random() * 0.015, workers=number, state_every=0.03)
    _finish(_start(tmp_path / "parts", LONG, {}, {}, resume=True, workers=last))
    _assert_equal(_weights(tmp_path / "parts"), whole)
    with Image.open(tmp_path / "parts" / "curve.png") as image:
        assert image.format == "PNG"
    lines, wanted = _lines(tmp_path / "parts"), _lines(tmp_path / "whole")
    assert [line["step"] for line in lines] == list(range(24))
    for name in ("epoch", "losses", "lr", "gradient_norm"):
        assert [line[name] for line in lines] == [line[name] for line in wanted]


def test_the_state_at_any_step_leads_to_the_same_weights(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", LONG)
    for step in range(0, 24, 5):
        out = tmp_path / str(step)
        episodes = ToyEpisodes(broken=[(step // 4, step % 4 * 2)])
        with pytest.raises(RunError, match=f"at step {step} the loss"):
            train(out, LONG, episodes=episodes, state_every=0)
        assert not step or torch.load(out / "state.pt")["step"] == step
        _assert_equal(train(out, LONG, resume=True), whole)


def test_loaders_die_with_their_training(tmp_path: Path) -> None:
    ends = {"kill": tmp_path / "one", "terminate": tmp_path / "two"}
    trainings = {how: _start(out, LONG, {}, {"pause": 0.5}, workers=1) for how, out in ends.items()}
    for how, process in trainings.items():
        deadline = time.monotonic() + 60
        while not _steps(ends[how]) and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        loaders = psutil.Process(process.pid).children(recursive=True)
        getattr(process, how)()
        process.join()
        assert loaders
        assert not psutil.wait_procs(loaders, timeout=10)[1], how


def _two_processes(out: Path, recipe: Recipe, **settings: Any) -> list[ForkServerProcess]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    return [_start(out, recipe, rendezvous | rank, {"dropout": 0.0}, **settings) for rank in ranks]


@pytest.mark.parametrize("size", [8, 6])
def test_two_processes_give_losses_and_weights_of_one_with_their_batches_together(size: int, tmp_path: Path) -> None:
    recipe = toy_recipe(left_out=("support_qkv",), batch=4)
    episodes = ToyEpisodes(size)
    device = "cpu" if torch.cuda.is_available() or torch.backends.mps.is_available() else "auto"
    seen = [int(episodes[0, index].query.valid.sum()) for index in range(4)]
    assert sum(seen[:2]) != sum(seen[2:]), "a mean of the processes' means would be the same"
    alone = train(tmp_path / "one", recipe, ToyTask(dropout=0.0), episodes=episodes)
    shared = Recipe.from_json({**recipe.to_json(), "batch": 2})
    _finish(*_two_processes(tmp_path / "two", shared, episodes=episodes, device=device))
    both = _weights(tmp_path / "two")
    for name in alone:
        torch.testing.assert_close(both[name], alone[name], rtol=1e-5, atol=1e-6, msg=name)
    lines, wanted = _lines(tmp_path / "two"), _lines(tmp_path / "one")
    assert [line["step"] for line in lines] == [line["step"] for line in wanted]
    for name in ("total", "size"):
        found = [line["losses"][name] for line in lines]
        assert found == pytest.approx([line["losses"][name] for line in wanted], rel=1e-4)
    assert [line["gradient_norm"] for line in lines] == pytest.approx(
        [line["gradient_norm"] for line in wanted], rel=1e-4
    )


def test_two_processes_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    broken = _two_processes(tmp_path / "parts", LONG, episodes=ToyEpisodes(broken=[(3, 7)]), state_every=0)
    _finish(*_two_processes(tmp_path / "whole", LONG))
    for process in broken:
        process.join(60)
    assert [process.exitcode for process in broken] == [2, 2]
    for rank in (0, 1):
        message = (tmp_path / f"parts.error-{rank}").read_text()
        assert "at step 7 the loss is not finite, with epoch 3, episode 6" in message
        assert "episode 7" in message
        assert "episode 5" not in message
    _finish(*_two_processes(tmp_path / "parts", LONG, resume=True))
    _assert_equal(_weights(tmp_path / "parts"), _weights(tmp_path / "whole"))
    assert [line["step"] for line in _lines(tmp_path / "parts")] == list(range(12))
