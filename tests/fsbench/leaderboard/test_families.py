import json
from dataclasses import replace
from datetime import date

import pytest

from fsbench.errors import RunError
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.entries import intervals_of
from fsbench.leaderboard.families import family_name
from fsbench.leaderboard.families import joined
from fsbench.leaderboard.shelf import write_entry
from fsbench.methods.contract import Training
from fsbench.methods.contract import Weights
from fsbench.scores.statistics import intervals
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("", ""),
        ("seed-1", ""),
        ("long", "long"),
        ("long.seed-12", "long"),
        ("long seed-2", "long"),
        ("48-long-seed-3", "48-long"),
        ("seedling-1", "seedling-1"),
    ],
)
def test_the_name_of_a_family_is_that_of_its_variants_without_the_seed(variant, name):
    assert family_name(variant) == name


def seeds(*numbers, shift=0.02, **changes):
    """Trainings of one configuration, the usual one first."""
    found = []
    for number in numbers:
        (each,) = detailed({"good": shift * (1 + number)}, variant=f"seed-{number}" if number else "")
        found.append(weighted(each, number).model_copy(update=changes))
    return found


def weighted(each, number, recipe="short"):
    """An entry whose folds have weights of their own."""
    folds = []
    for fold in each.folds:
        training = Training("shapes", "v1", "0" * 64, fold.fold, ("cat",), {"name": recipe}, number)
        weights = Weights({}, training)
        folds.append(fold.model_copy(update={"checkpoint_sha256": f"{fold.fold}{number}" * 32, "weights": weights}))
    return each.model_copy(update={"folds": tuple(folds)})


def test_what_trainings_were_made_of_is_said_once_with_all_seeds():
    (found,) = joined(seeds(0, 2, 1))
    assert found.training == "ImageNet-1k; base classes of shapes v1 (recipe short, seeds 0, 1, 2)"
    assert found.trainings[0].training == "ImageNet-1k; base classes of shapes v1 (recipe short, seed 0)"


def test_trainings_are_joined_to_their_mean():
    usual, *others = members = seeds(0, 1, 2, shift=0.05)
    (found,) = joined([*others[::-1], usual])
    assert (found.title, found.trainings) == ("good", tuple(members))
    assert found.mean.mean["J"] == pytest.approx(others[0].mean.mean["J"], abs=1e-12)
    assert found.folds[1].classes[3].score.mean["F"] == pytest.approx(others[0].folds[1].classes[3].score.mean["F"])
    assert found.details.table["J"].to_numpy() == pytest.approx(others[0].details.table["J"].to_numpy())
    assert found.sample.weights[1] == ("10" * 32, "11" * 32, "12" * 32)
    assert intervals_of(found).mean.high["J"] > intervals(others[0].details.table).mean.high["J"]


def test_other_words_about_a_method_part_no_trainings():
    usual, other = seeds(0, 1)
    reworded = other.model_copy(update={"method": replace(other.method, summary="The same.", licence="MIT")})
    assert len(joined([usual, reworded])) == 1


def test_joined_trainings_were_evaluated_on_the_last_day_of_any():
    days = (date(2026, 3, 2), None, date(2026, 3, 1))
    members = [each.model_copy(update={"evaluated": day}) for each, day in zip(seeds(0, 1, 2), days, strict=True)]
    assert [each.evaluated for each in joined(members)] == [date(2026, 3, 2)]


def test_a_joined_entry_is_written_as_nothing_but_its_own_fields():
    (found,) = joined(seeds(0, 1))
    assert {"trainings", "details"}.isdisjoint(json.loads(found.model_dump_json()))


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.model_copy(update={"options": {"shots": 1}}),
        lambda each: each.model_copy(update={"method": replace(each.method, version="2")}),
        lambda each: each.model_copy(update={"manifest_digest": "f" * 64}),
        lambda each: each.model_copy(update={"variant": "other"}),
        lambda each: each.model_copy(update={"details": None}),
        lambda each: each.model_copy(update={"mean": None}),
        lambda each: weighted(each, 1, recipe="long"),
        lambda each: weighted(each, 0),
    ],
)
def test_what_differs_in_more_than_the_seed_of_its_weights_stays_apart(change):
    usual, other = seeds(0, 1)
    assert [each.trainings for each in joined([usual, change(other)])] == [(), ()]


def test_the_seed_of_an_option_is_a_seed_and_a_partial_entry_has_no_family():
    usual, other = seeds(0, 1)
    (found,) = joined([each.model_copy(update={"options": {"seed": i}}) for i, each in enumerate((usual, other))])
    assert len(found.trainings) == 2
    partial = entry({1: [(0.5, 0.5)]})
    assert joined([partial, partial]) == [partial, partial]
    plain = [each for i in (0, 1) for each in detailed({"good": 0.1 * i}, variant=f"seed-{i}")]  # no weights are known
    assert len(joined(plain)) == 1


def test_what_has_the_same_scores_or_in_any_fold_the_same_weights_is_no_other_training():
    usual, other = seeds(0, 1)
    folds = (usual.folds[0], *other.folds[1:])
    assert len(joined([usual, other.model_copy(update={"folds": folds})])) == 2
    same = [
        each.model_copy(update={"options": {"seed": i}, "details": usual.details}) for i, each in enumerate(seeds(0, 1))
    ]
    assert len(joined(same)) == 2
    weightless = [each for i in (0, 1) for each in detailed({"good": 0.0}, variant=f"seed-{i}")]
    assert len(joined(weightless)) == 2


def test_a_training_that_cannot_be_joined_is_not_left_out_in_silence(tmp_path):
    usual, other = seeds(0, 1)
    paths = [write_entry(tmp_path, each) for each in (usual, other, weighted(seeds(2)[0], 1))]
    with pytest.raises(RunError, match=r"good \(seed-1\), good \(seed-2\) and good are no trainings of one"):
        as_entry(paths[0].with_suffix(""))
    assert as_entry(paths[0]) == usual


def test_trainings_of_a_fold_that_went_on_from_the_same_weights_are_known_by_them():
    def from_start(each, name):
        folds = []
        for fold in each.folds:
            training = replace(fold.weights.training, init=name.format(fold.fold))
            folds.append(fold.model_copy(update={"weights": replace(fold.weights, training=training)}))
        return each.model_copy(update={"folds": tuple(folds)})

    (other,) = detailed({"good-too": 0.0})
    for name, how in (("start of {}", "by start"), ("public", "several")):
        (found,) = joined([from_start(each, name) for each in seeds(0, 1, 2)])
        compared = compare(found, other)
        assert {row.found.trainings for row in compared.rows} == {how, "several"}
        told = ", in each fold from the same weights." if how == "by start" else "; differences between them are in p"
        assert f"good: several trainings{told}" in str(compared)
    mixed = [from_start(each, f"start of {{}} for {number}") for number, each in enumerate(seeds(0, 1, 2))]
    assert compare(*joined(mixed), other).rows[0].found.trainings == "several"


def test_a_path_without_json_stands_for_all_trainings_that_lie_beside(tmp_path):
    paths = [write_entry(tmp_path / "entries", each) for each in seeds(0, 1, 2)]
    (other,) = detailed({"good-too": 0.0})
    write_entry(tmp_path / "entries", other)
    found = as_entry(paths[0].with_suffix(""))
    assert [each.variant for each in found.trainings] == ["", "seed-1", "seed-2"]
    assert as_entry(paths[1]).trainings == ()
    assert compare(found, other).rows[0].found.trainings == "several"
    assert compare(as_entry(paths[1]), other).rows[0].found.trainings == "by fold"
