import json

from fsbench.submissions.problems import as_json
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import REMEDIES
from fsbench.submissions.problems import report

FRAMES = [Problem("missing-frame", f"bear/{i:05d}", "is not there") for i in range(7)]
SIZE = Problem("wrong-size", "bear/00000.png", "is 3 x 4, not 6 x 8")


def test_no_problems_make_no_report():
    assert report([]) == ""
    assert as_json([]) == []


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
    assert [problem["remedy"] for problem in as_json([own, SIZE])] == ["Turn it.", REMEDIES["wrong-size"]]


def test_json_lists_every_problem():
    listed = json.loads(json.dumps(as_json([SIZE, *FRAMES])))
    assert len(listed) == 8
    assert listed[0] == {**SIZE._asdict(), "remedy": REMEDIES["wrong-size"]}


def test_foreign_names_cannot_command_the_terminal_or_flood_it():
    text = report([Problem("stray", "\x1b[2J\n\ud800", "x" * 100_000)])
    assert "\\x1b[2J\\n\\ud800" in text
    assert len(text) < 1000
    json.dumps(as_json([Problem("stray", "\ud800", "")])).encode()
