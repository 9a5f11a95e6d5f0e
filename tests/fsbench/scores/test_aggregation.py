"""Means over what applies."""

import numpy as np
import pandas as pd
import pytest

from fsbench.scores.aggregation import keyed_scores
from fsbench.scores.results import Score

CHAIN = ("frame", "expression", "video", "class")


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
    scores = keyed_scores(table, CHAIN, list("abc"), ("J", "F", "A", "J&F"))[1]
    assert scores.score.mean.names == ("J", "F", "A", "J&F")
    for metric in ("J", "F", "A"):
        assert scores.score.mean[metric] == pytest.approx(nested_mean(table, CHAIN[::-1], metric), abs=1e-12)
    of_class = {each.name: each.score.mean for each in scores.classes}
    assert np.isnan(of_class["b"]["A"])
    assert of_class["a"]["A"] == pytest.approx(nested_mean(table[table["class"] == "a"], CHAIN[2::-1], "A"), abs=1e-12)


def test_what_does_not_apply_is_null_in_json_and_comes_back():
    score = Score({"J": 0.5, "A": float("nan")})
    assert score.model_dump_json() == '{"J":0.5,"A":null}'
    assert Score.model_validate_json(score.model_dump_json()) == score


def test_a_score_of_before_0_2_says_jf_for_its_headline():
    old = Score.model_validate({"J": 0.25, "F": 0.75, "JF": 0.5})
    assert (old.headline_name, old.headline) == ("J&F", 0.5)
    assert old.model_dump() == {"J": 0.25, "F": 0.75, "J&F": 0.5}
