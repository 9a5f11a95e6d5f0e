from dataclasses import replace

import numpy as np
import pytest

from fsbench.errors import RunError
from fsbench.scores.episodes import Episodes
from fsbench.scores.episodes import Sample
from fsbench.scores.power import Design
from fsbench.scores.power import enough
from fsbench.scores.power import Parts
from fsbench.scores.power import parts_of
from fsbench.scores.power import power_of
from fsbench.scores.power import smallest_lead
from fsbench.scores.statistics import paired_mean
from tests.fsbench.scores.simulated import Model
from tests.fsbench.scores.simulated import Simulation

MODEL = Model(training=0.01)
SIZE = Simulation(folds=4, classes=12, videos=4, draws=2, number=400)


def true_parts(model, folds, how):
    """The parts of the difference of two methods that are drawn by themselves."""
    names = ("klass", "video", "draw", "cell")
    sampling, of_trainings = (
        [2 * getattr(model, name) ** 2 for name in some]
        for some in (names, ("training_class", "training_video", "training_draw", "rest"))
    )
    nested = type(parts_of(*two_samples(replace(SIZE, classes=2, number=1), 1), "r0")[0].sampling)
    return Parts(nested(*sampling), nested(*of_trainings), 2 * model.training**2 / folds, how, 2 * folds)


def two_samples(size, trainings, lead=0.0, weights="by fold"):
    rng = np.random.default_rng(5)
    one, other = (size.scores(rng, MODEL, trainings)[0] for _ in range(2))
    return size.sample(one + lead, weights), size.sample(other, weights)


@pytest.mark.parametrize(("trainings", "lead"), [(3, 0.02), (3, 0.04), (1, 0.03), (1, 0.06)])
def test_the_power_is_how_often_the_test_finds_the_lead(trainings, lead):
    one, other = two_samples(SIZE, trainings, lead)
    found = paired_mean(one, other, np.random.default_rng(0), SIZE.names, SIZE.names)
    share = np.mean(np.array(list(found.p.root.values())) < 0.05)
    parts = true_parts(MODEL, SIZE.folds, "several" if trainings > 1 else "by fold")
    design = Design(4, 48, 4, 2, trainings)
    assert power_of(parts, design, lead) == pytest.approx(share, abs=0.07)


def test_parts_are_those_of_the_model_on_the_average():
    size = replace(SIZE, number=30)
    one, other = two_samples(size, 3)
    found = [parts_of(only(one, name), only(other, name), name)[0].listed() for name in size.names]
    for name, value in true_parts(MODEL, SIZE.folds, "several").listed().items():
        assert np.mean([each[name] for each in found]) == pytest.approx(value, rel=0.25, abs=2e-5)


def only(sample, name):
    """A sample with one of its metrics."""
    return replace(sample, trainings=tuple(Episodes(each.keys, each.values[[name]]) for each in sample.trainings))


def test_the_design_is_that_of_the_evaluation():
    one, other = two_samples(replace(SIZE, number=1), 3)
    assert parts_of(one, other, "r0")[1] == Design(folds=4, classes=48, videos=4, draws=2, trainings=3)
    single = Sample(other.trainings[:1])
    parts, design = parts_of(single, single, "r0")
    assert (parts.how, design.trainings, parts.training, sum(parts.sampling)) == ("none", 1, 0, 0)
    assert (power_of(parts, design, 0.01), power_of(parts, design, 0)) == (1, 0)


PARTS = true_parts(MODEL, 4, "several")
DESIGN = Design(4, 16, 4, 2, 3)


@pytest.mark.parametrize("lever", ["classes", "videos", "draws", "trainings"])
def test_more_of_anything_never_finds_a_lead_less_often(lever):
    powers = [power_of(PARTS, replace(DESIGN, **{lever: 16 * factor}), 0.03) for factor in (1, 2, 4, 1000)]
    assert powers == sorted(powers)


def test_enough_is_the_least_that_is_enough_or_nothing():
    found = enough(PARTS, DESIGN, "classes", 0.03)
    assert power_of(PARTS, found, 0.03) >= 0.8 > power_of(PARTS, replace(found, classes=found.classes - 4), 0.03)
    assert found.classes % 4 == 0
    assert enough(PARTS, DESIGN, "videos", 0.001) is None
    assert enough(PARTS, replace(DESIGN, classes=400), "classes", 0.2).classes == 400
    assert enough(replace(PARTS, how="one"), DESIGN, "trainings", 0.03) is None


def test_the_smallest_lead_has_the_power_that_is_asked_for():
    for wanted in (0.5, 0.8, 0.95):
        assert power_of(PARTS, DESIGN, smallest_lead(PARTS, DESIGN, wanted)) == pytest.approx(wanted, abs=1e-6)
    assert smallest_lead(PARTS, DESIGN, level=0.001) > smallest_lead(PARTS, DESIGN)
    assert power_of(PARTS, DESIGN, 10.0) == pytest.approx(1)
    assert smallest_lead(PARTS, replace(DESIGN, classes=4)) == np.inf  # a class a fold: nothing is known of others


@pytest.mark.parametrize(
    ("size", "message"), [({"classes": 1}, "No fold has two"), ({"videos": 1}, "No class has two")]
)
def test_where_nothing_varies_that_is_said(size, message):
    one, other = two_samples(replace(SIZE, number=1, **size), 1)
    with pytest.raises(RunError, match=message):
        parts_of(one, other, "r0")
