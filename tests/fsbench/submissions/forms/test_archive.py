import os
import shutil
import stat
import struct
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbench.errors import SubmissionError
from fsbench.submissions.forms import archive
from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import check
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import kinds
from tests.fsbench.submissions.forms.helpers import LABELS
from tests.fsbench.submissions.forms.helpers import path_of
from tests.fsbench.submissions.forms.helpers import PLAIN
from tests.fsbench.submissions.forms.helpers import png
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_zip


def entry(**attributes):
    info = zipfile.ZipInfo(path_of(LABELS[0]))
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


@pytest.mark.parametrize(
    "name",
    ["../x.png", "/etc/x.png", "a/../../x.png", "C:/x.png", "c:x.png", "a\\..\\x.png", "..", "../", "a\nb/0/x.png"],
)
def test_names_that_lead_out_of_a_zip_are_problems(tmp_path, name):
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    submission = open_submission(write_zip(folder / "masks.zip", [(name, png()), (PLAIN, png())]))
    assert kinds(submission) == ["unsafe"]
    assert submission.problems[0].where == name
    check(submission, [GOOD])
    assert sorted(tmp_path.rglob("*")) == sorted([*before, folder / "masks.zip"])


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_are_problems(tmp_path, kind):
    link = entry(external_attr=(kind | 0o777) << 16)
    submission = open_submission(write_zip(tmp_path / "masks.zip", [(link, b"/etc/passwd"), (PLAIN, png())]))
    assert kinds(submission) == ["unsafe"]
    check(submission, [GOOD])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", [PLAIN, f"./{PLAIN}", PLAIN.replace("/0/", "//0/")])
def test_the_first_of_duplicates_in_a_zip_is_read(tmp_path, second):
    submission = open_submission(write_zip(tmp_path / "masks.zip", [(PLAIN, png()), (second, b"other")]))
    assert kinds(submission) == ["duplicate"]
    check(submission, [GOOD])


def test_a_method_that_unpacks_without_bounds_is_a_problem(tmp_path):
    packed = entry(compress_type=zipfile.ZIP_LZMA)
    submission = open_submission(write_zip(tmp_path / "masks.zip", [(packed, png()), (PLAIN, png())]))
    assert kinds(submission) == ["unreadable"]
    check(submission, [GOOD])


def test_backslashes_of_windows_part_folders(tmp_path):
    files = {path_of(key).replace("/", "\\"): png(key) for key in SENTENCES}
    submission = open_submission(write_zip(tmp_path / "masks.zip", files))
    assert not submission.problems
    check(submission, SENTENCES)


def test_bzip2_is_unpacked_up_to_the_size_that_was_declared(tmp_path):
    files = {path_of(LABELS[0]): bytes(5000), PLAIN: png()}
    path = write_zip(tmp_path / "masks.zip", files, zipfile.ZIP_BZIP2)
    with open_submission(path) as submission:
        assert submission.read(GOOD) == png()
        assert submission.read(LABELS[0]) == bytes(5000)
    with open_submission(patched(path, 24, "<I", 4999)) as submission:
        with pytest.raises(SubmissionError, match="cannot be unpacked"):
            submission.read(LABELS[0])
        assert submission.read(GOOD) == png()


def test_a_bomb_by_ratio_is_a_problem(tmp_path):
    bomb = (entry(compress_type=zipfile.ZIP_DEFLATED), bytes(4 << 20))
    submission = open_submission(write_zip(tmp_path / "masks.zip", [bomb, (PLAIN, png())]))
    assert kinds(submission) == ["too-large"]
    assert "times" in submission.problems[0].what
    check(submission, [GOOD])


def test_a_bomb_by_size_is_a_problem(tmp_path, monkeypatch):
    files = {path_of(key): png(key) for key in SENTENCES}
    path = write_zip(tmp_path / "masks.zip", files)
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", sum(map(len, list(files.values())[:5])))
    submission = open_submission(path)
    assert set(kinds(submission)) == {"too-large"}
    check(submission, SENTENCES[:5])
    big = write_zip(tmp_path / "big.zip", {PLAIN: png(), path_of(LABELS[0]): bytes(len(png()) + 1)})
    monkeypatch.setattr(archive, "MAX_MASK_BYTES", len(png()))
    submission = open_submission(big)
    assert kinds(submission) == ["too-large"]
    check(submission, [GOOD])


def patched(path, offset, layout, value):
    """Changes a field of the first member in the table of contents."""
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, content.index(b"PK\1\2") + offset, value)
    path.write_bytes(content)
    return path


@pytest.fixture
def two(tmp_path):
    files = {path_of(LABELS[0]): bytes(5000), PLAIN: png()}
    return write_zip(tmp_path / "masks.zip", files, zipfile.ZIP_DEFLATED)


def test_an_encrypted_member_is_a_problem(two):
    submission = open_submission(patched(two, 8, "<H", 1))
    assert kinds(submission) == ["encrypted"]
    check(submission, [GOOD])


@pytest.mark.parametrize(
    ("offset", "value"),
    [(24, 4999), (24, 5001), (24, 0), (16, 7), (20, 3), (20, 0)],
    ids=["smaller", "larger", "empty", "checksum", "cut", "nothing"],
)
def test_a_table_of_contents_that_lies_fails_for_that_member_only(two, offset, value):
    submission = open_submission(patched(two, offset, "<I", value))
    with pytest.raises(SubmissionError, match=r"masks.zip: Annotations/bear/00000.png: cannot be unpacked"):
        submission.read(LABELS[0])
    assert submission.read(GOOD) == png()
    submission.close()


def test_a_header_of_another_name_fails(two):
    content = two.read_bytes()
    name = path_of(LABELS[0]).encode()
    two.write_bytes(content.replace(name, name.replace(b"bear", b"bare"), 1))
    with open_submission(two) as submission:
        with pytest.raises(SubmissionError, match="header"):
            submission.read(LABELS[0])
        assert submission.read(GOOD) == png()


def test_members_that_overlap_are_problems(two):
    submission = open_submission(patched(two, 20, "<I", 100))
    assert kinds(submission) == ["unsafe"]
    assert "overlaps" in submission.problems[0].what
    check(submission, [GOOD])
    submission = open_submission(patched(two, 42, "<I", two.read_bytes().rindex(b"PK\3\4")))
    assert kinds(submission) == ["unsafe"]
    submission.close()


def test_a_zip_without_its_end_is_refused(two):
    content = two.read_bytes()
    for length in (*range(4, len(content) - 1, 7), len(content) - 1):
        two.write_bytes(content[:length])
        with pytest.raises(SubmissionError, match="no whole zip"):
            open_submission(two)


@given(st.integers(0), st.integers(0, 255))
def test_a_zip_with_any_byte_changed_is_read_or_refused(tmp_path_factory, position, value):
    folder = tmp_path_factory.mktemp("changed")
    content = bytearray(write_zip(folder / "masks.zip", {PLAIN: png()}, zipfile.ZIP_DEFLATED).read_bytes())
    content[position % len(content)] = value
    (folder / "masks.zip").write_bytes(content)
    try:
        with open_submission(folder / "masks.zip") as submission:
            assert list(map(submission.read, submission.keys())) == [png()]
    except SubmissionError:
        pass
    assert [path.name for path in folder.iterdir()] == ["masks.zip"]


def test_a_table_of_contents_larger_than_the_file_or_limit_is_refused(two, monkeypatch):
    content = bytearray(two.read_bytes())
    struct.pack_into("<I", content, len(content) - 10, 2**31)
    two.write_bytes(content)
    with pytest.raises(SubmissionError, match="larger than what is there"):
        open_submission(two)
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", 10)
    with pytest.raises(SubmissionError, match="table of contents has"):
        open_submission(write_zip(two, {PLAIN: png()}))


def test_a_zip_with_something_before_or_behind_it_and_one_of_64_bits_are_read(two, monkeypatch):
    def zip64(path, files):
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
        return write_zip(path, files)

    check(open_submission(zip64(two, {PLAIN: png()})), [GOOD])
    assert b"PK\6\7" in two.read_bytes()
    with zipfile.ZipFile(two, "a") as archive:
        archive.comment = b"hello"
    check(open_submission(two), [GOOD])
    two.write_bytes(b"PK.." + two.read_bytes())
    check(open_submission(two), [GOOD])


def test_a_zip_in_a_zip_is_not_opened(tmp_path, two):
    submission = open_submission(write_zip(tmp_path / "outer.zip", {"masks.zip": two.read_bytes(), PLAIN: png()}))
    assert kinds(submission) == ["nested-archive"]
    check(submission, [GOOD])
    with pytest.raises(SubmissionError, match="nested-archive: 1"):
        open_submission(write_zip(tmp_path / "outer.zip", {"masks.zip": two.read_bytes()}))


def test_a_closed_zip_is_not_read(two):
    with open_submission(two) as submission:
        pass
    with pytest.raises(ValueError, match="closed"):
        submission.read(GOOD)


def test_nothing_is_left_open(tmp_path, two):
    shutil.copy(two, tmp_path / "other.zip")
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208
    for _ in range(3):
        with open_submission(two) as submission:
            submission.read(GOOD)
        (tmp_path / "bad.zip").write_bytes(b"PK")
        with pytest.raises(SubmissionError):
            open_submission(tmp_path / "bad.zip")
    after = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208
    assert before == after


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MASKS", 3)
    submission = write_zip(tmp_path / "masks.zip", {path_of(key): png(key) for key in SENTENCES})
    with pytest.raises(SubmissionError, match="more than 3"):
        open_submission(submission)


def test_a_zip_of_nothing_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "masks.zip", "w"):
        pass
    with pytest.raises(SubmissionError, match="no masks"):
        open_submission(tmp_path / "masks.zip")
