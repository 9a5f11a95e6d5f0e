import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fsbench.errors import RunError
from fsbench.exports.folders import export_run
from fsbench.masks.labels import decode_label_map
from fsbench.masks.rle import decode_masks
from fsbench.submissions.forms import open_submission
from tests.fsbench.running.test_fold import evaluate
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of 2 draws and one of a single draw."""
    base = tmp_path_factory.mktemp("source")
    write_benchmark(base, {"dog": 3, "cat": 2}, draws=2, frames=2)
    evaluate(base, base / "two")
    evaluate(base, base / "one", draws=(1,))
    return base


def masks(run):
    """Every mask of a run, read without the code under test."""
    found = {}
    for part in run.rglob("predictions/part-*.parquet"):
        for row in pq.read_table(part).to_pylist():
            _, _, draw, video, expression = row["episode_id"].split("/")
            (mask,) = decode_masks([row["counts"]], row["height"], row["width"])
            found[int(draw[1:]), video, expression, row["frame"]] = mask
    return found


@pytest.mark.parametrize("out", ["out", "out.zip", "deeper/out"])
@pytest.mark.parametrize("fold", ["", "fold-0"])
def test_what_is_exported_is_read_back_as_the_masks_of_the_run(place, tmp_path, out, fold):
    export_run(place / "two" / fold, tmp_path / out)
    expected = masks(place / "two" / fold)
    with open_submission(tmp_path / out) as submission:
        assert not submission.problems
        assert not submission.notes
        keys = submission.keys()
        assert set(map(tuple, keys)) == expected.keys()
        for key in keys:
            name = f"draw-{key.draw}/Annotations/{key.video}/{key.expression}/{key.frame}.png"
            assert submission.name(key) == name
            labels = decode_label_map(submission.read(key), name)
            np.testing.assert_array_equal(labels, expected[key].astype(np.uint8))


@pytest.mark.parametrize(("run", "draw"), [("one", None), ("one", 1), ("two", 0), ("two", 1)])
def test_a_single_draw_has_no_folder_of_its_own(place, tmp_path, run, draw):
    export_run(place / run, tmp_path / "out", draw=draw)
    expected = {key[1:]: mask for key, mask in masks(place / run).items() if key[0] == (1 if draw is None else draw)}
    written = {path.relative_to(tmp_path / "out"): path for path in (tmp_path / "out").rglob("*.png")}
    assert {(path.parts[0], *path.parts[1:3], path.stem) for path in written} == {
        ("Annotations", *key) for key in expected
    }
    for name, path in written.items():
        with Image.open(path) as image:
            assert image.mode == "P"
            assert image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
            np.testing.assert_array_equal(np.array(image), expected[*name.parts[1:3], name.stem])


def test_the_same_run_gives_the_same_zip(place, tmp_path):
    for name in ("a.zip", "b.zip"):
        export_run(place / "one", tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize(("run", "draw", "there"), [("two", 2, "0, 1"), ("two", -1, "0, 1"), ("one", 0, "1")])
def test_a_draw_that_the_run_has_not_is_refused(place, tmp_path, run, draw, there):
    with pytest.raises(RunError, match=rf"has no draw {draw}\. .* draws: {there}\."):
        export_run(place / run, tmp_path / "out", draw=draw)
    assert not any(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(place, tmp_path):
    (tmp_path / "empty").mkdir()
    export_run(place / "one", tmp_path / "empty")
    (tmp_path / "out.zip").write_text("mine")
    for name in ("empty", "out.zip"):
        with pytest.raises(RunError, match="is there already"):
            export_run(place / "one", tmp_path / name)
    assert (tmp_path / "out.zip").read_text() == "mine"


@pytest.mark.parametrize("out", ["out", "out.zip"])
def test_an_export_that_fails_leaves_nothing(place, tmp_path, out, monkeypatch):
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) > 3:
            raise OSError("disk full")
        return decode_masks(*arguments)

    monkeypatch.setattr("fsbench.exports.folders.decode_masks", fail)
    with pytest.raises(OSError, match="disk full"):
        export_run(place / "one", tmp_path / out)
    assert not any(tmp_path.iterdir())


def test_only_a_finished_sound_run_is_exported(tmp_path, place):
    with pytest.raises(RunError, match="there is no run"):
        export_run(tmp_path, tmp_path / "out")
    table = pq.read_table(next((place / "one").rglob("predictions/part-*.parquet")))
    folder = tmp_path / "run/predictions"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part-00000.parquet")
    with pytest.raises(RunError, match="has not finished"):
        export_run(tmp_path / "run", tmp_path / "out")
    (tmp_path / "run/result.json").touch()
    (folder / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="damaged"):
        export_run(tmp_path / "run", tmp_path / "out")
