"""Benchmarks drawn from a known model, many at once: each metric of their tables is a benchmark of its own."""

from dataclasses import dataclass
from itertools import count

import numpy as np
import pandas as pd

from fsbench.scores.episodes import Episodes
from fsbench.scores.episodes import Sample

_NUMBERS = count()  # of samples, for weights of their own


@dataclass(frozen=True)
class Model:
    """Standard deviations of what a score is made of, in shares."""

    fold: float = 0.01
    klass: float = 0.06
    video: float = 0.08
    draw: float = 0.03
    cell: float = 0.03
    training: float = 0.02
    training_class: float = 0.02
    training_video: float = 0.01
    training_draw: float = 0.01
    rest: float = 0.02
    uneven: float = 0.0  # of the logarithm of a factor by which all noise within a class grows
    start: float = 0.0  # of what all trainings of a fold have in common, and another method's have not


@dataclass(frozen=True)
class Simulation:
    """Benchmarks of one size. Axes: folds, classes, videos, draws, trainings, benchmarks."""

    folds: int = 4
    classes: int = 4
    videos: int = 4
    draws: int = 3
    number: int = 400

    @property
    def names(self):
        return [f"r{i}" for i in range(self.number)]

    def scores(self, rng, model, trainings=1, mean=0.5):
        """Scores, with the truth of each fold, [F, R], and of each class, [F, C, R], with and without its trainings."""

        def noise(sd, *axes):
            sizes = {"f": self.folds, "c": self.classes, "v": self.videos, "d": self.draws, "s": trainings}
            shape = [sizes[letter] if letter in axes else 1 for letter in "fcvds"]
            return sd * rng.normal(size=(*shape, self.number))

        of_fold, of_class = mean + noise(model.fold, *"f"), noise(model.klass, *"fc")
        of_training, by_class = noise(model.training, *"fs"), noise(model.training_class, *"fcs")
        inner = noise(model.video, *"fcv") + noise(model.draw, *"fcd") + noise(model.cell, *"fcvd")
        inner = inner + noise(model.training_video, *"fcvs") + noise(model.training_draw, *"fcds")
        inner = (inner + noise(model.rest, *"fcvds")) * np.exp(noise(model.uneven, *"fc"))
        of_start = noise(model.start, *"f")
        truth = {
            "fold": of_fold[:, 0, 0, 0, 0],
            "fold of these": (of_fold + of_training)[:, 0, 0, 0, 0],
            "class": (of_fold + of_class)[:, :, 0, 0, 0],
            "class of these": (of_fold + of_class + of_training + by_class)[:, :, 0, 0, 0],
        }
        return of_fold + of_class + of_training + by_class + inner + of_start, truth

    def sample(self, scores, weights="by fold"):
        """The sample of scores as `scores` gives them; its weights are of each fold, of all folds, or none.

        Those of each fold may have gone on, in all trainings, from weights that are of the fold, too: "by start".
        """
        index = np.indices(scores.shape[:4]).reshape(4, -1)
        keys = pd.DataFrame(
            {
                "fold": index[0] + 1,
                "class": [f"c{f}-{c:03}" for f, c in index[:2].T],
                "draw": index[3],
                "video": [f"v{v:03}" for v in index[2]],
                "expression": "0",
            }
        )
        tables = [
            pd.DataFrame(scores[:, :, :, :, s].reshape(index.shape[1], -1), columns=self.names)
            for s in range(scores.shape[4])
        ]
        found = tuple(Episodes.of(keys.join(table)) for table in tables)
        name, folds = next(_NUMBERS), range(1, scores.shape[0] + 1)
        made = {f: tuple(f"{name} {'all' if weights == 'all' else f} {s}" for s in range(len(found))) for f in folds}
        starts = {f: f"start of {f}" for f in folds} if weights == "by start" else {}
        return Sample(found, {} if weights == "none" else made, starts)


def covered(interval, truth, names):
    """The share of intervals that hold the truth."""
    low, high = (np.array([end[name] for name in names]) for end in (interval.low, interval.high))
    return float(np.mean((low <= truth) & (truth <= high)))
