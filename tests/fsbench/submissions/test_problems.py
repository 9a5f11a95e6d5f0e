import json

from fsbench.cli.scoring import score
from fsbench.submissions.problems import as_json
from fsbench.submissions.problems import Findings
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import REMEDIES
from fsbench.submissions.problems import report

FRAMES = [Problem("missing-frame", f"bear/{i:05d}", "is not there") for i in range(7)]
SIZE = Problem("wrong-size", "bear/00000.png", "is 3 x 4, not 6 x 8")


def test_no_problems_make_no_report():
    assert report([]) == ""
    assert as_json(Findings([])) == {"problems": [], "notes": []}


def test_problems_are_grouped_and_counted_with_examples_and_one_remedy():
    assert report([SIZE, *FRAMES], limit=2).splitlines() == [
        "missing-frame: 7",
        "  bear/00000: is not there",
        "  bear/00001: is not there",
        "  ... and 5 more",
        f"  {REMEDIES['missing-frame']}",
        "wrong-size: 1",
        "  bear/00000.png: is 3 x 4, not 6 x 8",
        f"  {REMEDIES['wrong-size']}",
    ]
    assert "more" not in report(FRAMES, limit=7)


def test_a_problem_may_have_its_own_remedy():
    own = SIZE._replace(remedy="Turn it.")
    assert report([own, own]).splitlines()[-1] == "  Turn it."
    assert [problem["remedy"] for problem in as_json(Findings([own, SIZE]))["problems"]] == [
        "Turn it.",
        REMEDIES["wrong-size"],
    ]


def test_json_lists_every_problem():
    listed = json.loads(json.dumps(as_json(Findings([SIZE, *FRAMES], ["as it is"]))))
    assert len(listed["problems"]) == 8
    assert listed["notes"] == ["as it is"]
    assert listed["problems"][0] == {**SIZE._asdict(), "remedy": REMEDIES["wrong-size"]}


def test_foreign_names_cannot_command_the_terminal_or_flood_it():
    text = report([Problem("stray", "\x1b[2J\n\ud800", "x" * 100_000)])
    assert "\\x1b[2J\\n\\ud800" in text
    assert len(text) < 1000
    json.dumps(as_json(Findings([Problem("stray", "\ud800", "")]))).encode()


def test_notes_stand_below_the_problems():
    assert str(Findings([SIZE], ["as it is"])).splitlines()[-1] == "note: as it is"
    assert str(Findings([], ["as it is"])) == "note: as it is"


def test_every_option_that_a_remedy_names_is_one_of_the_command():
    options = {option for parameter in score.params for option in parameter.opts}
    named = {word.strip(".,;") for remedy in REMEDIES.values() for word in remedy.split() if word.startswith("--")}
    assert {"--missing", "--extra", "--draws", "--videos"} <= named <= options
