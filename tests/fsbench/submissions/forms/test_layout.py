import zipfile

import pytest

from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import check
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import kinds
from tests.fsbench.submissions.forms.helpers import LABELS
from tests.fsbench.submissions.forms.helpers import path_of
from tests.fsbench.submissions.forms.helpers import PLAIN
from tests.fsbench.submissions.forms.helpers import png
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_folder
from tests.fsbench.submissions.forms.helpers import write_zip


@pytest.mark.parametrize("keys", [SENTENCES, LABELS])
@pytest.mark.parametrize("top", ["", "Annotations/", "Annotations/480p/"])
@pytest.mark.parametrize("form", ["folder", "zip", "deflated"])
def test_masks_of_folders_and_zips_read_back_equal(tmp_path, keys, top, form):
    files = {path_of(key, top): png(key) for key in keys}
    if form == "folder":
        submission = open_submission(write_folder(tmp_path / "masks", files))
    else:
        method = zipfile.ZIP_DEFLATED if form == "deflated" else zipfile.ZIP_STORED
        submission = open_submission(write_zip(tmp_path / "masks.zip", files, method))
    assert not submission.problems
    assert not submission.notes
    assert submission.name(keys[0]) == path_of(keys[0], top)
    check(submission, keys)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_one_folder_above_all_is_taken_off_with_a_note(tmp_path, form):
    files = {f"mine/{path_of(key)}": png(key) for key in SENTENCES}
    write = write_folder if form == "folder" else write_zip
    submission = open_submission(write(tmp_path / f"masks.{form}", files))
    assert not submission.problems
    assert "'mine'" in submission.notes[0]
    assert submission.name(SENTENCES[0]).startswith("mine/draw-0/")
    check(submission, SENTENCES)


def test_a_single_video_is_no_folder_above_all(tmp_path):
    submission = open_submission(write_zip(tmp_path / "masks.zip", {"bear/0/00000.png": png()}))
    assert not submission.notes
    check(submission, [GOOD])


def test_hidden_files_are_passed_over_silently(tmp_path):
    files = {path_of(GOOD): png(), "__MACOSX/._a.png": b"", ".DS_Store": b"", "Annotations/bear/.x/00000.png": b""}
    for submission in (
        open_submission(write_folder(tmp_path / "masks", files)),
        open_submission(write_zip(tmp_path / "masks.zip", files)),
    ):
        assert not submission.problems
        check(submission, [GOOD])


STRANGE = {
    "readme.txt": "stray",
    "Annotations/bear/0/00005.jpg": "stray",
    "more.zip": "nested-archive",
    "Annotations/00000.png": "nesting",
    "Annotations/a/b/c/00000.png": "nesting",
    "Annotations/draw-0/a/b/00000.png": "nesting",
    "JPEGImages/bear/00000.png": "nesting",
    "00000.png": "nesting",
    "Annotations.png": "nesting",
    "draw-1.png": "nesting",
    "draw-1/x.png": "nesting",
    "draw-01/bear/0/x.png": "nesting",
    "Annotations/bear/0/.png/": None,
    "Annotations/bear/0/\x1b.png": "unsafe",
    "Annotations/C:/0/x.png": "unsafe",
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_does_not_belong_is_named_and_the_rest_is_read(tmp_path, name, form):
    if form == "folder":
        write_folder(tmp_path / "masks", {PLAIN: png()})
        write_folder(tmp_path / "masks", {name: b"other"} if STRANGE[name] else {})
        submission = open_submission(tmp_path / "masks")
    else:
        submission = open_submission(write_zip(tmp_path / "masks.zip", {PLAIN: png(), name: b"other"}))
    assert kinds(submission) == [STRANGE[name]] * bool(STRANGE[name])
    assert all(problem.where == name for problem in submission.problems)
    with submission:
        assert list(submission.keys()) == [GOOD]
        assert submission.read(GOOD) in (png(), b"other")


def test_an_ending_in_capitals_is_no_other_frame(tmp_path):
    files = {PLAIN: png(), PLAIN.replace("png", "PNG"): png()}
    submission = open_submission(write_folder(tmp_path / "masks", files))
    assert kinds(submission) == ["duplicate"]
    check(submission, [GOOD])


def test_levels_that_only_some_masks_have_are_a_problem(tmp_path):
    files = {path_of(key): png(key) for key in (GOOD, LABELS[-1], SENTENCES[0])}
    submission = open_submission(write_folder(tmp_path / "masks", files))
    assert [problem.what.split(",")[0] for problem in submission.problems] == [
        "belongs to no draw",
        "belongs to no sentence",
    ]
    check(submission, [GOOD, LABELS[-1], SENTENCES[0]])
