import os

import pytest

from fsbench.errors import SubmissionError
from fsbench.submissions.forms import folder
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import check
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import kinds
from tests.fsbench.submissions.forms.helpers import path_of
from tests.fsbench.submissions.forms.helpers import PLAIN
from tests.fsbench.submissions.forms.helpers import png
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_folder


def test_links_to_files_and_folders_are_followed(tmp_path):
    store = write_folder(tmp_path / "store", {"0/00000.png": png(), "f.png": png()})
    folder = write_folder(tmp_path / "masks", {"bear/1/00000.png": png()})
    (folder / "bear/0").symlink_to(store / "0")
    (folder / "bear/1/00005.png").symlink_to(store / "f.png")
    (folder / "cow").symlink_to(folder / "bear")
    submission = open_submission(folder)
    assert not submission.problems
    found = [("0", "00000"), ("1", "00000"), ("1", "00005")]
    check(submission, [MaskKey(None, v, e, f) for v in ("bear", "cow") for e, f in found], lambda key: png())


def test_a_folder_below_a_link_that_is_one_above_it_is_not_gone_into_again(tmp_path):
    folder = write_folder(tmp_path / "outer/masks", {PLAIN: png()})
    (folder / "away").symlink_to(tmp_path / "outer")  # in which "masks" is a folder, and no link
    submission = open_submission(folder)
    assert [(p.kind, p.where) for p in submission.problems] == [("unsafe", "away/masks")]
    check(submission, [GOOD])


def test_links_that_lead_nowhere_or_round_and_what_is_no_file_are_problems(tmp_path):
    folder = write_folder(tmp_path / "masks", {PLAIN: png()})
    (folder / "Annotations/bear/0/00015.png").symlink_to("00015.png")
    (folder / "Annotations/bear/0/00016.png").symlink_to("missing.png")
    (folder / "Annotations/bear/0/up").symlink_to("..")
    (folder / "Annotations/round").symlink_to(folder)
    os.mkfifo(folder / "Annotations/bear/0/00020.png")
    submission = open_submission(folder)
    assert kinds(submission) == ["unsafe"] * 5
    check(submission, [GOOD])


def test_a_file_that_turns_into_a_pipe_or_goes_away_stops_nothing(tmp_path):
    other = GOOD._replace(frame="00005")
    folder = write_folder(tmp_path / "masks", {PLAIN: png(), path_of(other): png()})
    submission = open_submission(folder)
    (folder / PLAIN).unlink()
    with pytest.raises(SubmissionError, match=r"masks: Annotations/bear/0/00000.png: cannot be read .*again"):
        submission.read(GOOD)
    os.mkfifo(folder / PLAIN)
    assert submission.read(GOOD) == b""
    assert submission.read(other) == png()


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_MASK_BYTES", 100)
    submission = open_submission(write_folder(tmp_path / "masks", {PLAIN: b"x" * 101}))
    with pytest.raises(SubmissionError, match="larger than 100"):
        submission.read(GOOD)


def test_endless_folders_are_not_entered(tmp_path):
    folder = write_folder(tmp_path / "masks", {PLAIN: png(), "/".join("abcdefghijk") + "/0.png": b""})
    submission = open_submission(folder)
    assert [(problem.kind, problem.where) for problem in submission.problems] == [("nesting", "a/b/c/d/e/f/g/h/i")]
    check(submission, [GOOD])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    folder = write_folder(tmp_path / "masks", {PLAIN: png(), "Annotations/cow/0/0.png": b""})
    (folder / "Annotations/cow").chmod(0)
    submission = open_submission(folder)
    (folder / "Annotations/cow").chmod(0o755)
    assert kinds(submission) == ["unreadable"]
    check(submission, [GOOD])


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_MASKS", 3)
    submission = write_folder(tmp_path / "masks", {path_of(key): png(key) for key in SENTENCES})
    with pytest.raises(SubmissionError, match="more than 3"):
        open_submission(submission)
