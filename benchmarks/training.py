"""How fast a training step of CMA is, against the same step without the measures that save time.

    python benchmarks/training.py --recipe corrected
    python benchmarks/training.py --recipe corrected --precision bf16
    python benchmarks/training.py --recipe shapes --frames 3 --height 96 --width 128

Both take the same steps on one thread, in turn. The plain step is made of the same modules, but it keeps the graph of
the frozen parts and goes back through them, asks the frozen text encoder anew for each sentence, and drops out as
torch does. With `--precision bf16` our step alone is computed so. Prints CPU seconds by part, best of several rounds,
and the ratio; fails where the losses differ without dropout, by more than one in 10,000, or in bf16 one in 20. A
recipe that trains everything and has no dropout, as `shapes`, leaves nothing to save in float32: the ratio is one.

The weights are random. Of the released configuration everything has its size but for the frames and, unless
`--text base` is given, the text encoder.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch
from torch.nn import functional

from fsbench.training import ClipSpec
from fsbench.training import EpisodeSpec
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench.training.clips import object_boxes
from fsbench_baselines import linear
from fsbench_baselines.referformer import dropout
from fsbench_baselines.referformer import fusion
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.referformer.task import TrainingBatch
from fsbench_baselines.training.optimisation import build_optimizer
from fsbench_baselines.training.optimisation import freeze
from fsbench_baselines.training.recipe import load_recipe
from fsbench_baselines.training.recipe import Recipe
from fsbench_cma.task import build_task

WORDS = "the a left right small large red dark animal person on in front of moving to near".split()
TEXTS = {
    "small": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512},
    "base": {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
}


class Times(NamedTuple):
    """CPU seconds of the parts of a step."""

    forward: float
    backward: float
    update: float

    def __str__(self) -> str:
        parts = " | ".join(f"{name} {seconds:.3f}" for name, seconds in self._asdict().items())
        return f"{sum(self):.3f} s = {parts}"


class Trainee:
    """A task and its optimizer."""

    def __init__(self, recipe: Recipe, start: Start) -> None:
        self.task: FamilyTask = build_task(recipe, start, affinity="cross", wiring={"dab": True})
        freeze(self.task.model, recipe)
        self.optimizer = build_optimizer(self.task.model, recipe)
        self.task.set_modes()

    def loss(self, batch: TrainingBatch, precision: str) -> torch.Tensor:
        """Returns the loss, computed as `run_training` has it computed."""
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return self.task.loss(self.task.model, batch, self.task.count(batch))["total"]

    def step(self, batch: TrainingBatch, precision: str = "no") -> Times:
        """Takes a step and measures it."""
        moments = [time.process_time()]
        loss = self.loss(batch, precision)
        moments.append(time.process_time())
        loss.backward()
        moments.append(time.process_time())
        self.optimizer.step()
        self.task.model.zero_grad()
        moments.append(time.process_time())
        return Times(*np.diff(moments))

    @torch.no_grad()
    def loss_without_dropout(self, batch: TrainingBatch, precision: str = "no") -> float:
        """Returns the loss in eval mode."""
        modes = {module: module.training for module in self.task.model.modules()}
        self.task.model.eval()
        loss = self.loss(batch, precision).item()
        for module, mode in modes.items():
            module.training = mode
        return loss


@contextmanager
def without_measures(trainee: Trainee) -> Iterator[None]:
    """Takes the measures back while it runs; the optimizer knows what is frozen, and still leaves it alone."""
    model = trainee.task.model
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    cache, model.sentence_cache = model.sentence_cache, None

    def plain(x: torch.Tensor, rate: float, *, training: bool) -> torch.Tensor:
        return functional.dropout(x, rate, training)

    for parameter in frozen:
        parameter.requires_grad_(True)
    with (
        mock.patch.object(dropout, "dropout", plain),
        mock.patch.object(fusion, "dropout", plain),
        mock.patch.object(linear, "_by_onednn", return_value=False),
    ):
        yield
    for parameter in frozen:
        parameter.requires_grad_(False)
    model.sentence_cache = cache


def draw_episode(rng: np.random.Generator, recipe: Recipe, size: tuple[int, int]) -> TrainingEpisode:
    """Draws noise with a rectangle of noise of another kind."""
    ids = ClipSpec("video", "0", (1,), ("00000",))
    clips = []
    for num_frames in (recipe.query_frames, recipe.support_frames):
        frames = rng.integers(0, 120, (num_frames, *size, 3), np.uint8)
        masks = np.zeros(frames.shape[:3], bool)
        masks[:, size[0] // 4 : size[0] // 2, size[1] // 3 : size[1] // 2] = True
        frames[masks] += 120
        valid = np.ones(num_frames, bool)
        clips.append(TrainingClip(frames, masks, object_boxes(masks), valid, " ".join(rng.choice(WORDS, 8)), 1))
    return TrainingEpisode(EpisodeSpec(0, 0, 1, "noise", ids, ids), *clips)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="corrected")
    parser.add_argument("--text", choices=TEXTS, default="small")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe(options.recipe, recipes=RECIPES, base="corrected")
    recipe = replace(
        recipe,
        query_frames=options.frames,
        support_frames=options.frames,
        frozen_eval=True,
        model={"text": TEXTS[options.text], **recipe.model},
    )
    trainee = Trainee(recipe, Start(sentences=[" ".join(WORDS)]))
    rng = np.random.default_rng(0)
    size = (options.height, options.width)
    batch = trainee.task.collate([draw_episode(rng, recipe, size) for _ in range(recipe.batch)])

    ours, plain = [], []
    for number in range(options.rounds + 1):
        ours.append(trainee.step(batch, options.precision))
        with without_measures(trainee):
            plain.append(trainee.step(batch))
        print(f"round {number}: {ours[-1]} against {plain[-1]}", file=sys.stderr)
    best, best_plain = (min(times[1:], key=sum) for times in (ours, plain))  # the first round fills caches
    print(f"ours  {best}")
    print(f"plain {best_plain}")
    print(f"ratio {sum(best_plain) / sum(best):.2f}")
    loss = trainee.loss_without_dropout(batch, options.precision)
    with without_measures(trainee):
        plain_loss = trainee.loss_without_dropout(batch)
    if abs(loss - plain_loss) > {"no": 1e-4, "bf16": 0.05}[options.precision] * abs(loss):
        sys.exit(f"The losses differ: {loss} and {plain_loss}.")


if __name__ == "__main__":
    main()
