from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from fsbench.errors import RunError
from fsbench.scores.episodes import episode_table
from fsbench.scores.episodes import Episodes
from fsbench.scores.episodes import Sample
from fsbench.scores.statistics import contrasted
from fsbench.scores.statistics import Flips
from fsbench.scores.statistics import intervals
from fsbench.scores.statistics import paired
from fsbench.scores.statistics import paired_mean
from fsbench.scores.statistics import paired_p
from fsbench.scores.statistics import spread
from tests.fsbench.scores.simulated import covered
from tests.fsbench.scores.simulated import Model
from tests.fsbench.scores.simulated import Simulation


def rng(seed=0):
    return np.random.default_rng(seed)


def benchmark(seed=0, *, folds=2, classes=3, videos=4, draws=2, sentences=2, shift=0.0, fold_sizes=None):
    """Episodes of a made-up benchmark; with another shift the same scores, moved."""
    random = rng(seed)
    rows = []
    for fold in range(1, folds + 1):
        for name in range((fold_sizes or {}).get(fold, classes)):
            centre = random.normal(0.5, 0.1)
            for video in range(videos):
                value = random.normal(centre, 0.1)
                for draw in range(draws):
                    for sentence in range(1 + (sentences + video) % 2):
                        J, F = random.normal(value, 0.02, 2) + shift
                        rows.append((f"f{fold}/c{fold}-{name}/d{draw}/v{video}/{sentence}", J, F))
    ids, J, F = zip(*rows, strict=True)
    return episode_table(ids, {"J": J, "F": F})


def mean_of(table, metric):
    """The protocol's mean, by another road."""
    for level in ("expression", "video", "class", "fold", "draw"):
        keys = [key for key in ("draw", "fold", "class", "video") if key in table and key != level]
        table = table.drop(columns=level).groupby(keys, as_index=False).mean(numeric_only=True) if keys else table
    return float(table[metric].mean())


def test_an_episode_id_says_where_an_episode_belongs():
    table = episode_table(["f2/mouse/d0/0a1/3"], {"J": [0.25], "F": [0.75]})
    assert table.to_dict("records") == [
        {"fold": 2, "class": "mouse", "draw": 0, "video": "0a1", "expression": "3", "J": 0.25, "F": 0.75}
    ]


def test_another_metric_changes_no_bit_of_those_that_are_there():
    one, other = benchmark(), benchmark(9)
    more = [table.assign(A=table["F"].where(table["video"] != "v1")) for table in (one, other)]
    names = ("J", "F", "A", "J&F")
    few, many = paired(one, other, rng()), paired(*more, rng(), names=names)
    for first, second in [(few.mean, many.mean), *zip(few.classes.values(), many.classes.values(), strict=True)]:
        for name in ("J", "F", "J&F"):
            assert first.mean[name] == second.mean[name]
            assert first.interval.low[name] == second.interval.low[name]
            assert (first.p is None) == (second.p is None)
            assert first.p is None or first.p[name] == second.p[name]


def test_a_class_in_which_a_metric_does_not_apply_is_left_out_of_its_mean():
    table = benchmark(classes=3)
    applies = (table["class"] != "c1-0") & (table["video"] != "v2")
    table = table.assign(A=table["J"].where(applies))
    names = ("J", "F", "A", "J&F")
    found = paired(table, table.assign(J=0.0, F=0.0, A=table["A"] * 0), rng(), names=names)
    assert found.mean.mean["A"] == pytest.approx(mean_of(table[applies], "J"), abs=1e-12)
    assert found.mean.mean["J"] == pytest.approx(mean_of(table, "J"), abs=1e-12)
    assert np.isnan(found.classes["c1-0"].mean["A"])
    assert np.isnan(found.classes["c1-0"].interval.low["A"])
    # Two classes of fold 1 are left: Student's t with one degree of freedom.
    assert intervals(table, names).folds[1].high["A"] <= 1


def test_the_mean_is_the_protocol_s():
    table = benchmark(fold_sizes={1: 4, 2: 2})
    nothing = table.assign(J=0.0, F=0.0)
    found = paired(table, nothing, rng()).mean.mean
    assert found["J"] == pytest.approx(mean_of(table, "J"), abs=1e-12)
    assert found["F"] == pytest.approx(mean_of(table, "F"), abs=1e-12)
    assert found["J&F"] == pytest.approx((found["J"] + found["F"]) / 2, abs=1e-12)


def test_a_draw_that_lacks_a_video_is_a_mean_of_the_others():
    table = benchmark(folds=1, classes=2)
    table = table[~((table["draw"] == 1) & (table["video"] == "v2"))]
    found = paired(table, table.assign(J=0.0, F=0.0), rng()).mean.mean
    assert found["J"] == pytest.approx(mean_of(table, "J"), abs=1e-12)


def half(interval, name="J"):
    return (interval.high[name] - interval.low[name]) / 2


def test_an_interval_is_as_wide_as_student_asks_for():
    table = benchmark(folds=1, classes=5, videos=6, sentences=1)
    found = intervals(table)
    per_class = table.groupby(["class", "video"])["J"].mean().groupby("class").mean()
    interval = found.folds[1]
    assert (interval.low["J"] + interval.high["J"]) / 2 == pytest.approx(per_class.mean())
    assert half(interval) == pytest.approx(student.ppf(0.975, 4) * per_class.std(ddof=1) / 5**0.5)
    assert found.mean == interval


def test_the_interval_of_a_class_is_that_of_its_videos_where_draws_change_nothing():
    table = benchmark(folds=1, classes=3, videos=6, sentences=1)
    first = table["draw"] == 0
    same = table.merge(
        table[first].drop(columns="draw"), on=["fold", "class", "video", "expression"], suffixes=("_", "")
    )
    per_video = same[same["class"] == "c1-0"].groupby("video")["J"].mean()
    expected = student.ppf(0.975, 5) * per_video.std(ddof=1) / 6**0.5
    found = intervals(same[[*table.columns]]).classes["c1-0"]
    assert half(found) == pytest.approx(expected)


def test_draws_that_move_a_whole_class_widen_its_interval_and_no_other_s():
    table = benchmark(folds=2, classes=3, videos=4, draws=4)
    moved = table.assign(J=table["J"] + np.where(table["draw"] == 0, 0.2, 0.0))
    before, after = intervals(table), intervals(moved)
    assert half(after.classes["c1-0"]) > 1.5 * half(before.classes["c1-0"])
    assert half(after.mean) == pytest.approx(half(before.mean))


def trained(*tables, weights="by fold", name="one"):
    """The sample of some trainings, of weights for each fold or for all."""
    form = {"by fold": "{0} {1} {2}", "all": "{0} {2}"}[weights]
    made = {fold: tuple(form.format(name, fold, place) for place in range(len(tables))) for fold in (1, 2, 3, 4)}
    return Sample(tuple(map(Episodes.of, tables)), made)


def test_of_a_single_training_for_each_fold_the_folds_show_what_trainings_do():
    one, other = benchmark(1, folds=4), benchmark(2, folds=4)
    moved = one.assign(J=one["J"] + one["fold"].map({1: 0.2, 2: -0.2, 3: 0.3, 4: -0.1}))
    found = paired(trained(moved), trained(other, name="other"), rng())
    by_fold = [found.folds[fold].mean["J"] for fold in (1, 2, 3, 4)]
    expected = ttest_1samp(by_fold, 0)
    ends = expected.confidence_interval()
    assert found.mean.trainings == "by fold"
    assert found.mean.p["J"] == pytest.approx(expected.pvalue, rel=0.1)
    interval = found.mean.interval
    assert (interval.low["J"], interval.high["J"]) == pytest.approx((ends.low, ends.high), rel=0.1)
    assert found.folds[1].trainings == found.classes["c1-0"].trainings == "one"
    # Folds that are closer than their classes let one expect are no sign of anything.
    even = one.assign(J=one["J"] - one.groupby("fold")["J"].transform("mean"))
    assert half(intervals(trained(even), unbounded=["J"]).mean) == half(intervals(even, unbounded=["J"]).mean)


def test_a_single_class_in_each_fold_is_tested_by_the_folds():
    one, other = benchmark(1, folds=4, classes=1), benchmark(2, folds=4, classes=1)
    found = paired(trained(one), trained(other, name="other"), rng())
    by_fold = [found.folds[fold].mean["J"] for fold in (1, 2, 3, 4)]
    assert found.mean.p["J"] == pytest.approx(ttest_1samp(by_fold, 0).pvalue)
    assert paired(one, other, rng()).mean.interval is None


def test_a_single_training_for_all_folds_says_that_it_knows_nothing_of_others():
    one, other = benchmark(1, folds=4), benchmark(2, folds=4)
    found = paired_mean(trained(one, weights="all"), other, rng())
    assert found.trainings == "one"
    assert (found.p, found.interval) == (paired_mean(one, other, rng()).p, paired_mean(one, other, rng()).interval)
    assert paired_mean(one, other, rng()).trainings == "none"


def test_trainings_that_differ_widen_an_interval_and_those_that_do_not_leave_it():
    one = benchmark(1, folds=4)
    apart = [one.assign(J=one["J"] + shift) for shift in (-0.1, 0.1)]
    plain, same, wide = intervals(one).mean, intervals(trained(one, one)).mean, intervals(trained(*apart)).mean
    assert half(same) == pytest.approx(half(plain))
    assert half(wide) > 2 * half(plain)
    assert paired_mean(trained(*apart), one, rng()).trainings == "several"


def test_trainings_that_all_folds_share_are_fewer_than_those_of_each_fold():
    random = rng(4)
    one = benchmark(1, folds=4)
    apart = [one.assign(J=one["J"] + one["fold"].map(dict(enumerate(random.normal(0, 0.1, 5))))) for _ in range(3)]
    shared, own = (intervals(trained(*apart, weights=weights)).mean for weights in ("all", "by fold"))
    assert half(shared) != half(own)


LARGE = Simulation(folds=4, classes=12, videos=4, draws=2, number=300)
SMALL = Simulation(folds=4, classes=4, videos=6, draws=4, number=300)


@pytest.mark.parametrize("trainings", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "model"),
    [
        (SMALL, Model()),
        (SMALL, Model(training=0.04, uneven=0.4)),
        (LARGE, Model(training=0.0, training_class=0.0, training_video=0.0, training_draw=0.0)),
        (LARGE, Model(draw=0.08)),
    ],
)
def test_every_interval_covers_the_truth_of_95_of_100_benchmarks(size, model, trainings):
    scores, truth = size.scores(rng(3), model, trainings)
    found = intervals(size.sample(scores), size.names, size.names)
    these = "" if trainings > 1 else " of these"  # what is said of a single training's folds and classes
    assert 0.92 <= covered(found.mean, truth["fold"].mean(axis=0), size.names) <= 0.98
    folds = [covered(found.folds[i + 1], each, size.names) for i, each in enumerate(truth["fold" + these])]
    by_class = truth["class" + these].reshape(-1, size.number)
    classes = [covered(each, of, size.names) for each, of in zip(found.classes.values(), by_class, strict=True)]
    assert 0.92 <= np.mean(folds) <= 0.98
    assert 0.92 <= np.mean(classes) <= 0.98


def two_of(size, model, trainings, weights="by fold"):
    """Samples of a method that was trained twice on the same benchmarks, from other seeds."""
    random = rng(6)
    untrained = replace(model, training=0, training_class=0, training_video=0, training_draw=0, rest=0, start=0)
    apart = replace(model, fold=0, klass=0, video=0, draw=0, cell=0)
    common, _ = size.scores(random, untrained)
    return [size.sample(common + size.scores(random, apart, trainings, mean=0)[0], weights) for _ in range(2)]


@pytest.mark.parametrize("trainings", [1, 2, 3])
@pytest.mark.parametrize("training", [0.0, 0.03])
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_two_seeds_of_one_method_do_not_differ_in_nine_of_ten_pairs(size, training, trainings):
    one, other = two_of(size, Model(training=training), trainings)
    found = paired_mean(one, other, rng(), size.names, size.names)
    assert np.mean(np.array(list(found.p.root.values())) < 0.05) <= 0.1
    assert 0.92 <= covered(found.interval, 0.0, size.names)


@pytest.mark.parametrize("start", [0.0, 0.02])
def test_what_all_trainings_of_a_fold_start_from_is_in_interval_and_p(start):
    model = Model(training=0.01, start=start)
    one, other = two_of(LARGE, model, 3, "by start")
    found = paired_mean(one, other, rng(), LARGE.names, LARGE.names)
    assert found.trainings == "by start"
    assert 0.92 <= covered(found.interval, 0.0, LARGE.names)
    assert np.mean(np.array(list(found.p.root.values())) < 0.05) <= 0.08
    unaware = paired_mean(*(replace(each, starts={}) for each in (one, other)), rng(), LARGE.names, LARGE.names)
    assert unaware.trainings == "several"
    assert (covered(unaware.interval, 0.0, LARGE.names) < 0.8) == (start > 0)


def test_trainings_that_start_from_the_same_weights_in_all_folds_are_several():
    one, other = two_of(replace(SMALL, number=1), Model(), 2, "by start")
    public = [replace(each, starts=dict.fromkeys(each.starts, "public")) for each in (one, other)]
    for sides, how in (((one, other), "by start"), ((one, public[1]), "by start"), (public, "several")):
        assert paired_mean(*sides, rng(), ["r0"]).trainings == how
    single = replace(other, trainings=other.trainings[:1], weights=dict.fromkeys(other.weights, ("all",)))
    assert paired_mean(one, single, rng(), ["r0"]).trainings == "one"


@pytest.mark.parametrize("trainings", [1, 3])
def test_the_same_weights_used_in_two_ways_are_compared_training_by_training(trainings):
    random, quiet = rng(8), Model(fold=0, klass=0, video=0, draw=0, cell=0, rest=0.02, training_class=0.0)
    common, _ = LARGE.scores(random, Model(training=0.04, training_class=0.04), trainings)
    one = LARGE.sample(common)
    control = LARGE.sample(common + LARGE.scores(random, replace(quiet, training=0.002), trainings, mean=0)[0])
    same = replace(control, weights=one.weights)
    found, unaware = (paired_mean(one, each, rng(), LARGE.names, LARGE.names) for each in (same, control))
    assert list(found.mean.root.values()) == pytest.approx(list(unaware.mean.root.values()), abs=1e-12)
    assert 0.92 <= covered(found.interval, 0.0, LARGE.names)
    widths = [np.mean([half(each.interval, name) for name in LARGE.names]) for each in (found, unaware)]
    assert widths[0] < widths[1] / 2 or trainings == 1


def test_two_methods_that_differ_are_found_to_by_several_trainings_more_often_than_by_one():
    share = []
    for trainings in (1, 3):
        one, other = two_of(LARGE, Model(training=0.01), trainings)
        moved = [Episodes(each.keys, each.values + 0.02) for each in one.trainings]
        found = paired_mean(Sample(tuple(moved), one.weights), other, rng(), LARGE.names, LARGE.names)
        share.append(np.mean(np.array(list(found.p.root.values())) < 0.05))
    assert share[0] < 0.7 < 0.9 < share[1]


def test_where_too_little_was_seen_there_is_no_interval():
    found = intervals(benchmark(folds=2, videos=1, fold_sizes={1: 1, 2: 3}))
    assert found.mean is None
    assert found.folds[1] is None
    assert found.folds[2] is not None
    assert set(found.classes.values()) == {None}


def test_intervals_do_not_leave_what_scores_can_be():
    table = benchmark(classes=2)
    found = intervals(table.assign(J=table["J"].round(), F=0.999))
    for interval in (found.mean, *found.folds.values()):
        assert 0 <= interval.low["J"] <= interval.high["J"] <= 1
        assert interval.high["F"] <= 1


def test_the_order_of_rows_does_not_matter():
    one, other = benchmark(1), benchmark(2)
    shuffled = one.sample(frac=1, random_state=5)
    assert intervals(shuffled) == intervals(one)
    assert paired(shuffled, other, rng()) == paired(one, other, rng())


def test_a_method_does_not_differ_from_itself():
    found = paired(benchmark(), benchmark(), rng())
    for each in (found.mean, *found.folds.values(), *found.classes.values()):
        assert each.mean["J"] == each.mean["F"] == each.mean["J&F"] == 0
        assert each.p is None or set(each.p.root.values()) == {1}
    assert found.mean.p is not None


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))
def test_exchanging_two_methods_turns_the_sign_and_leaves_p(seed, folds, classes, videos):
    sizes = {"folds": folds, "classes": classes, "videos": videos}
    one, other = benchmark(seed, **sizes), benchmark(seed + 1, **sizes)
    there, back = paired(one, other, rng()), paired(other, one, rng())
    for first, second in zip((there.mean, *there.folds.values()), (back.mean, *back.folds.values()), strict=True):
        assert first.mean["J"] == pytest.approx(-second.mean["J"], abs=1e-12)
    assert list(there.mean.p.root.values()) == pytest.approx(list(back.mean.p.root.values()), nan_ok=True)


def test_p_counts_the_flips_of_the_classes_signs_that_are_as_extreme():
    one, other = benchmark(1, folds=2, classes=4), benchmark(2, folds=2, classes=4)
    difference = (
        one.set_index(["fold", "class", "draw", "video", "expression"])
        - other.set_index(["fold", "class", "draw", "video", "expression"])
    )["J"]
    by_class = difference.groupby(["fold", "class", "draw", "video"]).mean().groupby(["fold", "class"]).mean()
    found = [abs(sum(s * d for s, d in zip(signs, by_class, strict=True))) for signs in product((1, -1), repeat=8)]
    expected = np.mean([value >= abs(by_class.sum()) - 1e-12 for value in found])
    assert paired(one, other, rng()).mean.p["J"] == expected


def test_fewer_than_six_classes_are_tested_by_student():
    one, other = benchmark(1, folds=1, classes=5), benchmark(2, folds=1, classes=5)
    found = paired(one, other, rng())
    differences = [found.classes[name].mean["J"] for name in found.classes]
    assert found.mean.p["J"] == pytest.approx(ttest_1samp(differences, 0).pvalue)
    moved = paired(one.assign(J=one["J"] + 0.1), one, rng()).mean
    assert (moved.p["J"], moved.p["F"]) == (pytest.approx(0, abs=1e-6), 1)


def test_all_flips_of_eighteen_classes_are_tried_and_some_of_more():
    one = benchmark(1, folds=3, classes=6, videos=1, draws=1)
    assert paired(one.assign(J=one["J"] + 0.1), one, rng()).mean.p["J"] == 2 / 2**18
    one = benchmark(1, folds=2, classes=10, videos=1, draws=1)
    assert paired(one.assign(J=one["J"] + 0.1), one, rng()).mean.p["J"] == pytest.approx(1 / 10_001, abs=3e-4)
    other = benchmark(9, folds=2, classes=10, videos=1, draws=1)
    some = [paired(one, other, rng(seed)).mean.p["J"] for seed in (1, 2)]
    assert some[0] == pytest.approx(some[1], abs=0.03)


@pytest.mark.parametrize("classes", [2, 9, 20])
def test_the_mean_alone_is_the_mean_of_the_whole_comparison(classes):
    one, other = (benchmark(seed, classes=classes) for seed in (1, 2))
    assert paired_mean(one, other, rng()) == paired(one, other, rng()).mean
    flips = Flips(rng)
    for _ in range(2):  # the same flips serve many pairs
        assert paired_p(one, other, flips) == paired_mean(one, other, rng()).p.headline


def test_a_contrast_is_the_difference_of_two_differences_class_by_class():
    one, other = benchmark(1, folds=2, classes=4), benchmark(2, folds=2, classes=4)
    is_here = one["video"].isin(["v0", "v1"])
    lacks = is_here & (one["class"] != "c1-0")
    found = contrasted((one[lacks], one[~is_here]), (other[lacks], other[~is_here]), rng())
    both = one.assign(d=one["J"] - other["J"], here=is_here)
    means = both.groupby(["fold", "class", "here", "draw", "video"])["d"].mean()
    means = means.groupby(["fold", "class", "here", "draw"]).mean().groupby(["fold", "class", "here"]).mean().unstack()
    by_class = (means[True] - means[False]).drop(index=(1, "c1-0"))
    assert found.mean["J"] == pytest.approx(by_class.groupby("fold").mean().mean())
    variance = (by_class.groupby("fold").var(ddof=1) / by_class.groupby("fold").count()).sum() / 4
    assert 2 < half(found.interval) / variance**0.5 < 3.2
    apart = tuple(one[one["class"].eq("c1-0") == each] for each in (True, False))
    with pytest.raises(RunError, match="No class has episodes of both"):
        contrasted(apart, apart, rng())


def test_a_contrast_whose_classes_lie_in_one_fold_is_of_a_single_training():
    one, other = benchmark(1, folds=2), benchmark(2, folds=2)
    sides = (trained(one), trained(other, name="other"))
    in_first = np.asarray(sides[0].first.keys["fold"] == 1)
    kinds = [(side, side.only(in_first)) for side in sides]
    found = contrasted(*kinds, rng())
    assert found.trainings == "one"
    assert found.interval is not None


def test_other_episodes_are_refused():
    one = benchmark()
    with pytest.raises(RunError, match="71 are common, of 72 and 71"):
        paired(one, one.drop(index=3), rng())


def test_spreads_are_of_samples():
    assert spread([0.5]) is None
    assert spread([0.25, 0.75]) == pytest.approx(0.5 / 2**0.5)


def test_prepared_episodes_give_what_their_tables_give_and_draw_as_much():
    one, other = benchmark(1, classes=10), benchmark(2, classes=10)
    streams = [rng(5) for _ in range(3)]
    found = paired_mean(one.sample(frac=1, random_state=0), other, streams[0])
    assert found == paired_mean(Episodes.of(one), Episodes.of(other), streams[1])
    assert found == paired(one, other, streams[2]).mean
    assert streams[0].random() == streams[1].random()
    with pytest.raises(RunError, match=r"239 are common, of 240 and 239"):
        paired_mean(Episodes.of(one), Episodes.of(other[1:]), rng())


def test_what_does_not_apply_in_one_method_is_left_out_of_both():
    one, other = benchmark(1, classes=4), benchmark(2, classes=4)
    some = other.assign(J=other["J"].where(other["video"] != "v1"))
    kept = one["video"] != "v1"
    assert paired(one, some, rng()).mean.mean["J"] == pytest.approx(
        paired(one[kept], other[kept], rng()).mean.mean["J"], abs=1e-15
    )
