import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsbench.errors import RunError
from fsbench.masks import predictions
from fsbench.running.parts import read_failures
from fsbench.running.runs import part_path
from fsbench.running.runs import read_predictions
from fsbench.running.runs import read_scores
from fsbench.scores.rows import score_schema

ROWS = {
    "scores": {"episode_id": ["f0/cow/d0/cow-1/0"] * 2, "frame": ["0", "1"], "J": [0.0, 1.0], "F": [0.5, 0.25]},
    "predictions": {
        "episode_id": ["f0/cow/d0/cow-1/0"] * 2,
        "frame": ["0", "1"],
        "height": [4, 4],
        "width": [6, 6],
        "counts": [b"h0", b"h0"],
    },
}


SCHEMAS = {"scores": score_schema(["J", "F"]), "predictions": predictions.SCHEMA}
READERS = {"scores": lambda path: read_scores(path, ["J", "F"]), "predictions": read_predictions}


def write(run, kind, table):
    path = part_path(run, kind, 0)
    path.parent.mkdir()
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("kind", list(ROWS))
def test_a_part_comes_back_as_it_was_written(kind, tmp_path):
    table = pa.table(ROWS[kind], schema=SCHEMAS[kind])
    assert READERS[kind](write(tmp_path, kind, table)).equals(table)


@pytest.mark.parametrize("kind", list(ROWS))
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda table: table.drop_columns(["frame"]), "its columns are not episode_id, frame, "),
        (lambda table: table.select(table.column_names[::-1]), "its columns are not"),
        (lambda table: table.set_column(1, "frame", pa.array([1, 2])), "of their types"),
        (lambda table: table.append_column("more", pa.array([1, 2])), "its columns are not"),
        (lambda table: table.set_column(1, "frame", pa.array(["0", None])), "a row has no frame"),
        (lambda table: table.set_column(0, "episode_id", pa.array(["f0/cow/d0/cow-1/0", "cow"])), "'cow' is no"),
        (lambda table: table.set_column(1, "frame", pa.array([b"0", b"\xff"]).view(pa.string())), "UTF8"),
    ],
)
def test_a_part_that_is_none_of_its_kind_is_refused_by_name(damage, message, kind, tmp_path):
    path = write(tmp_path, kind, damage(pa.table(ROWS[kind], schema=SCHEMAS[kind])))
    with pytest.raises(RunError, match=rf"{kind}/part-00000\.parquet: .*{message}"):
        READERS[kind](path)


@pytest.mark.parametrize("name", ["J", "F"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_score_that_is_none_is_refused(name, value, tmp_path):
    table = pa.table({**ROWS["scores"], name: [0.5, value]}, schema=SCHEMAS["scores"])
    with pytest.raises(RunError, match=rf"{name} of a row is not in \[0, 1\]"):
        READERS["scores"](write(tmp_path, "scores", table))


def test_the_counts_that_a_metric_is_computed_from_are_there_and_are_counts(tmp_path):
    counts = {"FB_IoU": [np.nan, np.nan], "count:intersection": [3, 0], "count:union": [5, 0], "count:pixels": [9, 9]}
    metrics = ["J", "F", "FB_IoU"]
    good = pa.table(ROWS["scores"] | counts, schema=score_schema(metrics))
    path = write(tmp_path, "scores", good)
    assert read_scores(path, metrics).drop_columns(["FB_IoU"]).equals(good.drop_columns(["FB_IoU"]))
    pq.write_table(good.drop_columns(["count:union"]), path)
    with pytest.raises(RunError, match="its columns are not"):
        read_scores(path, metrics)
    pq.write_table(pa.table(ROWS["scores"] | counts | {"count:union": [5, -1]}, schema=good.schema), path)
    with pytest.raises(RunError, match="count:union of a row is below 0"):
        read_scores(path, metrics)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b'{"a": {}}', b'{"1": "no memory"}', b'{"1": {"f0/cow/d0/v/0": 3}}']
)
def test_damaged_failures_are_an_error_that_names_the_file(content, tmp_path):
    (tmp_path / "failures.json").write_bytes(content)
    with pytest.raises(RunError, match=r"failures\.json: .*Delete it"):
        read_failures(tmp_path)
