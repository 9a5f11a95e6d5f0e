import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from fsbench import api
from fsbench.cli import main
from fsbench.errors import ManifestError
from fsbench.errors import RunError
from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.shelf import write_entry
from fsbench.scores.results import Interval
from fsbench.scores.results import Score
from fsbench.scores.statistics import Difference
from tests.conftest import ROOT
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
    assert rows["all"]["p"]["J&F"] == 2 / 2**8
    assert rows["fold 2"]["p"] is None
    assert rows["c1-0"]["p"] is None


def test_equal_methods_do_not_differ(files):
    rows = json.loads(run(files["good"], files["same"], "--json").output)["rows"]
    assert (rows[0]["p"]["J&F"], rows[0]["trainings"]) == (1.0, "none")


@pytest.mark.parametrize("name", ["dataset", "manifest_digest", "protocol"])
def test_what_was_made_in_another_way_is_not_compared(name):
    one, other = detailed({"good": 0.1, "bad": -0.2})
    with pytest.raises(RunError, match=f"cannot be compared: their {name} differs"):
        compare(one, other.model_copy(update={name: "other"}))
    later = other.model_copy(update={"manifest_digest": "f" * 64, "manifest_version": "v9"})
    with pytest.raises(RunError, match=r"differs \(v1 0123456789ab, v9 ffffffffffff\)"):
        compare(one, later)


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


def test_runs_that_are_not_joined_are_an_error_that_says_what_they_differ_in(made_runs, tmp_path):
    made = tmp_path / "mine"
    shutil.copytree(made_runs.base / "standard/support-copy", made)
    (path,) = made.rglob("result.json")
    other = tmp_path / "mine/other"
    shutil.copytree(path.parent, other)
    changed = json.loads(path.read_bytes())
    changed["identity"]["commit"] = "0" * 40
    (other / "result.json").write_text(json.dumps(changed))
    result = run(made, made, "--splits", made_runs.base.parent / "splits")
    assert (result.exit_code, "holds entries of support-copy, which differ in commit" in result.output) == (2, True)


@pytest.fixture
def runs(made_runs):
    """The folder of the runs of two methods."""
    return made_runs.base / "standard"


def sliced(runs, *arguments):
    return run(runs / "support-copy", runs / "full-frame", "--splits", runs.parents[1] / "splits", *arguments)


def test_slices_take_the_place_of_folds_and_classes_and_all_stays_as_it_is(runs):
    whole, found = (json.loads(sliced(runs, "--json", *more).output) for more in ((), ("--by", "has_spatial")))
    assert [row["of"] for row in found["rows"]] == ["all", "no", "yes"]
    assert found["rows"][0] == whole["rows"][0]
    assert (found["by"], "by" in whole) == ("has_spatial", False)
    assert sum(row["episodes"] for row in found["rows"][1:]) == found["episodes"] == whole["episodes"]


def test_a_slice_of_all_episodes_is_the_whole(runs):
    all_of_them, no = json.loads(sliced(runs, "--by", "is_unanswerable", "--json").output)["rows"]
    assert no.pop("of") == "no"
    assert all_of_them.pop("of") == "all"
    first, second = all_of_them.pop("scores"), no.pop("scores")
    assert no == all_of_them
    assert [list(score.values()) for score in first] == [pytest.approx(list(s.values()), abs=1e-15) for s in second]


def test_the_difference_of_a_slice_is_the_mean_over_its_classes_that_pandas_takes(runs, made_runs):
    one, other = (api.load_result(runs / name).to_frame("episode") for name in ("support-copy", "full-frame"))
    keys = ["fold", "class", "draw", "video", "expression"]
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    both = both[both["expression"] == "1"]  # "the right", absent in the first frame
    both["d"] = (both["J"] + both["F"] - both["J_other"] - both["F_other"]) / 2
    by_draw = both.groupby(keys[:4])["d"].mean().groupby(keys[:3]).mean()
    expected = by_draw.groupby(keys[:2]).mean().mean()
    found = api.compare(runs / "support-copy", runs / "full-frame", splits=made_runs.splits)
    (row,) = found.to_frame(by="absent_frames").query("of == '1 to 4'").to_dict("records")
    assert row["difference"] == pytest.approx(100 * expected, abs=1e-10)
    assert row["difference"] == pytest.approx(row["one"] - row["other"], abs=1e-10)
    assert row["low"] < row["difference"] < row["high"]
    assert row["episodes"] == len(both)


def test_a_slice_of_a_single_class_has_no_interval_and_the_table_says_so(runs, made_runs):
    one, other = (api.load_result(runs / name) for name in ("support-copy", "full-frame"))
    found = api.compare(one, other, splits=made_runs.splits)
    slicer = found.find()
    marked = {key: row | {"has_motion": key[0] == "cat-1"} for key, row in slicer.attributes.items()}
    rare = replace(found, find=lambda: replace(slicer, attributes=marked)).sliced("has_motion")
    assert rare.rows[2].found.interval is None
    line = next(line for line in str(rare).splitlines() if line.startswith("yes"))
    assert line.split()[5] == "-"
    assert "no interval where a fold has a single class" in str(rare)
    assert np.isnan(rare.to_frame()["low"].to_numpy(float)).tolist() == [False, False, True]


def test_a_contrast_is_the_difference_of_two_slices_with_an_interval_and_p(runs):
    rows = json.loads(sliced(runs, "--contrast", "has_spatial=yes,no", "--json").output)["rows"]
    assert [row["of"] for row in rows] == ["all", "yes", "no", "yes less no"]
    assert rows[3]["episodes"] == rows[1]["episodes"] + rows[2]["episodes"]
    found = sliced(runs, "--contrast", "has_spatial=yes,no")
    assert "by how much more the first method leads" in found.output


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        ("has_spatial=yes", "A contrast is of two slices, as in has_spatial=no,yes; not 'has_spatial=yes'."),
        ("has_spatial=yes,yes", "A contrast is of two slices"),
        ("kind=a", "as in kind=A,B"),
        ("words=up to 4,5 to 8", "No episode is in a slice '5 to 8' of words. Did you mean 'up to 4'"),
        ("word=a,b", "There is no attribute 'word'."),
    ],
)
def test_a_contrast_of_no_two_slices_is_one_clear_line(runs, contrast, message):
    result = sliced(runs, "--contrast", contrast)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert message in result.output
    assert sliced(runs, "--contrast", "has_spatial=yes,no", "--by", "words").exit_code == 2


def test_how_trainings_come_into_p_is_said(files):
    good, bad = detailed({"good": 0.1, "bad": -0.2})
    found = compare(good, bad)
    assert "good and bad: nothing was trained" in str(found)
    assert "of flipped signs of the classes' differences." in str(found)
    assert "they have no p" in str(found)
    for form, text in (("{}", "a single training for each fold. What is between"), ("", "a single training: differ")):
        told = str(compare(with_weights(good, f"weights {form}"), bad))
        assert f"good: {text}" in told
        assert "bad: " not in told
        assert ("of Student's t" in told) == (form == "{}")


def with_weights(each, form):
    folds = [fold.model_copy(update={"checkpoint_sha256": form.format(fold.fold)}) for fold in each.folds]
    return each.model_copy(update={"folds": tuple(folds)})


def test_the_same_weights_are_seen_as_one_sample_and_some_in_common_as_two():
    good, control = (with_weights(each, "weights {}") for each in detailed({"good": 0.1, "bad": -0.2}))
    found = compare(good, control)
    assert found.rows[0].found.trainings == "by fold"
    assert "Both are of the same weights" in str(found)
    shared = control.model_copy(update={"folds": (control.folds[0], *with_weights(control, "own {}").folds[1:])})
    assert "are taken as independent: intervals are too wide" in str(compare(good, shared))
    assert "in common" not in str(compare(good, with_weights(control, "own {}")))


def marked(found, **values):
    """A comparison whose sentences have other attributes: each a function of a sentence's video and number."""
    slicer = found.find()
    attributes = {
        key: row | {name: value(*key) for name, value in values.items()} for key, row in slicer.attributes.items()
    }
    return replace(found, find=lambda: replace(slicer, attributes=attributes))


def test_the_difference_of_a_slice_is_that_of_its_scores_however_uneven_it_is(runs, made_runs):
    found = api.compare(runs / "support-copy", runs / "full-frame", splits=made_runs.splits)
    uneven = marked(found, has_motion=lambda video, number: hash_of(video, number) % 3 == 0)
    for row in (*uneven.sliced("has_motion").rows, *uneven.contrast("has_motion", "yes", "no").rows):
        assert row.one.headline - row.other.headline == pytest.approx(row.found.mean.headline, abs=1e-12)


def hash_of(video, number):
    return sum(map(ord, f"{video} {number}"))


def test_what_does_not_apply_is_a_dash():
    found = compare(*detailed({"good": 0.1, "bad": -0.2}))
    (row, *_), nothing = found.rows, Score(dict.fromkeys(("J", "F", "J&F"), np.nan))
    bare = row._replace(one=nothing, found=Difference(nothing, Interval(low=nothing, high=nothing), nothing, "none"))
    line = str(replace(found, rows=(bare,))).splitlines()[4]
    assert line.split() == ["all", "48", "-", "29.7", "-", "-", "-"]


def test_slices_without_their_manifest_or_of_no_attribute_are_one_clear_line(files, runs):
    result = run(files["good"], files["bad"], "--by", "words")
    assert (result.exit_code, result.output.count("\n")) == (3, 1)
    assert "no manifest with digest 0123456789ab is here" in result.output
    result = sliced(runs, "--by", "word")
    assert (result.exit_code, result.output) == (
        2,
        "Error: There is no attribute 'word'. Did you mean 'words' or 'class_word'?\n",
    )


def test_committed_entries_are_sliced_by_the_sentences_of_their_data(test_data):
    sides = [ROOT / f"leaderboard/entries/mini-ref-davis/{name}.json" for name in ("prototype", "colour-prototype")]
    found = api.compare(*sides, by="words", data_root=test_data, splits=ROOT / "splits").to_frame()
    assert found["of"].tolist() == ["all", "up to 4", "5 to 7", "8 to 10", "11 or more"]
    assert found["episodes"].tolist() == [220, 67, 93, 50, 10]
    one, other = (api.load_result(path).details.table for path in sides)
    difference = one.assign(d=(one["J"] + one["F"] - other["J"] - other["F"]) / 2)
    keys = ["class", "draw", "video"]
    texts = json.loads((test_data / "mini-ref-davis/meta_expressions/train/meta_expressions.json").read_text())[
        "videos"
    ]
    said = (texts[v]["expressions"][e]["exp"] for v, e in zip(one["video"], one["expression"], strict=True))
    is_short = np.array([len(text.split()) < 5 for text in said])
    by_draw = difference[is_short].groupby(keys)["d"].mean().groupby(keys[:2]).mean()
    assert found["difference"][1] == pytest.approx(100 * by_draw.groupby("class").mean().mean(), abs=1e-10)
    with pytest.raises(ManifestError, match="without the sentences they cannot be told"):
        api.compare(*sides, by="words", data_root=ROOT / "docs", splits=ROOT / "splits")
