"""The training loop: from a task, episodes and a recipe to a checkpoint, over any number of processes and kills.

Which episodes a step takes, and what it draws at random, follow from its position alone. So a training that goes on
from a state ends in the weights of one that was never stopped.
"""

import logging
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Literal
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fsbench.errors import RunError
from fsbench.files import content_digest
from fsbench.files import locked
from fsbench.files import write_whole
from fsbench.packages import installed_versions
from fsbench.progress import open_progress
from fsbench.streams import named_stream
from fsbench.training import TrainingEpisodes
from fsbench_baselines.training.accelerator import start_accelerator
from fsbench_baselines.training.course import Course
from fsbench_baselines.training.course import moved
from fsbench_baselines.training.course import open_batches
from fsbench_baselines.training.journal import draw_curve
from fsbench_baselines.training.journal import Journal
from fsbench_baselines.training.journal import read_journal
from fsbench_baselines.training.optimisation import build_optimizer
from fsbench_baselines.training.optimisation import freeze
from fsbench_baselines.training.optimisation import left_out
from fsbench_baselines.training.optimisation import rate_factor
from fsbench_baselines.training.recipe import Recipe
from fsbench_baselines.training.state import load_weights
from fsbench_baselines.training.state import read_record
from fsbench_baselines.training.state import read_state
from fsbench_baselines.training.state import save_model
from fsbench_baselines.training.state import TrainingIdentity
from fsbench_baselines.training.state import TrainingRecord
from fsbench_baselines.training.state import write_state
from fsbench_baselines.training.task import Task
from fsbench_baselines.training.tracking import tracked

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["LoopSettings", "has_begun", "run_training"]

_LOG = logging.getLogger(__name__)

_PACKAGES = ("accelerate", "fsbench", "numpy", "opencv-python-headless", "pillow", "torch", "transformers")
"""Packages that weights may depend on."""


@dataclass(frozen=True)
class LoopSettings:
    """How and where a training runs.

    Attributes:
        out: Its folder, which all processes see. It gets `model/` (the checkpoint), `training.json`, `metrics.jsonl`
            and `curve.png`, and while it runs `state.pt`.
        stage: The entry of a whole recipe that is the recipe here; "" if it is the whole.
        method: The name of what is trained.
        options: What it was made with, files by content.
        seed: Of dropout and whatever else the task draws; and for the record that of weights and episodes.
        manifest_digest: Of the splits.
        about: What else makes this training what it is, such as fold and initial weights; goes into the record,
            and a resume refuses another.
        resume: Go on with what is in `out`, if anything; without it a folder that holds a training is refused.
        workers: Processes that read episodes, for each training process; 0 reads them there.
        precision: What the passes are computed in; weights are float32 always.
        compile: Let torch compile the model.
        device: auto, cpu, cuda or mps.
        track: The tracker that shows every step; None for none. It is no part of what the training is.
        state_every: Seconds between states; one is written at the end of each epoch, too.
        progress: Show a progress bar.
    """

    out: Path
    seed: int
    manifest_digest: str
    stage: str = ""
    method: str | None = None
    options: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    about: Mapping[str, str | int | None] = field(default_factory=dict)
    resume: bool = False
    workers: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    compile: bool = False
    device: str = "auto"
    track: Literal["tensorboard", "wandb", "trackio"] | None = None
    state_every: float = 300.0
    progress: bool = False


def run_training(task: Task, episodes: TrainingEpisodes, recipe: Recipe, settings: LoopSettings) -> None:
    """Trains a model and leaves its checkpoint in `settings.out / "model"`.

    Where several processes were started, by torchrun or `accelerate launch`, each calls this with the same arguments.

    Args:
        task: The model and its loss.
        episodes: What it learns from.
        recipe: How.
        settings: Where; a training that is finished already is left as it is on a resume.

    Raises:
        PluginError: A package of the extra [train] is missing, or that of the tracker.
        RunError: The folder is in use or holds another training, the recipe does not fit the model, or a loss is not
            finite.
    """
    accelerator = start_accelerator(settings.device, settings.precision, recipe, settings.track, settings.out)
    identity = _identity(task, recipe, settings, accelerator)
    with locked(settings.out) if accelerator.is_main_process else nullcontext():
        if not _is_finished(settings, identity):
            _Training(task, episodes, recipe, settings, identity, accelerator).run()
        accelerator.wait_for_everyone()


def has_begun(task: Task, recipe: Recipe, settings: LoopSettings) -> bool:
    """Returns whether `run_training` goes on from something, so that what comes before has done its part.

    Args:
        task: As `run_training` takes it, with whatever weights.
        recipe: As there.
        settings: As there.

    Raises:
        RunError: The folder is not for this training.
    """
    accelerator = start_accelerator(settings.device, settings.precision, recipe)
    return _require_own(settings, _identity(task, recipe, settings, accelerator))


def _identity(task: Task, recipe: Recipe, settings: LoopSettings, accelerator: "Accelerator") -> TrainingIdentity:
    return TrainingIdentity(
        method=settings.method,
        options=dict(settings.options),
        model=dict(task.configuration),
        recipe=recipe.to_json(),
        seed=settings.seed,
        manifest_digest=settings.manifest_digest,
        processes=accelerator.num_processes,
        precision=settings.precision,
        about=dict(settings.about),
    )


def _require_own(settings: LoopSettings, identity: TrainingIdentity) -> bool:
    """Returns whether a folder holds this training. Raises RunError if it may not go on there."""
    out, record, state = settings.out, settings.out / "training.json", settings.out / "state.pt"
    if record.exists():
        identity.require_same(read_record(record).identity, record)
    elif state.exists():
        read_state(state, identity, mapped=True)
    elif (out / "model").exists():
        raise RunError(f"{out}: holds a training already, without what it could go on from. Give another --out.")
    has_any = record.exists() or state.exists()
    if has_any and not settings.resume:
        raise RunError(f"{out}: holds a training already. Go on with --resume, or give another --out.")
    return has_any


def _is_finished(settings: LoopSettings, identity: TrainingIdentity) -> bool:
    """Returns whether there is nothing to do. Raises RunError if the folder is not for this training."""
    record, model, state = (settings.out / name for name in ("training.json", "model", "state.pt"))
    if not _require_own(settings, identity) or not record.exists():
        return False
    if read_record(record).describes(model):
        return True
    if not state.exists():
        raise RunError(
            f"{model}: is not what the training left, and without {state.name} it cannot be written again. Bring it "
            "back from a copy, or train anew with another --out."
        )
    _LOG.warning("%s: is not what the training left; it is written again from %s.", model, state.name)
    return False


class _Training:
    """One process of a training under way."""

    def __init__(
        self,
        task: Task,
        episodes: TrainingEpisodes,
        recipe: Recipe,
        settings: LoopSettings,
        identity: TrainingIdentity,
        accelerator: "Accelerator",
    ) -> None:
        self.task = task
        self.episodes = episodes
        self.recipe = recipe
        self.settings = settings
        self.identity = identity
        self.accelerator = accelerator
        self.course = Course(recipe.epochs, len(episodes), recipe.batch, accelerator.num_processes)
        self.state_file = settings.out / "state.pt"
        self.step = 0
        self._prepare()

    def _prepare(self) -> None:
        state = read_state(self.state_file, self.identity) if self.state_file.exists() else None
        journal = self.settings.out / "metrics.jsonl"
        if state is None and self._is_main and journal.is_file() and journal.stat().st_size:
            _LOG.warning("%s: is of a training that was stopped before its first state; this one starts anew.", journal)
        model = self.task.model
        freeze(model, self.recipe)
        if state:
            load_weights(model, state["model"], self.state_file)
        self.left_out = left_out(model, self.recipe)
        optimizer = build_optimizer(model, self.recipe)
        if self.settings.compile:
            model.compile()
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        if state:
            self.step = state["step"]
            self.optimizer.load_state_dict(state["optimizer"])
            for name, gradient in state["gradients"].items():
                self.left_out[name].grad = gradient.to(self.accelerator.device)
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state["scaler"])
            _LOG.info("%s: going on at step %d", self.state_file, self.step)

    def run(self) -> None:
        """Takes the steps that are left, and writes what a training leaves."""
        about = self.identity.model_dump(mode="json")
        with (
            Journal(self.settings.out / "metrics.jsonl", self.step) if self._is_main else nullcontext() as journal,
            tracked(self.accelerator, str(self.settings.out), about) as track,
        ):
            self._take_steps(journal, track)
        if self._is_main:
            save_model(self.task, self.settings.out / "model")
            self._write_record()

    @property
    def _is_main(self) -> bool:
        return bool(self.accelerator.is_main_process)

    def _take_steps(self, journal: Journal | None, track: Callable[[Mapping[str, Any]], None]) -> None:
        show = self.settings.progress and self._is_main
        title = self.settings.out.name
        written = time.monotonic()
        process, workers = self.accelerator.process_index, self.settings.workers
        starts_epoch = True
        with (
            open_batches(self.episodes, self.task.collate, self.course, self.step, process, workers) as batches,
            open_progress(title, self.course.steps, unit="step", done=self.step, show=show) as advance,
        ):
            while self.step < self.course.steps:
                if starts_epoch:
                    self.task.set_modes()
                record = self._take_step(batches)
                self.step += 1
                starts_epoch = self.step % self.course.steps_per_epoch == 0
                advance(f"loss {record['losses']['total']:.4g}")
                track(record)
                if journal is not None:
                    journal.add(record)
                    if starts_epoch or time.monotonic() - written >= self.settings.state_every:
                        journal.sync()
                        self._write_state()
                        written = time.monotonic()

    def _take_step(self, batches: Iterator[Any]) -> dict[str, Any]:
        """Takes a step and returns its record, the same in all processes but for the times."""
        started = time.monotonic()
        batch = next(batches)
        loaded = time.monotonic()
        count = self.task.count(batch)
        if self.accelerator.num_processes > 1:
            count = self.accelerator.reduce(torch.tensor(count, device=self.accelerator.device), "sum").item()
        self._seed()
        batch = moved(batch, self.accelerator.device)
        losses = self.task.loss(self.model, batch, max(1.0, count) / self.accelerator.num_processes)
        means = self._mean_losses(losses)
        self.accelerator.backward(losses["total"])
        norm = self._clip()
        factor = rate_factor(self.recipe, self.step, self.course.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        self.optimizer.step()
        # As in the released code, what is in no group keeps its gradients, and the next ones are added to them.
        self.optimizer.zero_grad()
        self._require_finite()
        seconds = time.monotonic() - started
        return {
            "step": self.step,
            "epoch": self.step // self.course.steps_per_epoch,
            "losses": means,
            "lr": self.recipe.lr * factor,
            "gradient_norm": norm,
            "seconds": seconds,
            "loading_seconds": loaded - started,
            "episodes_per_second": self.course.batch * self.course.processes / seconds,
        }

    def _seed(self) -> None:
        stream = named_stream(self.settings.seed, "train", "step", self.step, self.accelerator.process_index)
        torch.manual_seed(int(stream.random() * 2**53))

    def _mean_losses(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Returns the means over the processes. Raises RunError in all of them if a loss is not finite in one."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        everywhere = self.accelerator.gather(values[None]).cpu()
        wrong = [process for process, row in enumerate(everywhere) if not row.isfinite().all()]
        if wrong:
            self._stop("the loss is", wrong)
        return dict(zip(losses, everywhere.mean(0).tolist(), strict=True))

    def _clip(self) -> float:
        """Clips the gradients and returns their norm before that."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        norm = float(self.accelerator.clip_grad_norm_(parameters, self.recipe.clip or float("inf")))
        # The scaler of fp16 finds its scale by such steps, and skips them.
        if self.accelerator.scaler is None and not norm < float("inf"):
            self._stop("the gradient is", range(self.course.processes))
        return norm

    def _require_finite(self) -> None:
        """Raises RunError if the step left weights that are not finite, before anything is saved."""
        changed: list[Tensor] = [parameter for parameter in self.task.model.parameters() if parameter.requires_grad]
        changed += [buffer for buffer in self.task.model.buffers() if buffer.is_floating_point()]
        if not torch.stack([tensor.detach().isfinite().all() for tensor in changed]).all():
            self._stop("the weights are", range(self.course.processes))

    def _stop(self, what: str, processes: Iterable[int]) -> None:
        keys = [key for process in processes for key in self.course.share(self.step, process)]
        specs = "; ".join(str(self.episodes.sampler.spec(*key)) for key in keys)
        key = f"{self.settings.stage}.lr" if self.settings.stage else "lr"
        raise RunError(
            f"{self.settings.out}: at step {self.step} {what} not finite, with {specs}. The same command with --resume "
            f"would come to the same step: look at these episodes, or train anew with another --out and a smaller "
            f"learning rate, such as --set {key}={self.recipe.lr / 10:g}."
        )

    def _write_state(self) -> None:
        scaler = self.accelerator.scaler
        content = {
            "step": self.step,
            "model": self.task.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "gradients": {name: p.grad for name, p in self.left_out.items() if p.grad is not None},
            "scaler": None if scaler is None else scaler.state_dict(),
        }
        write_state(self.state_file, self.identity, content)

    def _write_record(self) -> None:
        journal = self.settings.out / "metrics.jsonl"
        draw_curve(journal, self.settings.out / "curve.png")
        record = TrainingRecord(
            identity=self.identity,
            packages=installed_versions(_PACKAGES),
            steps=self.course.steps,
            episodes=self.course.steps * self.course.batch * self.course.processes,
            seconds=sum(line["seconds"] or 0.0 for line in read_journal(journal)),
            checkpoint_sha256=content_digest(self.settings.out / "model"),
        )
        write_whole(self.settings.out / "training.json", record.model_dump_json(indent=2) + "\n")
