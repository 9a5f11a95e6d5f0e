import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsbench.errors import SubmissionError
from fsbench.masks.predictions import prediction_table
from fsbench.masks.rle import encode_masks
from fsbench.masks.rle import Rle
from fsbench.masks.rle import run_lengths
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import parquet
from tests.fsbench.submissions.forms.helpers import check
from tests.fsbench.submissions.forms.helpers import columns
from tests.fsbench.submissions.forms.helpers import episodes
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import kinds
from tests.fsbench.submissions.forms.helpers import LABELS
from tests.fsbench.submissions.forms.helpers import rle
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_json
from tests.fsbench.submissions.forms.helpers import write_parquet


@pytest.mark.parametrize("options", [{}, {"row_group_size": 3}, {"use_dictionary": False, "row_group_size": 5}])
def test_parquet_reads_back_equal(tmp_path, options):
    submission = open_submission(write_parquet(tmp_path / "masks.parquet", columns(SENTENCES), **options))
    assert submission.name(SENTENCES[4]) == "row 4"
    check(submission, SENTENCES, rle)
    labels = columns(LABELS).drop_columns(["draw", "expression"])
    check(open_submission(write_parquet(tmp_path / "labels.parquet", labels, **options)), LABELS, rle)
    check(open_submission(write_parquet(tmp_path / "nulls.parquet", columns(LABELS))), LABELS, rle)
    check(open_submission(write_parquet(tmp_path / "rows.parquet", episodes(SENTENCES), **options)), SENTENCES, rle)


@pytest.mark.parametrize("fold", ["", "fold-2"])
def test_the_folder_of_a_run_or_fold_reads_back_equal(tmp_path, fold):
    for number in (0, 1):
        part = tmp_path / "run" / fold / f"predictions/part-{number:05d}.parquet"
        part.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(part, episodes(SENTENCES[number::2]))
    submission = open_submission(tmp_path / "run")
    assert not submission.problems
    assert submission.name(SENTENCES[1]).endswith("predictions/part-00001.parquet, row 0")
    check(submission, SENTENCES, rle)


BAD_TABLES = {
    "no counts": columns(SENTENCES).drop_columns(["counts"]),
    "nothing": pa.table({}),
    "numbers as frames": columns(SENTENCES).set_column(3, "frame", pa.array(range(len(SENTENCES)))),
    "text as draw": columns(SENTENCES).set_column(0, "draw", pa.array(["0"] * len(SENTENCES))),
    "lists as video": columns(SENTENCES).set_column(1, "video", pa.array([["a"]] * len(SENTENCES))),
    "counts twice": columns(SENTENCES).append_column("counts", columns(SENTENCES)["counts"]),
    "text as height": columns(SENTENCES).set_column(4, "height", pa.array(["6"] * len(SENTENCES))),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_parquet_of_other_columns_is_refused(tmp_path, name):
    with pytest.raises(SubmissionError, match="column"):
        open_submission(write_parquet(tmp_path / "masks.parquet", BAD_TABLES[name]))


def test_parquet_that_is_cut_or_damaged_is_refused(tmp_path):
    path = write_parquet(tmp_path / "masks.parquet", columns(SENTENCES))
    content = path.read_bytes()
    for length in (4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(SubmissionError, match="cannot be read"):
            open_submission(path)


def test_bad_parquet_rows_are_named_or_fail_alone(tmp_path):
    rows = columns([GOOD] * 8).to_pylist()
    changes = [{}, {"video": None}, {"frame": None}, {"video": "../x"}, {"draw": -1}, {}]
    changes += [{"frame": "nulls", "counts": None}, {"frame": "short", "counts": b"12"}]
    table = pa.Table.from_pylist([{**old, **new} for old, new in zip(rows, changes, strict=True)])
    submission = open_submission(write_parquet(tmp_path / "masks.parquet", table))
    assert [(problem.where, problem.kind) for problem in submission.problems] == [
        ("row 1", "wrong-row"),
        ("row 2", "wrong-row"),
        ("row 3", "unsafe"),
        ("row 4", "wrong-row"),
        ("row 5", "duplicate"),
    ]
    assert submission.read(GOOD) == rle()
    for frame in ("nulls", "short"):
        with pytest.raises(SubmissionError, match=r"masks\.parquet: row [67]: cannot be read .*again"):
            submission.read(GOOD._replace(frame=frame))


def test_a_row_that_names_no_episode_is_a_problem(tmp_path):
    table = prediction_table(
        ["f0/bear/d0/bear/0", "bear", "f0/c/d0/../0"], ["0"], [encode_masks(np.ones((1, 2, 3), bool))] * 3, (2, 3)
    )
    submission = open_submission(write_parquet(tmp_path / "masks.parquet", table))
    assert kinds(submission) == ["wrong-row", "unsafe"]
    assert list(submission.keys()) == [MaskKey(0, "bear", "0", "0")]


def test_a_row_group_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    table = columns(SENTENCES)
    big = table.slice(8).set_column(6, "counts", pa.array([os.urandom(5000) for _ in range(8)]))
    path = write_parquet(tmp_path / "masks.parquet", pa.concat_tables([table.slice(0, 8), big]), row_group_size=8)
    monkeypatch.setattr(parquet, "MAX_GROUP_BYTES", 10_000)
    submission = open_submission(path)
    assert [(problem.kind, problem.where) for problem in submission.problems] == [("too-large", "row 8")]
    check(submission, SENTENCES[:8], rle)


def test_a_value_repeated_by_a_small_parquet_file_stays_small(tmp_path):
    keys = [GOOD._replace(frame=f"{t:05d}") for t in range(150)]
    table = columns(keys).set_column(6, "counts", pa.array([b"o" * 900_000] * 150, pa.large_binary()))
    path = write_parquet(tmp_path / "masks.parquet", table, dictionary_pagesize_limit=1 << 24)
    del table
    assert path.stat().st_size < 1 << 20
    submission = open_submission(path)
    before = pa.total_allocated_bytes()
    with pytest.raises(SubmissionError, match="no compressed run-length code"):
        submission.read(keys[-1])
    assert pa.total_allocated_bytes() - before < 50 << 20


def test_a_damaged_part_of_a_run_does_not_hide_the_others(tmp_path):
    folder = tmp_path / "run/predictions"
    folder.mkdir(parents=True)
    for number in range(2):
        write_parquet(folder / f"part-{number:05d}.parquet", episodes(SENTENCES[number::2]))
    (folder / "part-00000.parquet").write_bytes(b"PAR1")
    submission = open_submission(tmp_path / "run")
    assert [(problem.kind, Path(problem.where).name) for problem in submission.problems] == [
        ("unreadable", "part-00000.parquet"),
    ]
    check(submission, SENTENCES[1::2], rle)


def test_what_comes_before_a_damage_in_a_part_is_read(tmp_path):
    folder = tmp_path / "run/predictions"
    folder.mkdir(parents=True)
    path = write_parquet(folder / "part-00000.parquet", episodes(SENTENCES), row_group_size=8)
    second = pq.read_metadata(path).row_group(1).column(0)
    start = second.dictionary_page_offset or second.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + second.total_compressed_size] = bytes(second.total_compressed_size)
    path.write_bytes(content)
    submission = open_submission(tmp_path / "run")
    assert kinds(submission) == ["unreadable"]
    check(submission, SENTENCES[:8], rle)


def test_too_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MAX_MASKS", 3)
    submission = write_parquet(tmp_path / "masks.parquet", columns(SENTENCES))
    with pytest.raises(SubmissionError, match="more than 3"):
        open_submission(submission)


def test_parquet_understands_what_json_does(tmp_path):
    """Ids that are numbers, columns made fractions by a gap, other names, sizes, lists of counts."""
    keys = [MaskKey(0, "12", "0", f"{t:05d}") for t in range(3)]
    codes = {key: Rle(6, 9, rle().counts) for key in keys}
    texts = {"frame": [key.frame for key in keys], "counts": [code.counts.decode() for code in codes.values()]}
    sizes = {"height": [6.0] * 3, "width": [9] * 3}
    tables = [
        {**texts, **sizes, "video": [12] * 3, "expression": [0] * 3, "draw": [0.0] * 3},
        {**texts, **sizes, "video_id": ["12"] * 3, "expression_id": [0.0] * 3, "draw": [0] * 3},
        {**texts, "size": [[6, 9]] * 3, "video": [12.0] * 3, "expression": ["0"] * 3, "draw": [0] * 3},
        {**texts, **sizes, "counts": [run_lengths(rle().counts).tolist()] * 3, "video": [12] * 3, "expression": [0] * 3}
        | {"draw": [0] * 3},
    ]
    for number, table in enumerate(tables):
        submission = open_submission(write_parquet(tmp_path / f"{number}.parquet", pa.table(table)))
        assert not submission.problems
        check(submission, keys, codes.__getitem__)
        rows = [{name: column[i] for name, column in table.items()} for i in range(3)]
        rows = [{**row, "size": row.get("size", [6.0, 9])} for row in rows]
        check(open_submission(write_json(tmp_path / f"{number}.json", rows)), keys, codes.__getitem__)


def test_a_gap_in_a_column_of_fractions_is_no_draw_and_a_fraction_none_at_all(tmp_path):
    table = columns(LABELS).set_column(0, "draw", pa.array([float("nan"), None, 0.5, None]))
    submission = open_submission(write_parquet(tmp_path / "masks.parquet", table))
    assert [(problem.where, problem.kind) for problem in submission.problems] == [("row 2", "wrong-row")]
    assert not submission.has_draws
    assert len(submission.keys()) == 3
