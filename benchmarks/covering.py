"""How often intervals cover the truth, and how often two seeds of one method seem to differ, in simulated benchmarks.

Scores are drawn as a sum of effects of fold, class, video, draw and training, and of what these make of one another:
benchmarks of several sizes, with one to three trainings. Printed are a line for each, in per cent: the intervals of the
mean, of folds and of classes that hold the truth (95 are meant to), and the pairs of two seeds of one method with p
below 0.05 (5 are meant to be at most). Intervals of folds and classes of a single training are held against the truth
of that training.

    python benchmarks/covering.py --number 2000
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from fsbench.scores.statistics import intervals
from fsbench.scores.statistics import paired_mean
from tests.fsbench.scores.simulated import covered
from tests.fsbench.scores.simulated import Model
from tests.fsbench.scores.simulated import Simulation

SIZES = {
    "4 folds x 4 classes, 16 videos, 5 draws": Simulation(4, 4, 16, 5),
    "4 folds x 32 classes, 4 videos, 2 draws": Simulation(4, 32, 4, 2),
    "4 folds x 12 classes, 8 videos, 3 draws": Simulation(4, 12, 8, 3),
    "1 fold x 10 classes, 12 videos, 5 draws": Simulation(1, 10, 12, 5),
}
MODELS = {
    "": Model(),
    "trainings alike": Model(training=0.0, training_class=0.0, training_video=0.0, training_draw=0.0),
    "trainings apart": Model(training=0.05),
    "draws apart": Model(draw=0.1),
    "classes uneven": Model(uneven=0.5),
}


def rates(
    size: Simulation, model: Model, trainings: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Returns how many of the intervals of mean, folds and classes hold the truth, and how many pairs differ."""
    scores, truth = size.scores(rng, model, trainings)
    found = intervals(size.sample(scores), size.names, size.names)
    these = "" if trainings > 1 else " of these"
    mean_truth = truth["fold of these" if trainings == 1 and size.folds == 1 else "fold"].mean(axis=0)
    folds = [covered(found.folds[i + 1], each, size.names) for i, each in enumerate(truth["fold" + these])]
    of_classes = truth["class" + these].reshape(-1, size.number)
    classes = [covered(each, of, size.names) for each, of in zip(found.classes.values(), of_classes, strict=True)]
    untrained = replace(model, training=0, training_class=0, training_video=0, training_draw=0, rest=0)
    apart = replace(model, fold=0, klass=0, video=0, draw=0, cell=0)
    common, _ = size.scores(rng, untrained)
    two = [size.sample(common + size.scores(rng, apart, trainings, mean=0)[0]) for _ in range(2)]
    p = np.array(list(paired_mean(*two, rng, size.names, size.names).p.root.values()))
    return (
        covered(found.mean, mean_truth, size.names),
        float(np.mean(folds)),
        float(np.mean(classes)),
        float(np.mean(p < 0.05)),
    )


def lines(number: int, seed: int) -> Iterator[str]:
    """Yields the table, a line at a time, of `number` benchmarks each."""
    yield f"{'benchmarks':42} {'effects':18} trainings  mean  folds  classes  pairs that differ"
    rng = np.random.default_rng(seed)
    for (about, size), (effects, model), trainings in product(SIZES.items(), MODELS.items(), (1, 2, 3)):
        found = [100 * each for each in rates(replace(size, number=number), model, trainings, rng)]
        mean, folds, classes, pairs = (f"{each:.1f}" for each in found)
        yield f"{about:42} {effects:18} {trainings:9}  {mean:>4}  {folds:>5}  {classes:>7}  {pairs:>17}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1000, help="benchmarks of each line")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for line in lines(options.number, options.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
