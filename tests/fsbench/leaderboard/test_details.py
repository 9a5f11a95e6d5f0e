import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsbench.errors import RunError
from fsbench.leaderboard.details import clear_details
from fsbench.leaderboard.details import detail_paths
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import details_from_runs
from fsbench.leaderboard.details import episodes_schema
from fsbench.leaderboard.details import gallery_episodes
from fsbench.leaderboard.details import gallery_schema
from fsbench.leaderboard.details import PER_CLASS
from fsbench.leaderboard.details import read_details
from fsbench.leaderboard.details import write_details
from fsbench.masks.predictions import prediction_table
from fsbench.masks.rle import encode_masks
from fsbench.scores.rows import score_schema
from tests.fsbench.leaderboard.samples import METRICS

IDS = [f"f1/mouse/d{d}/v{v}/{e}" for d in (0, 1) for v in range(2) for e in range(2)]


def write_run(folder, ids=IDS, seed=0):
    """A run of two parts; each episode has three frames of 6 x 8."""
    rng = np.random.default_rng(seed)
    for part, some in enumerate((ids[: len(ids) // 2], ids[len(ids) // 2 :])):
        frames = ["00", "05", "10"]
        values = rng.random((2, 3 * len(some)))
        columns = {"episode_id": np.repeat(some, 3).tolist(), "frame": frames * len(some)}
        scores = pa.table({**columns, "J": values[0].tolist(), "F": values[1].tolist()}, schema=score_schema(METRICS))
        masks = prediction_table(
            some, frames, [encode_masks(each) for each in rng.random((len(some), 3, 6, 8)) < 0.5], (6, 8)
        )
        for kind, table in (("scores", scores), ("predictions", masks)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, folder / kind / f"part-{part:05d}.parquet")
    return folder


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def test_every_episode_has_the_means_over_its_frames(run):
    episodes = details_from_runs([run], METRICS, with_masks=False).episodes
    assert episodes.schema.equals(episodes_schema(METRICS))
    assert episodes["episode_id"].to_pylist() == sorted(IDS)
    rows = pa.concat_tables([pq.read_table(path) for path in sorted((run / "scores").iterdir())]).to_pandas()
    means = rows.groupby("episode_id")[["J", "F"]].mean()
    np.testing.assert_allclose(episodes.to_pandas().set_index("episode_id"), means, rtol=1e-15)


def test_the_gallery_has_the_frames_and_masks_of_the_chosen_episodes(run):
    with_masks = details_from_runs([run], METRICS, with_masks=True).gallery.to_pandas()
    chosen = gallery_episodes(IDS)
    assert with_masks["episode_id"].tolist() == np.repeat(chosen, 3).tolist()
    assert with_masks["frame"].tolist() == ["00", "05", "10"] * len(chosen)
    stored = pa.concat_tables([pq.read_table(path) for path in sorted((run / "predictions").iterdir())]).to_pandas()
    joined = with_masks.merge(stored, on=["episode_id", "frame"], suffixes=("", "_stored"))
    assert len(joined) == len(with_masks)
    assert (joined["counts"] == joined["counts_stored"]).all()
    without = details_from_runs([run], METRICS, with_masks=False).gallery
    assert without["counts"].null_count == without["height"].null_count == len(without) == len(with_masks)
    assert without["J"].to_pylist() == with_masks["J"].tolist()


def test_the_gallery_takes_the_first_draw_and_several_videos():
    ids = [f"f1/mouse/d{d}/v{v}/{e}" for d in (2, 1) for v in range(PER_CLASS + 1) for e in range(3)]
    chosen = gallery_episodes(ids)
    assert chosen == gallery_episodes(reversed(ids))
    assert len({episode_id.split("/")[3] for episode_id in chosen}) == len(chosen) == PER_CLASS
    assert all("/d1/" in episode_id for episode_id in chosen)
    first = min((i for i in ids if "/d1/" in i), key=lambda i: hashlib.sha256(i.encode()).digest())
    assert first in chosen
    few = [f"f1/ant/d0/v0/{e}" for e in range(2)] + [f"f1/ant/d0/v1/{e}" for e in range(7)]
    assert {i.split("/")[3] for i in gallery_episodes(few)} == {"v0", "v1"}
    assert len(gallery_episodes(few)) == PER_CLASS
    assert len(gallery_episodes([*ids, *few])) == 2 * PER_CLASS


@pytest.mark.parametrize(("classes", "each"), [(64, 4), (65, 3), (128, 2), (300, 1)])
def test_of_many_classes_fewer_episodes_each_are_shown(classes, each):
    ids = [f"f1/c{name}/d0/v{video}/0" for name in range(classes) for video in range(5)]
    assert Counter(i.split("/")[1] for i in gallery_episodes(ids)) == {f"c{name}": each for name in range(classes)}


def test_details_are_read_as_they_were_written_and_do_not_depend_on_the_order_of_parts(run, tmp_path):
    details = details_from_runs([run], METRICS, with_masks=True)
    write_details(tmp_path / "copy.v.json", details)
    found = read_details(tmp_path / "copy.v.json", details.digest, METRICS)
    assert found == details
    assert found.digest == details.digest
    (run / "scores/part-00000.parquet").rename(run / "scores/part-00009.parquet")
    assert details_from_runs([run], METRICS, with_masks=True).digest == details.digest
    assert read_details(tmp_path / "other.json", None, METRICS) is None


def test_the_digest_tells_a_changed_score_or_mask(run):
    details = details_from_runs([run], METRICS, with_masks=True)
    for name, column in (("episodes", "F"), ("gallery", "counts")):
        table = getattr(details, name)
        values = table[column].to_pylist()
        values[0] = values[1]
        place = table.column_names.index(column)
        changed = table.set_column(place, table.schema.field(column), pa.array(values, table.schema.field(column).type))
        assert replace(details, **{name: changed}).digest != details.digest


def test_the_digest_is_of_a_line_of_json_for_each_row():
    rows = [
        {"episode_id": 'f0/a "b", %s\\é/d0/v/0', "frame": f"{t}", "J": t / 3, "F": float("nan"), "height": size}
        | {"width": size, "counts": counts}
        for t, (size, counts) in enumerate([(None, None), (7, b"1:%<\\d")])
    ]
    gallery = pa.Table.from_pylist(rows, gallery_schema(METRICS))
    lines = [{**row, "counts": row["counts"] and row["counts"].decode()} for row in rows]
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    details = Details(episodes_schema(METRICS).empty_table(), gallery)
    assert details.digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", ["episodes", "gallery"])
def test_files_that_are_missing_cut_or_of_others_are_refused(run, tmp_path, name):
    details = details_from_runs([run], METRICS, with_masks=True)
    entry = tmp_path / "copy.json"
    write_details(entry, details)
    path = detail_paths(entry, details.digest)[name]
    whole = path.read_bytes()
    for content in (whole[:100], b"", whole[:-20]):
        path.write_bytes(content)
        with pytest.raises(RunError, match=rf"{name}\.parquet: cannot be read"):
            read_details(entry, details.digest, METRICS)
    path.unlink()
    with pytest.raises(RunError, match="cannot be read"):
        read_details(entry, details.digest, METRICS)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(RunError, match="cannot be read"):
        read_details(entry, details.digest, METRICS)
    other = details_from_runs([write_run(tmp_path / "other", seed=1)], METRICS, with_masks=True)
    write_details(entry, other)
    for table, path in detail_paths(entry, other.digest).items():
        path.replace(detail_paths(entry, details.digest)[table])
    with pytest.raises(RunError, match="are not those that it was made with"):
        read_details(entry, details.digest, METRICS)


@pytest.mark.parametrize(
    ("name", "column", "value", "message"),
    [
        ("episodes", "J", float("nan"), r"J of a row is not in \[0, 1\]"),
        ("episodes", "F", 1.5, r"F of a row is not in \[0, 1\]"),
        ("episodes", "episode_id", "mouse", "'mouse' is no episode id"),
        ("episodes", "episode_id", None, "a row has no episode_id"),
        ("episodes", "episode_id", IDS[0], "a row of the same episode_id comes twice"),
        ("gallery", "frame", "00", "a row of the same episode_id and frame comes twice"),
        ("gallery", "frame", None, "a row has no frame"),
        ("gallery", "counts", b"\xff", "its counts are"),
        ("gallery", "height", -1, "is no size"),
    ],
)
def test_a_row_that_no_run_makes_is_refused_by_the_name_of_its_file(run, tmp_path, name, column, value, message):
    details = details_from_runs([run], METRICS, with_masks=True)
    entry = tmp_path / "copy.json"
    write_details(entry, details)
    table = getattr(details, name)
    rows = table.to_pylist()
    rows[-1][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), detail_paths(entry, details.digest)[name])
    with pytest.raises(RunError, match=rf"{name}\.parquet: cannot be read .*{message}"):
        read_details(entry, details.digest, METRICS)


def test_files_under_the_names_that_they_had_before_are_read_until_others_take_their_place(run, tmp_path):
    details = details_from_runs([run], METRICS, with_masks=True)
    entry = tmp_path / "copy.json"
    write_details(entry, details)
    for table, path in detail_paths(entry, details.digest).items():
        path.replace(tmp_path / f"copy.{table}.parquet")
    assert read_details(entry, details.digest, METRICS) == details
    write_details(entry, details)
    (tmp_path / "copy.v.episodes.parquet").write_bytes(b"")  # of the variant v
    clear_details(entry, details.digest)
    kept = {path.name for path in detail_paths(entry, details.digest).values()} | {"copy.v.episodes.parquet"}
    assert {path.name for path in tmp_path.glob("*.parquet")} == kept
    assert read_details(entry, details.digest, METRICS) == details


def test_a_run_without_parts_is_an_error(tmp_path):
    with pytest.raises(RunError, match="holds no parts of a run"):
        details_from_runs([tmp_path], METRICS, with_masks=False)
