import json

import pytest
from click.testing import CliRunner

from fsbench import api
from fsbench.cli import main
from fsbench.errors import RunError
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.power import plan
from tests.conftest import ROOT

ENTRIES = ROOT / "leaderboard/entries/mini-ref-shapes"


def run(*arguments):
    return CliRunner().invoke(main, ["power", *map(str, arguments)])


def test_the_plan_says_what_would_separate_two_methods_of_two_trainings():
    found = json.loads(run(ENTRIES / "cma", ENTRIES / "cma-add", "--points", 1.7, "--json").output)
    rows = {row["what"]: row for row in found["rows"]}
    assert (found["methods"], found["trainings"], found["points"]) == (["cma", "cma-add"], "several", 1.7)
    as_it_was = rows["as evaluated"]
    assert [as_it_was[name] for name in ("folds", "classes", "videos", "draws", "trainings")] == [4, 16, 16, 5, 2]
    assert 0.05 < as_it_was["power"] < 0.8 <= rows["more classes alone"]["power"]
    assert rows["more videos alone"] == {"what": "more videos alone", "power": None}
    again = json.loads(run(ENTRIES / "cma", ENTRIES / "cma-add", "--points", found["smallest"], "--json").output)
    assert again["rows"][0]["power"] == pytest.approx(0.8, abs=1e-6)


def test_what_is_asked_for_is_looked_at():
    arguments = ("--points", 1.7, "--classes", 128, "--videos", 4, "--draws", 2, "--trainings", 3)
    output = run(ENTRIES / "cma", ENTRIES / "referformer", *arguments).output
    (line,) = (line for line in output.splitlines() if line.startswith("as asked"))
    assert line.split()[2:6] == ["128", "4", "2", "3"]
    assert "A single training for each fold" in output


def test_a_contrast_is_planned_for_as_a_lead_is():
    entries = ROOT / "leaderboard/entries/mini-ref-shapes@v3"
    one, other = (as_entry(entries / f"{name}.json") for name in ("oracle-sentence", "oracle-class"))
    contrast = "kind=support needed,support not needed"
    found = plan(one, other, 0.05, contrast=contrast, splits=ROOT / "splits")
    assert (found.known.classes, found.known.draws, found.known.trainings) == (128, 2, 1)
    assert "a lead of 5.0 points of J&F, support needed less support not needed" in str(found)
    (last,) = api.compare(one, other, contrast=contrast, splits=ROOT / "splits").to_frame().tail(1).to_dict("records")
    error = (last["high"] - last["low"]) / 2 / 1.98  # Student's t of 124 degrees of freedom
    assert 100 * found.smallest == pytest.approx(error * (1.98 + 0.845), rel=0.05)
    with pytest.raises(RunError, match="No episode is in a slice 'needed' of kind"):
        plan(one, other, 0.05, contrast="kind=needed,support not needed", splits=ROOT / "splits")


def test_what_was_not_trained_has_no_trainings_to_vary():
    found = plan(as_entry(ENTRIES / "prototype.json"), as_entry(ENTRIES / "colour-prototype.json"), 0.017)
    assert "more trainings alone" not in found.rows
    assert "Nothing was trained" in str(found)
    assert found.parts.training == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cma", "cma-add"), "Missing option '--points'"),
        (("cma", "cma-add", "--points", 0), "Invalid value for '--points'"),
        (("cma", "nothing", "--points", 1), "there is no such folder of runs or entry (nothing.json)"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, message):
    one, other, *rest = arguments
    result = run(ENTRIES / one, ENTRIES / other, *rest)
    assert result.exit_code == 2
    assert message in result.output
