import json

import pytest
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import RunError
from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.shelf import write_entry
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry


@pytest.fixture
def files(tmp_path):
    """The JSON files of three entries on the same episodes."""
    entries = detailed({"good": 0.1, "same": 0.1, "bad": -0.2})
    return {each.method.name: write_entry(tmp_path / "entries", each) for each in entries}


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_the_table_has_all_folds_and_classes(files):
    result = run(files["good"], files["bad"])
    assert result.exit_code == 0, result.output
    lines = {line.split("  ")[0].strip(): line for line in result.output.splitlines()}
    assert {"all", "fold 1", "fold 2", "c1-0", "c2-3"} <= lines.keys()
    assert "+30.0" in lines["all"]
    assert "+30.0 to +30.0" in lines["fold 1"]
    assert "0.0078" in lines["all"]  # 2 of the 2 ** 8 flips
    assert "48 episodes" in result.output


def test_json_has_every_value_at_full_precision(files):
    found = json.loads(run(files["bad"], files["same"], "--json").output)
    assert found["methods"] == ["bad", "same"]
    rows = {row["of"]: row for row in found["rows"]}
    assert rows["all"]["difference"]["J"] == pytest.approx(-0.3, abs=1e-12)
    first, second = rows["all"]["scores"]
    assert second["J&F"] - first["J&F"] == pytest.approx(0.3, abs=1e-12)
    assert rows["fold 2"]["p"]["J&F"] == 2 / 2**12  # four classes are few: twelve videos are flipped


def test_equal_methods_do_not_differ(files):
    rows = json.loads(run(files["good"], files["same"], "--json").output)["rows"]
    assert {row["p"]["J&F"] for row in rows} == {1.0}


@pytest.mark.parametrize("name", ["dataset", "manifest_digest", "protocol"])
def test_what_was_made_in_another_way_is_not_compared(name):
    one, other = detailed({"good": 0.1, "bad": -0.2})
    with pytest.raises(RunError, match=f"cannot be compared: their {name} differs"):
        compare(one, other.model_copy(update={name: "other"}))


def test_a_pool_of_frames_has_no_test():
    entries = detailed({"good": 0.0, "bad": 0.1})
    sides = [each.model_copy(update={"protocol": "released|mean=frame"}) for each in entries]
    with pytest.raises(RunError, match="for the averages of protocol 'standard'"):
        compare(*sides)


def test_without_scores_of_episodes_there_is_nothing_to_compare(files):
    bare = entry({1: [(0.5, 0.7)], 2: [(0.3, 0.4)]})
    (good,) = detailed({"good": 0.1})
    with pytest.raises(RunError, match="copy: the scores of its episodes are not there"):
        compare(bare, good)


def test_other_draws_are_other_episodes():
    (one,), (other,) = detailed({"good": 0.1}), detailed({"short": 0.1}, draws=1)
    with pytest.raises(RunError, match="24 are common, of 48 and 24"):
        compare(one, other)


def test_a_folder_without_runs_is_an_error_that_says_what_to_name(files, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / "empty", files["good"])
    assert result.exit_code != 0
    assert "holds no finished run" in result.output
