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


def true_parts(model, folds, how, starts=0.0):
    """The parts of the difference of two methods that are drawn by themselves."""
    names = ("klass", "video", "draw", "cell")
    sampling, of_trainings = (
        [2 * getattr(model, name) ** 2 for name in some]
        for some in (names, ("training_class", "training_video", "training_draw", "rest"))
    )
    nested = type(parts_of(*two_samples(replace(SIZE, classes=2, number=1), 1), "r0")[0].sampling)
    training = 2 * model.training**2 / folds
    return Parts(nested(*sampling), nested(*of_trainings), training, starts, how, 2 * folds)


def two_samples(size, trainings, lead=0.0, weights="by fold", model=MODEL):
    rng = np.random.default_rng(5)
    one, other = (size.scores(rng, model, trainings)[0] for _ in range(2))
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


@pytest.mark.parametrize(
    ("trainings", "weights", "start"),
    [((3, 1), "by fold", 0.0), ((1, 3), "by fold", 0.0), ((3, 3), "by fold", 0.0), ((3, 3), "by start", 0.03)],
)
def test_what_trainings_change_is_of_one_of_each_method_and_apart_from_what_they_start_from(trainings, weights, start):
    quiet = dict.fromkeys(("klass", "video", "draw", "cell", "rest"), 0.01)
    model = Model(fold=0, training=0.02, training_class=0.002, training_video=0, training_draw=0, start=start, **quiet)
    size, rng = replace(SIZE, number=100), np.random.default_rng(7)
    one, other = (size.sample(size.scores(rng, model, count)[0], weights) for count in trainings)
    found = [parts_of(only(one, name), only(other, name), name)[0] for name in size.names]
    assert np.mean([each.training for each in found]) == pytest.approx(2 * 0.02**2 / 4, rel=0.2)
    assert np.mean([each.starts for each in found]) == pytest.approx(2 * start**2 / 4, rel=0.2, abs=1e-9)


def test_what_all_trainings_start_from_is_lowered_by_no_more_of_them():
    model = replace(MODEL, start=0.02)
    one, other = two_samples(SIZE, 3, 0.05, "by start", model)
    found = paired_mean(one, other, np.random.default_rng(0), SIZE.names, SIZE.names)
    share = np.mean(np.array(list(found.p.root.values())) < 0.05)
    parts = true_parts(model, SIZE.folds, "by start", 2 * model.start**2 / SIZE.folds)
    powers = [power_of(parts, Design(4, 48, 4, 2, count), 0.05) for count in (1, 3, 1000)]
    assert powers[1] == pytest.approx(share, abs=0.07)
    assert powers[0] < powers[1] < powers[2] < 0.7
    assert power_of(replace(parts, starts=0.0, how="several"), Design(4, 48, 4, 2, 1000), 0.05) > 0.8


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
