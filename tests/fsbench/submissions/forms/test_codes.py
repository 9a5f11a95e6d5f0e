import pytest

from fsbench.errors import SubmissionError
from fsbench.masks.rle import run_lengths
from fsbench.submissions.forms import codes
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import check
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import kinds
from tests.fsbench.submissions.forms.helpers import rle
from tests.fsbench.submissions.forms.helpers import row
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_json


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_reads_back_equal(tmp_path, wrapped):
    rows = [row(key) for key in reversed(SENTENCES)]
    submission = open_submission(write_json(tmp_path / "masks.json", {"masks": rows} if wrapped else rows))
    assert not submission.problems
    assert submission.name(SENTENCES[-1]) == "masks[0]"
    check(submission, SENTENCES, rle)


def test_json_understands_other_names_numbers_as_ids_and_counts_as_a_list(tmp_path):
    fields = row(GOOD, video=None, expression=None, video_id=12, expression_id=0)
    runs = run_lengths(rle().counts).tolist()
    submission = open_submission(write_json(tmp_path / "masks.json", [{**fields, "counts": runs}]))
    assert not submission.problems
    check(submission, [MaskKey(None, "12", "0", "00000")], lambda key: rle())


BAD_ROWS = {
    "path as video": ({"video": "../../x"}, "unsafe"),
    "absolute path": ({"video": "/etc"}, "unsafe"),
    "path as frame": ({"frame": "../x"}, "unsafe"),
    "parent": ({"expression": ".."}, "unsafe"),
    "empty": ({"expression": ""}, "unsafe"),
    "backslash": ({"frame": "a\\b"}, "unsafe"),
    "surrogate": ({"frame": "\ud800"}, "unsafe"),
    "long": ({"frame": "x" * 300}, "unsafe"),
    "no video": ({"video": None}, "wrong-row"),
    "list as video": ({"video": ["a"]}, "wrong-row"),
    "number as frame": ({"frame": 5}, "wrong-row"),
    "true as id": ({"expression": True}, "wrong-row"),
    "negative draw": ({"draw": -1}, "wrong-row"),
    "fraction as draw": ({"draw": 0.5}, "wrong-row"),
    "huge draw": ({"draw": 10**30}, "wrong-row"),
    "no size": ({"size": None}, "wrong-row"),
    "one size": ({"size": [6]}, "wrong-row"),
    "other size": ({"size": [9, 7]}, "wrong-row"),
    "negative size": ({"size": [-6, -9]}, "wrong-row"),
    "nan size": ({"size": [float("nan"), 9]}, "wrong-row"),
    "text size": ({"size": ["6", "9"]}, "wrong-row"),
    "huge size": ({"size": [10**9, 10**9]}, "wrong-row"),
    "endless size": ({"size": [10**40, 1]}, "wrong-row"),
    "no counts": ({"counts": None}, "wrong-row"),
    "empty counts": ({"counts": ""}, "wrong-row"),
    "counts of other letters": ({"counts": "é ~"}, "wrong-row"),
    "counts that break off": ({"counts": "Pd"}, "wrong-row"),
    "counts without end": ({"counts": "o" * 40 + "0"}, "wrong-row"),
    "negative counts": ({"counts": [-1, 55]}, "wrong-row"),
    "nan counts": ({"counts": [float("nan")]}, "wrong-row"),
    "too many counts": ({"counts": [50, 5]}, "wrong-row"),
    "too few counts": ({"counts": []}, "wrong-row"),
    "huge counts": ({"counts": [10**100]}, "wrong-row"),
    "true counts": ({"counts": [True, 53]}, "wrong-row"),
    "counts as object": ({"counts": {}}, "wrong-row"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_json_row_is_named_and_the_others_are_read(tmp_path, name):
    changes, kind = BAD_ROWS[name]
    bad = row(GOOD._replace(frame="00005"), **changes)
    submission = open_submission(write_json(tmp_path / "masks.json", [bad, row(GOOD)]))
    assert [(problem.kind, problem.where) for problem in submission.problems] == [(kind, "masks[0]")]
    check(submission, [GOOD], rle)


@pytest.mark.parametrize("name", ["size", "counts", "video", "frame"])
def test_what_a_json_row_lacks_is_named(tmp_path, name):
    lacking = {field: value for field, value in row(GOOD._replace(frame="00005")).items() if field != name}
    submission = open_submission(write_json(tmp_path / "masks.json", [row(GOOD), lacking]))
    assert [(problem.where, problem.what) for problem in submission.problems] == [("masks[1]", f"{name} is missing")]


@pytest.mark.parametrize("bad", [None, 3, "x", [], [[]], {}])
def test_a_json_row_that_is_no_object_is_named(tmp_path, bad):
    submission = open_submission(write_json(tmp_path / "masks.json", [row(GOOD), bad, row(GOOD)]))
    assert kinds(submission) == ["wrong-row", "duplicate"]
    check(submission, [GOOD], rle)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"masks": {}}',
        "{}",
        "[",
        '[{"video": ' + "9" * 5000 + "}]",
        "[]",
        '{"masks": "abc"}',
        "[\xff",
        '"text"',
        "",
        "{'a': 1}",
    ],
)
def test_json_that_holds_no_masks_is_refused(tmp_path, content):
    (tmp_path / "masks.json").write_text(content, "latin-1")
    with pytest.raises(SubmissionError, match=r"masks\.json: .*\. "):
        open_submission(tmp_path / "masks.json")


def test_json_beyond_the_limit_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(codes, "MAX_JSON_BYTES", 10)
    with pytest.raises(SubmissionError, match="more than 10"):
        open_submission(write_json(tmp_path / "masks.json", [row(GOOD)]))
