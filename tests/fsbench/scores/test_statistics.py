from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy.stats import t as student

from fsbench.errors import RunError
from fsbench.protocol import NAMES
from fsbench.scores.statistics import _Class
from fsbench.scores.statistics import _intervals
from fsbench.scores.statistics import episode_table
from fsbench.scores.statistics import Episodes
from fsbench.scores.statistics import intervals
from fsbench.scores.statistics import paired
from fsbench.scores.statistics import paired_mean
from fsbench.scores.statistics import spread
from fsbench.scores.statistics import tie_ranks


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
            assert first.p[name] == second.p[name]


def test_a_class_in_which_a_metric_does_not_apply_is_left_out_of_its_mean():
    table = benchmark(classes=3)
    applies = (table["class"] != "c1-0") & (table["video"] != "v2")
    table = table.assign(A=table["J"].where(applies))
    names = ("J", "F", "A", "J&F")
    found = paired(table, table.assign(J=0.0, F=0.0, A=table["A"] * 0), rng(), names=names)
    assert found.mean.mean["A"] == pytest.approx(mean_of(table[applies], "J"), abs=1e-12)
    assert found.mean.mean["J"] == pytest.approx(mean_of(table, "J"), abs=1e-12)
    assert np.isnan(found.classes["c1-0"].mean["A"])
    assert np.isnan(found.classes["c1-0"].p["A"])
    # Two classes of fold 1 are left: Student's t with one degree of freedom.
    assert intervals(table, rng(), names=names).folds[1].high["A"] <= 1


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


def test_an_interval_is_as_wide_as_student_asks_for():
    table = benchmark(folds=1, classes=5, videos=6, sentences=1)
    found = intervals(table, rng(), replicates=20_000)
    per_class = table.groupby(["class", "video"])["J"].mean().groupby("class").mean()
    reach = student.ppf(0.975, 4) * per_class.std(ddof=1) / 5**0.5
    interval = found.folds[1]
    assert (interval.low["J"] + interval.high["J"]) / 2 == pytest.approx(per_class.mean())
    assert (interval.high["J"] - interval.low["J"]) / 2 == pytest.approx(reach, rel=0.03)
    assert found.mean == interval
    per_video = table[table["class"] == "c1-0"].groupby("video")["J"].mean()
    interval = found.classes["c1-0"]
    reach = student.ppf(0.975, 5) * per_video.std(ddof=1) / 6**0.5
    assert (interval.high["J"] - interval.low["J"]) / 2 == pytest.approx(reach, rel=0.03)


@pytest.mark.parametrize(
    ("folds", "classes", "videos", "class_effect", "video_effect"),
    [(4, 4, 16, 0.1, 0.2), (4, 4, 16, (0.03, 0.03, 0.03, 0.2), 0.05), (1, 4, 5, 0.1, 0.2), (1, 1, 8, 0.0, 0.1)],
)
def test_the_interval_of_a_known_truth_covers_it_in_95_of_100_benchmarks(
    folds, classes, videos, class_effect, video_effect
):
    random, covered = rng(3), 0
    bounds = np.array([[-np.inf] * 3, [np.inf] * 3])
    effects = np.broadcast_to(class_effect, folds)
    for _ in range(500):
        members = []
        for fold, name in product(range(folds), range(classes)):
            values = 0.5 + effects[fold] * random.normal() + video_effect * random.normal(size=(videos, 1, 1))
            values = values + 0.05 * random.normal(size=(videos, 2, 3))  # of the draws
            members.append(_Class(fold, f"{fold}-{name}", values, np.ones((videos, 2, 3))))
        found = _intervals(members, NAMES, random, 200, bounds)
        interval = found.mean if classes > 1 else found.classes["0-0"]
        covered += interval.low["J&F"] <= 0.5 <= interval.high["J&F"]
    assert 0.92 <= covered / 500 <= 0.98


def test_where_too_little_was_seen_there_is_no_interval():
    found = intervals(benchmark(folds=2, videos=1, fold_sizes={1: 1, 2: 3}), rng())
    assert found.mean is None
    assert found.folds[1] is None
    assert found.folds[2] is not None
    assert set(found.classes.values()) == {None}


def test_intervals_do_not_leave_what_scores_can_be():
    table = benchmark(classes=2)
    found = intervals(table.assign(J=table["J"].round(), F=0.999), rng())
    for interval in (found.mean, *found.folds.values()):
        assert 0 <= interval.low["J"] <= interval.high["J"] <= 1
        assert interval.high["F"] <= 1


def test_the_order_of_rows_does_not_matter():
    one, other = benchmark(1), benchmark(2)
    shuffled = one.sample(frac=1, random_state=5)
    assert intervals(shuffled, rng(), 50) == intervals(one, rng(), 50)
    assert paired(shuffled, other, rng(), 50) == paired(one, other, rng(), 50)


def test_a_method_does_not_differ_from_itself():
    found = paired(benchmark(), benchmark(), rng())
    for each in (found.mean, *found.folds.values(), *found.classes.values()):
        assert each.mean["J"] == each.mean["F"] == each.mean["J&F"] == 0
        assert each.p["J"] == each.p["F"] == each.p["J&F"] == 1


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))
def test_exchanging_two_methods_turns_the_sign_and_leaves_p(seed, folds, classes, videos):
    sizes = {"folds": folds, "classes": classes, "videos": videos}
    one, other = benchmark(seed, **sizes), benchmark(seed + 1, **sizes)
    there, back = paired(one, other, rng(), 20), paired(other, one, rng(), 20)
    for first, second in zip((there.mean, *there.folds.values()), (back.mean, *back.folds.values()), strict=True):
        assert first.mean["J"] == pytest.approx(-second.mean["J"], abs=1e-12)
        assert first.p == second.p
        assert 0 < first.p["J&F"] <= 1


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


def test_few_classes_are_flipped_video_by_video():
    one = benchmark(1, folds=1, classes=2, videos=5)
    found = paired(one.assign(J=one["J"] + 0.1), one, rng()).mean
    assert found.mean["J"] == pytest.approx(0.1)
    assert found.p["J"] == 2 / 2**10  # of ten videos; of two classes it would be 1/2
    assert found.p["F"] == 1


def test_many_clusters_are_flipped_at_random():
    one = benchmark(1, folds=2, classes=8)
    found = paired(one.assign(J=one["J"] + 0.1), one, rng())
    assert found.mean.p["J"] == pytest.approx(1 / 10_001, abs=3e-4)
    same = paired(one, benchmark(9, folds=2, classes=8), rng(1)).mean.p["J"]
    assert same == pytest.approx(paired(one, benchmark(9, folds=2, classes=8), rng(2)).mean.p["J"], abs=0.03)


@pytest.mark.parametrize("classes", [2, 9])
def test_the_mean_alone_is_the_mean_of_the_whole_comparison(classes):
    one, other = (benchmark(seed, classes=classes) for seed in (1, 2))
    assert paired_mean(one, other, rng()) == paired(one, other, rng()).mean


def test_other_episodes_are_refused():
    one = benchmark()
    with pytest.raises(RunError, match="71 are common, of 72 and 71"):
        paired(one, one.drop(index=3), rng())


def test_methods_that_a_test_cannot_separate_share_a_rank():
    best = benchmark(1, classes=4)
    noise = rng(5).normal(0, 0.05, len(best))
    tables = [best, best.assign(J=best["J"] + noise), best.assign(J=best["J"] - 0.3), best.assign(J=best["J"] - 0.4)]
    assert tie_ranks(tables, rng()) == [1, 1, 3, 4]
    assert tie_ranks(tables[:1], rng()) == [1]
    assert tie_ranks([], rng()) == []


def test_spreads_are_of_samples():
    assert spread([0.5]) is None
    assert spread([0.25, 0.75]) == pytest.approx(0.5 / 2**0.5)


def test_prepared_episodes_give_what_their_tables_give_and_draw_as_much():
    one, other = benchmark(1, classes=4), benchmark(2, classes=4)
    streams = [rng(5) for _ in range(3)]
    found = paired_mean(one.sample(frac=1, random_state=0), other, streams[0])
    assert found == paired_mean(Episodes.of(one), Episodes.of(other), streams[1])
    assert found == paired(one, other, streams[2]).mean
    assert streams[0].random() == streams[1].random()
    with pytest.raises(RunError, match=r"95 are common, of 96 and 95"):
        paired_mean(Episodes.of(one), Episodes.of(other[1:]), rng())
