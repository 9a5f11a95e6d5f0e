import zipfile

import pytest

from fsbench.submissions.forms import Known
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import open_truth
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


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_texts_and_tables_beside_the_masks_are_a_note(tmp_path, form):
    files = {PLAIN: png(), "readme.txt": b"", "Annotations/bear/scores.csv": b""}
    write = write_folder if form == "folder" else write_zip
    submission = open_submission(write(tmp_path / f"masks.{form}", files))
    assert not submission.problems
    assert "2 files besides the masks" in submission.notes[0]
    check(submission, [GOOD])


TOPS = ["results", "results/Annotations", "results/Annotations/480p", "a/b", "bear"]


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("keys", [LABELS, SENTENCES[:8]])
def test_the_folder_that_holds_the_videos_that_are_asked_for_is_the_top(tmp_path, top, form, keys):
    keys = [key._replace(draw=None) for key in keys]
    known = Known({key.video for key in keys}, 1 if keys[0].expression is None else 2)
    files = {f"{top}/{path_of(key, '')}": png(key) for key in keys}
    write = write_folder if form == "folder" else write_zip
    submission = open_submission(write(tmp_path / f"masks.{form}", files), known)
    assert not submission.problems
    check(submission, keys)


def test_draws_may_lie_below_a_top_and_masks_beside_it_are_problems(tmp_path):
    files = {f"mine/{path_of(key)}": png(key) for key in SENTENCES}
    files["cow/0/00000.png"] = png()
    submission = open_submission(write_zip(tmp_path / "masks.zip", files), Known({"bear", "cow"}, 2))
    assert [(problem.kind, problem.where) for problem in submission.problems] == [("nesting", "cow/0/00000.png")]
    check(submission, SENTENCES)


ROOT = ["ImageSets/2017/val.txt", "JPEGImages/480p/bear/00000.jpg", "README.md", "Annotations/480p/bear/note.txt"]


@pytest.mark.parametrize("root", ["", "DAVIS/", "data/DAVIS/"])
@pytest.mark.parametrize("inner", ["Annotations/480p", "Annotations", "Annotations_6fps"])
def test_a_dataset_root_is_truth_by_its_annotations(tmp_path, root, inner):
    files = {f"{root}{path_of(key, inner + '/')}": png(key) for key in LABELS}
    files |= {f"{root}{name}": b"" for name in ROOT}
    submission = open_truth(write_folder(tmp_path / "truth", files), "Annotations", tuple)
    assert not submission.problems
    check(submission, LABELS)


def test_of_several_annotations_those_of_the_protocol_and_of_480p_are_the_truth(tmp_path):
    tops = ("Annotations/480p", "Annotations/1080p", "Annotations_unsupervised/480p")
    files = {f"{top}/{path_of(key, '')}": top.encode() for key in LABELS for top in tops}
    root = write_folder(tmp_path / "truth", files)
    for name in ("Annotations", "Annotations_unsupervised"):
        submission = open_truth(root, name, tuple)
        assert not submission.problems
        check(submission, LABELS, lambda key, name=name: f"{name}/480p".encode())
    submission = open_truth(root / "Annotations", "Annotations", tuple)
    check(submission, LABELS, lambda key: b"Annotations/480p")


def test_a_folder_of_videos_as_truth_is_told_from_a_video_by_the_predictions(tmp_path):
    root = write_folder(tmp_path / "truth", {f"val/{path_of(key, '')}": png(key) for key in LABELS})
    assert open_truth(root, "Annotations", tuple).read(MaskKey(None, "val", "bear", "00000"))
    check(open_truth(root, "Annotations", lambda: {"bear"}), LABELS)
