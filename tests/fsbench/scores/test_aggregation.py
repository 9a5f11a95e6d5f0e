"""Means over what applies."""

import numpy as np
import pandas as pd
import pytest

from fsbench.protocol import Protocol
from fsbench.scores.aggregation import aggregate
from fsbench.scores.aggregation import keyed_scores
from fsbench.scores.results import Score

CHAIN = ("frame", "expression", "video", "class")
PROTOCOL = Protocol("one", "", chain=CHAIN, metrics=("J", "F", "A"))


def rows(seed=0):
    """Score rows of a fold; A does not apply to some sentences, and not at all in class `b`."""
    random = np.random.default_rng(seed)
    found = []
    for name in "abc":
        for video in range(3):
            for expression in range(2):
                has_a = name != "b" and (video, expression) not in ((0, 0), (1, 0), (1, 1))
                for frame in range(4):
                    J, F, A = random.random(3)
                    found.append((1, 0, name, str(video), str(expression), str(frame), J, F, A if has_a else np.nan))
    return pd.DataFrame(found, columns=["fold", "draw", "class", "video", "expression", "frame", "J", "F", "A"])


def nested_mean(table, levels, metric):
    """The mean of means over what applies, written out; None where nothing does."""
    if not levels:
        (value,) = table[metric]
        return None if np.isnan(value) else value
    below = [nested_mean(part, levels[1:], metric) for _, part in table.groupby(levels[0])]
    below = [value for value in below if value is not None]
    return sum(below) / len(below) if below else None


def test_means_skip_what_does_not_apply_at_every_level():
    table = rows()
    scores = keyed_scores(table, CHAIN, list("abc"), PROTOCOL)[1]
    assert scores.score.mean.names == ("J", "F", "A", "J&F")
    for metric in ("J", "F", "A"):
        assert scores.score.mean[metric] == pytest.approx(nested_mean(table, CHAIN[::-1], metric), abs=1e-12)
    of_class = {each.name: each.score.mean for each in scores.classes}
    assert np.isnan(of_class["b"]["A"])
    assert of_class["a"]["A"] == pytest.approx(nested_mean(table[table["class"] == "a"], CHAIN[2::-1], "A"), abs=1e-12)


def test_rows_count_in_no_order_and_as_a_data_frame_or_as_columns():
    table = rows()
    columns = {name: table[::-1][name].to_numpy() for name in table}
    assert keyed_scores(columns, CHAIN, list("abc"), PROTOCOL) == keyed_scores(table, CHAIN, list("abc"), PROTOCOL)


def test_means_come_in_the_order_of_their_keys_which_keep_their_sorts():
    table = rows().assign(fold=10)
    table = pd.concat([table, table.assign(fold=9)])
    means = pd.DataFrame(aggregate(table, CHAIN[:3], ("fold", "class")))
    expected = table.groupby(["fold", "class"], as_index=False).size()[["fold", "class"]]
    assert means[["fold", "class"]].equals(expected)


@pytest.mark.parametrize("chain", [CHAIN, ("frame", "class")])
def test_a_metric_of_sums_is_that_of_all_that_a_draw_or_a_class_has(chain):
    random = np.random.default_rng(1)
    table = pd.concat([rows(seed).assign(draw=seed) for seed in (0, 1)], ignore_index=True)
    union = random.integers(1, 90, len(table))
    table = table.assign(**{"oIoU": np.nan, "count:union": union, "count:intersection": random.integers(0, union + 1)})
    protocol = Protocol("one", "", chain=chain, metrics=("J", "F", "A", "oIoU"))
    shuffled = table.sample(frac=1, random_state=3)
    scores = keyed_scores(shuffled, chain, list("abc"), protocol)[1]

    def pooled(part):
        return part["count:intersection"].sum() / part["count:union"].sum()

    by_draw = [pooled(part) for _, part in table.groupby("draw")]
    assert [each.score["oIoU"] for each in scores.draws] == by_draw
    assert scores.score.mean["oIoU"] == np.mean(by_draw)
    assert scores.score.sd_draws["oIoU"] == pytest.approx(np.std(by_draw, ddof=1), abs=1e-15)
    of_class = {each.name: each.score.mean["oIoU"] for each in scores.classes}
    for name, part in table.groupby("class"):
        assert of_class[name] == np.mean([pooled(of_draw) for _, of_draw in part.groupby("draw")])
    plain = table.drop(columns=["oIoU", "count:union", "count:intersection"])
    others = keyed_scores(plain, chain, list("abc"), PROTOCOL)[1]
    assert [others.score.mean[name] for name in "JFA"] == [scores.score.mean[name] for name in "JFA"]


def test_what_does_not_apply_is_null_in_json_and_comes_back():
    score = Score({"J": 0.5, "A": float("nan")})
    assert score.model_dump_json() == '{"J":0.5,"A":null}'
    assert Score.model_validate_json(score.model_dump_json()) == score


def test_a_score_of_before_0_2_says_jf_for_its_headline():
    old = Score.model_validate({"J": 0.25, "F": 0.75, "JF": 0.5})
    assert (old.headline_name, old.headline) == ("J&F", 0.5)
    assert old.model_dump() == {"J": 0.25, "F": 0.75, "J&F": 0.5}
