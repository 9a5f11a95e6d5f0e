import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.metrics import decay
from fsbench.metrics import mean
from fsbench.metrics import means_of_runs
from fsbench.metrics import recall

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "metrics_reference.json").read_text(encoding="utf-8"))

NAN = float("nan")
NONE = np.array([], dtype=np.float64)

series = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(np.array)


def same(found, stored):
    return np.isnan(found) if stored is None else found == stored


@given(st.integers(1, 3000), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_mean_is_that_of_nanmean_to_the_bit_whatever_the_steps_in_memory(length, step, seed):
    values = np.random.default_rng(seed).random((length, step))[:, 0]
    assert mean(values) == float(np.nanmean(values)) == mean(values.copy())


@given(
    st.lists(st.integers(1, 20) | st.integers(1, 3000), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.2, 0.9]),
    st.integers(0, 2**32 - 1),
)
def test_means_of_runs_are_the_mean_of_each_to_the_bit(lengths, unknown, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=sum(lengths))
    values[random.random(len(values)) < unknown] = np.nan
    starts = np.cumsum([0, *lengths[:-1]])
    parts = np.split(values, starts[1:])
    assert means_of_runs(values, starts).tobytes() == np.array(list(map(mean, parts))).tobytes()


@pytest.mark.parametrize("case", REFERENCE["series"], ids=lambda case: case["name"])
def test_no_bit_differs_from_the_stored_values(case):
    values = (np.arange(case["frames"]) * 37 % 101) / 101
    values[case["nan"]] = np.nan
    assert same(mean(values), case["mean"])
    assert same(recall(values), case["recall"])
    assert same(decay(values, uint8_bins=True), case["decay"])
    if case["frames"] < 256:
        assert same(decay(values), case["decay"])


@given(series)
def test_mean_is_that_of_numpy_to_the_last_bit(values):
    assert mean(values) == np.mean(values)


@given(series)
def test_recall_is_a_share_of_all_frames(values):
    assert recall(values) * len(values) == pytest.approx(sum(v > 0.5 for v in values))


@given(st.integers(0, 15).flatmap(lambda n: st.lists(st.floats(0, 1), min_size=4 * n + 1, max_size=4 * n + 1)))
def test_decay_turns_its_sign_with_the_clip(values):
    # Of these lengths no edge falls between two frames, so the clip read backwards has the same bins.
    assert decay(np.array(values)) == pytest.approx(-decay(np.array(values[::-1])))


def test_recall_is_strict():
    assert recall(np.array([0.5, np.nextafter(0.5, 1)])) == 0.5
    assert recall(np.array([0.5, 0.9]), threshold=0.4) == 1.0


def test_a_frame_without_score_is_left_out_of_the_mean_and_counts_as_a_miss():
    values = np.array([NAN, 1.0, 1.0, 0.0])
    assert mean(values) == 2 / 3
    assert recall(values) == 0.5


def test_bins_share_the_frame_between_them():
    values = np.array([0.8, 0.6, 0.4, 0.2, 0.0])  # frames 1-2 against 4-5
    assert decay(values) == np.mean([0.8, 0.6]) - np.mean([0.2, 0.0])
    assert decay(values, bins=2) == np.mean([0.8, 0.6, 0.4]) - np.mean([0.4, 0.2, 0.0])
    assert decay(values, bins=1) == 0


def test_edges_of_bins_round_halves_up():
    values = np.array([1.0, 0.5, 0.0])  # edges 1, 1.5, 2, 2.5, 3: frames 1-2 against 3
    assert decay(values) == np.mean([1.0, 0.5]) - 0.0


def test_one_frame_does_not_decay():
    assert decay(np.array([0.7])) == 0


def test_the_eight_bit_edges_matter_from_256_frames_on():
    values = np.linspace(1, 0, 300)
    assert decay(values[:255]) == decay(values[:255], uint8_bins=True)
    assert np.isnan(decay(values[:256], uint8_bins=True))
    assert decay(values[:256]) == pytest.approx(0.75 * 255 / 299, abs=0.01)


def test_no_frames_or_no_scores_give_nan():
    for values in (NONE, np.array([NAN, NAN])):
        assert np.isnan(mean(values))
        assert np.isnan(decay(values))
        assert np.isnan(decay(values, uint8_bins=True))
    assert np.isnan(recall(NONE))
    assert recall(np.array([NAN, NAN])) == 0


@pytest.mark.parametrize("summary", [mean, recall, decay])
def test_only_one_axis_is_summed_up(summary):
    with pytest.raises(ValueError, match=r"values must be \[T\], got \[2, 3\]"):
        summary(np.zeros((2, 3)))


def test_there_is_at_least_one_bin():
    with pytest.raises(ValueError, match="bins must be >= 1, got 0"):
        decay(np.zeros(3), bins=0)
