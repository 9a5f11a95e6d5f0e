import ctypes
import errno
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.files import locked
from fsbench_baselines.training import loop
from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.state import read_record
from tests.baselines.training.toy import collate
from tests.baselines.training.toy import toy_recipe
from tests.baselines.training.toy import ToyEpisodes
from tests.baselines.training.toy import ToyTask
from tests.baselines.training.toy import train
from tests.conftest import ROOT

LEFT_OUT = ("support_qkv",)


def _lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def _by_hand(recipe: Recipe, size: int) -> tuple[nn.Module, list[tuple[float, float]]]:
    """The training of a toy without dropout as the released code has it: its optimizer, clipping and schedule."""
    task, episodes = ToyTask(dropout=0.0), ToyEpisodes(size)
    model = task.model
    model.text_encoder.requires_grad_(False)
    named = dict(model.named_parameters())
    main = [p for n, p in named.items() if n.split(".")[0] not in ("backbone", "text_encoder", *recipe.left_out)]
    groups = [{"params": main}, {"params": list(model.backbone.parameters()), "lr": 0.005}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=5e-4, foreach=False)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1])
    found = []
    for epoch in range(recipe.epochs):
        for first in range(0, size, recipe.batch):
            indices = [index % size for index in range(first, first + recipe.batch)]
            batch = collate([episodes[epoch, index] for index in indices])
            loss = task.loss(model, batch, max(1.0, task.count(batch)))["total"]
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()
            found.append((loss.item(), norm.item()))
        scheduler.step()
    return model, found


def _assert_close(weights: dict[str, Tensor], model: nn.Module) -> None:
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("left_out", [(), LEFT_OUT])
@pytest.mark.parametrize(("size", "batch"), [(8, 2), (5, 2), (3, 1)])
def test_the_weights_are_those_of_a_loop_by_hand(
    left_out: tuple[str, ...], size: int, batch: int, tmp_path: Path
) -> None:
    recipe = toy_recipe(left_out=left_out, batch=batch)
    weights = train(tmp_path / "out", recipe, ToyTask(dropout=0.0), episodes=ToyEpisodes(size))
    model, wanted = _by_hand(recipe, size)
    _assert_close(weights, model)
    found = [(line["losses"]["total"], line["gradient_norm"]) for line in _lines(tmp_path / "out")]
    assert found == [pytest.approx(pair, rel=1e-4, abs=1e-6) for pair in wanted]


def test_what_is_left_out_does_not_move_and_what_is_frozen_has_no_gradient(tmp_path: Path) -> None:
    before = ToyTask().model.state_dict()
    clipped = train(tmp_path / "out", toy_recipe(left_out=LEFT_OUT))
    still = {name for name in before if torch.equal(before[name], clipped[name])}
    assert still == {"text_encoder.weight", "support_qkv.weight", "support_qkv.bias", "unused.weight", "unused.bias"}
    trained = train(tmp_path / "other", toy_recipe())
    assert not torch.equal(trained["support_qkv.weight"], before["support_qkv.weight"])


def test_gradients_of_what_is_left_out_count_in_the_clipping(tmp_path: Path) -> None:
    train(tmp_path / "left-out", toy_recipe(left_out=LEFT_OUT))
    train(tmp_path / "frozen", toy_recipe(frozen=("text_encoder", *LEFT_OUT)))
    train(tmp_path / "trained", toy_recipe())
    left_out, frozen, trained = (_lines(tmp_path / name) for name in ("left-out", "frozen", "trained"))
    assert left_out[0]["gradient_norm"] == trained[0]["gradient_norm"] > frozen[0]["gradient_norm"]


def test_no_clip_is_no_clipping(tmp_path: Path) -> None:
    free = train(tmp_path / "free", toy_recipe(clip=0))
    wide = train(tmp_path / "wide", toy_recipe(clip=1e9))
    assert all(torch.equal(free[name], wide[name]) for name in free)


def test_dropout_and_order_follow_from_the_seed(tmp_path: Path) -> None:
    one, same, other = (train(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])
    noise = [line["losses"]["noise"] for line in _lines(tmp_path / "a")]
    assert len(set(noise)) == len(noise)


def test_a_training_leaves_checkpoint_curve_record_and_a_line_a_step(tmp_path: Path) -> None:
    task, recipe = ToyTask(), toy_recipe(schedule="cosine", warmup_steps=2)
    train(tmp_path, recipe, task, about={"method": "toy", "fold": 2})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"lock", "metrics.jsonl", "state.pt", "model", "curve.png", "training.json"}
    assert task.epochs == 3
    lines = _lines(tmp_path)
    assert [(line["step"], line["epoch"]) for line in lines] == [(step, step // 4) for step in range(12)]
    assert [line["lr"] for line in lines[:3]] == [0.005, 0.01, 0.01]
    for line in lines:
        assert line["losses"]["total"] == pytest.approx(2 * line["losses"]["size"])
        assert 0 <= line["loading_seconds"] <= line["seconds"]
        assert line["episodes_per_second"] == pytest.approx(2 / line["seconds"])
    record = read_record(tmp_path / "training.json")
    assert (record.steps, record.episodes, record.schema_version) == (12, 24, 1)
    assert record.seconds == pytest.approx(sum(line["seconds"] for line in lines))
    assert Recipe.from_json(record.identity.recipe) == recipe
    assert record.identity.about == {"method": "toy", "fold": 2}
    assert record.packages["torch"] == torch.__version__.split("+")[0] or "+" in record.packages["torch"]


def test_a_loss_that_is_not_finite_stops_with_its_episodes_and_keeps_the_state(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        train(tmp_path, episodes=ToyEpisodes(8, broken=[(1, 5)]))
    message = str(caught.value)
    assert "at step 6 the loss is not finite" in message
    assert "epoch 1, episode 4, class 'mouse'" in message
    assert "epoch 1, episode 5, class 'mouse'" in message
    assert "episode 3" not in message
    assert torch.load(tmp_path / "state.pt")["step"] == 4
    assert [line["step"] for line in _lines(tmp_path)] == list(range(6))
    assert not (tmp_path / "model").exists()
    mended = train(tmp_path, resume=True)
    whole = train(tmp_path / "other")
    assert all(torch.equal(mended[name], whole[name]) for name in whole)


def test_a_gradient_that_is_not_finite_stops_before_it_reaches_the_weights(tmp_path: Path) -> None:
    task = ToyTask()
    task.model.head.weight.register_hook(lambda gradient: gradient * torch.inf)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    with pytest.raises(RunError, match="at step 0 the gradient is not finite, with epoch 0, episode 0, class 'mouse'"):
        train(tmp_path, task=task)
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_a_folder_that_holds_a_training_is_refused_without_resume(tmp_path: Path) -> None:
    train(tmp_path)
    for left in ("training.json", "state.pt"):
        with pytest.raises(RunError, match=r"holds a training already\. Go on with --resume, or give another --out"):
            train(tmp_path)
        (tmp_path / left).unlink()
    for resume in (False, True):  # a checkpoint of unknown origin is not replaced
        with pytest.raises(RunError, match=r"holds a training already, without .*another --out"):
            train(tmp_path, resume=resume)


def test_a_finished_training_is_left_as_it_is(tmp_path: Path) -> None:
    train(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "lock"}
    task = ToyTask()
    train(tmp_path, task=task, resume=True, workers=1)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert task.epochs == 0


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: shutil.rmtree(model),
        lambda model: (model / "weights.pt").unlink(),
        lambda model: _cut(model / "weights.pt"),
        lambda model: (model / "more").write_text("more"),
    ],
)
def test_a_finished_checkpoint_that_is_gone_or_changed_is_written_again_or_refused(damage: Any, tmp_path: Path) -> None:
    weights = train(tmp_path)
    content = (tmp_path / "model" / "weights.pt").read_bytes()
    damage(tmp_path / "model")
    task = ToyTask()
    again = train(tmp_path, task=task, resume=True)
    assert task.epochs == 0
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["weights.pt"]
    assert (tmp_path / "model" / "weights.pt").read_bytes() == content
    damage(tmp_path / "model")
    (tmp_path / "state.pt").unlink()
    with pytest.raises(RunError, match=r"model: is not what the training left, and without state\.pt"):
        train(tmp_path, resume=True)


@pytest.mark.parametrize("step", [2, 3, 11])
def test_a_step_that_leaves_weights_that_are_not_finite_is_never_saved(step: int, tmp_path: Path) -> None:
    task, steps = ToyTask(), []

    def spoil(*_: object) -> None:
        steps.append(1)
        if len(steps) == step + 1:
            task.model.head.weight.data[0, 0] = torch.nan

    hook = register_optimizer_step_post_hook(spoil)
    try:
        with pytest.raises(RunError, match=rf"at step {step} the weights are not finite.*--set lr=0\.001"):
            train(tmp_path, task=task, state_every=0)
    finally:
        hook.remove()
    assert not (tmp_path / "model").exists()
    state = torch.load(tmp_path / "state.pt")
    assert state["step"] == step
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


def test_advice_for_a_stage_names_its_own_learning_rate(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"another --out and .*--set pretraining\.lr=0\.001"):
        train(tmp_path, episodes=ToyEpisodes(8, broken=[(0, 1)]), stage="pretraining")


@pytest.mark.parametrize("writes", [0, 3, 6])
def test_a_full_disk_is_an_error_of_the_system(writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Filling(io.BytesIO):
        left = writes

        def write(self, content: Any) -> int:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr("fsbench_baselines.training.state.write_whole", lambda path, content: content(Filling()))
    with pytest.raises(OSError, match="No space left on device"):
        train(tmp_path)


@pytest.mark.parametrize(
    "lost", [["training.json"], ["training.json", "curve.png", "model"], ["training.json", "model"]]
)
def test_a_training_killed_at_its_very_end_is_finished(lost: list[str], tmp_path: Path) -> None:
    weights = train(tmp_path)
    for name in lost:
        path = tmp_path / name
        path.rename(tmp_path.with_name(f"{tmp_path.name}-{name}"))
    (tmp_path / ".model.fsbench-abcdefgh.tmp").mkdir()
    (tmp_path / ".state.pt.fsbench-abcdefgh.tmp").write_text("half")
    again = train(tmp_path, resume=True)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert {path.name for path in tmp_path.iterdir()} == {
        "lock",
        "metrics.jsonl",
        "state.pt",
        "model",
        "curve.png",
        "training.json",
    }


@pytest.mark.parametrize("resume", [False, True])
def test_where_one_was_stopped_before_its_first_state_another_starts_anew_and_says_so(
    resume: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = train(tmp_path / "alone")
    assert not caplog.messages
    train(tmp_path / "out", seed=4)
    for name in ("training.json", "state.pt", "model"):
        path = tmp_path / "out" / name
        path.rename(tmp_path / name)
    weights = train(tmp_path / "out", resume=resume)
    assert all(torch.equal(alone[name], weights[name]) for name in weights)
    assert [line["losses"] for line in _lines(tmp_path / "out")] == [
        line["losses"] for line in _lines(tmp_path / "alone")
    ]
    assert [message for message in caplog.messages if "stopped before its first state" in message]


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("resume", [False, True])
def test_another_training_is_refused_by_name(resume: bool, finished: bool, tmp_path: Path) -> None:
    train(tmp_path, about={"fold": 1}, method="one", options={"size": 3, "words": "ab"})
    if not finished:
        (tmp_path / "training.json").unlink()
    recipe = toy_recipe(lr=0.02, augmentation=replace(toy_recipe().augmentation, flip=0.5), rates={})
    other = {"seed": 4, "manifest_digest": "d1", "about": {"fold": 2}, "method": "other", "options": {"size": 4}}
    with pytest.raises(RunError) as caught:
        train(tmp_path, recipe, ToyTask(dropout=0.25), resume=resume, **other)
    for change in (
        "method: one, now other",
        "options.size: 3, now 4",
        "options.words: ab, now None",
        "model.dropout: 0.5, now 0.25",
        "recipe.lr: 0.01, now 0.02",
        "recipe.augmentation.flip: 0.0, now 0.5",
        "recipe.rates.backbone.0: 0.005, now None",
        "seed: 3, now 4",
        "manifest_digest: d0, now d1",
        "about.fold: 1, now 2",
    ):
        assert change in str(caught.value)
    assert "recipe.epochs" not in str(caught.value)


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "training.json").unlink()
    task = ToyTask()
    task.model.more = nn.Linear(1, 1)
    with pytest.raises(RunError, match=r"state\.pt: is the state of another model .*more\.weight"):
        train(tmp_path, task=task, resume=True)


@pytest.mark.parametrize("size", [0, 1, 100, 0.5, -1])
def test_a_damaged_state_is_refused(size: float, tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "training.json").unlink()
    content = (tmp_path / "state.pt").read_bytes()
    kept = int(size * len(content)) if size == 0.5 else int(size)
    (tmp_path / "state.pt").write_bytes(content[:kept])
    with pytest.raises(RunError, match=r"state\.pt: is damaged or no state of a training .* another --out"):
        train(tmp_path, resume=True)


def _without_moments(state: dict[str, Any]) -> None:
    del state["optimizer"]["state"][0]["exp_avg_sq"]


def _with_another_weight(state: dict[str, Any]) -> None:
    state["model"]["head.weight"][0, 0] += 1


@pytest.mark.parametrize("change", [_without_moments, _with_another_weight, lambda state: state.update(step="1")])
def test_a_state_that_is_not_as_it_was_written_is_refused(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    train(tmp_path)
    (tmp_path / "training.json").unlink()
    state = torch.load(tmp_path / "state.pt")
    change(state)
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(RunError, match=r"state\.pt: is damaged or no state of a training"):
        train(tmp_path, resume=True)


def test_a_state_cannot_run_code(tmp_path: Path) -> None:
    torch.save({"identity": Path}, tmp_path / "state.pt")
    with pytest.raises(RunError, match="no state of a training"):
        train(tmp_path, resume=True)


def test_a_record_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(RunError, match=r"training\.json: is no record of a training"):
        train(tmp_path, resume=True)


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(RunError, match="another fsbench is at work here"):
        train(tmp_path)


def test_mixed_precision_is_another_training_near_the_first(tmp_path: Path) -> None:
    exact = train(tmp_path / "exact", precision="no")
    AcceleratorState._reset_state(reset_partial_state=True)
    mixed = train(tmp_path / "mixed", precision="bf16")
    assert {value.dtype for value in mixed.values()} == {torch.float32}
    assert not torch.equal(exact["head.weight"], mixed["head.weight"])
    torch.testing.assert_close(exact["head.weight"], mixed["head.weight"], rtol=0.1, atol=0.05)


def _start_scaled(device: str, precision: str, recipe: Recipe, *_: object) -> Accelerator:
    """An accelerator that does on the CPU what fp16 does elsewhere."""
    accelerator = Accelerator(cpu=True, mixed_precision="fp16")
    accelerator.native_amp = True
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3)
    return accelerator


def test_steps_that_overflow_are_skipped_and_the_scale_goes_on_with_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "start_accelerator", _start_scaled)
    whole = train(tmp_path / "whole")
    norms = [line["gradient_norm"] for line in _lines(tmp_path / "whole")]
    assert norms[0] is None
    assert 3 < sum(norm is not None for norm in norms) < 12
    with pytest.raises(RunError, match="loss is not finite"):
        train(tmp_path / "parts", episodes=ToyEpisodes(broken=[(2, 3)]))
    parts = train(tmp_path / "parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert [line["gradient_norm"] for line in _lines(tmp_path / "parts")] == norms


def test_what_a_machine_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="A CPU does not compute in fp16"):
        train(tmp_path, precision="fp16")
    with pytest.raises(RunError, match="leaves parameters out, which fp16 cannot scale"):
        train(tmp_path, toy_recipe(left_out=LEFT_OUT), precision="fp16")


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no device 'mps' here, but"):
        train(tmp_path, device="mps" if not torch.backends.mps.is_available() else "cuda")


@pytest.mark.parametrize("package", ["accelerate", "matplotlib"])
def test_the_extra_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        PluginError, match=rf"Training needs {package}\. Install it with: pip install 'fsbench\[train\]'"
    ):
        train(tmp_path)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="asks glibc 2.33 or later")
def test_on_a_cpu_freed_memory_stays_with_the_process() -> None:
    code = """
import ctypes, torch
from fsbench_baselines.training.accelerator import start_accelerator
from tests.baselines.training.toy import toy_recipe

class Info(ctypes.Structure):  # mallinfo2(3)
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

start_accelerator("cpu", "no", toy_recipe())
info = ctypes.CDLL(None).mallinfo2
info.restype = Info
before = info().hblks  # blocks that go back to the system as soon as they are freed
held = torch.ones(30 << 18)
print(info().hblks - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own use
def test_a_compiled_model_trains_to_the_same_weights_under_the_same_names(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain")
    with torch.compiler.set_stance("force_eager"):
        compiled = train(tmp_path / "compiled", compile=True)
    assert all(torch.equal(plain[name], compiled[name]) for name in plain)
