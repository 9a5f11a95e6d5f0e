"""A stranger's metrics and protocol, from an entry point to the site."""

import json
import re
import shutil
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsbench.leaderboard.checking import check_entry
from fsbench.leaderboard.compare import compare
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import intervals_of
from fsbench.leaderboard.shelf import read_entry
from fsbench.metrics.table import Metric
from fsbench.protocol import label_of
from fsbench.protocol import Protocol
from fsbench.protocol import PROTOCOLS
from fsbench.running.runs import load_run
from fsbench.scores.metrics import columns_of
from fsbench.scores.metrics import METRICS


def dice(intersection, union):
    total = intersection + union
    return np.divide(2 * intersection, total, out=np.ones(len(total)), where=total > 0)


def offset(pred, truth):
    """How far apart the centres are, in pixels; NaN where one side is empty."""
    centres = [
        [np.argwhere(mask).mean(axis=0) if mask.any() else [np.nan] * 2 for mask in side] for side in (pred, truth)
    ]
    return np.hypot(*(np.array(centres[0]) - np.array(centres[1])).T)


def ever_found(intersection):
    return np.array([float(intersection.any())])


DICE = Metric("strange/D", "dice coefficient", "share", "higher", "frame", 1, 0, 0, dice, ("intersection", "union"))
NAN = float("nan")
OFFSET = Metric("offset", "distance of the centres", "pixels", "lower", "frame", NAN, NAN, NAN, offset)
FOUND = Metric("found", "ever found", "share", "higher", "sequence", 0, 0, 0, ever_found, ("intersection",))
STRANGE = Protocol(
    "strange",
    "a stranger's",
    chain=("frame", "expression", "video", "class"),
    metrics=("J", "strange/D", "offset", "found"),
    headline="J&D",
)


@pytest.fixture
def strange(monkeypatch):
    for metric, name in (("DICE", "strange/D"), ("OFFSET", "offset"), ("FOUND", "found")):
        point = EntryPoint(name, f"{__name__}:{metric}", "fsbench.metrics")
        monkeypatch.setitem(METRICS.points, name, point)
    monkeypatch.setitem(PROTOCOLS.points, "strange", EntryPoint("strange", f"{__name__}:STRANGE", "fsbench.protocols"))
    columns_of.cache_clear()
    yield
    columns_of.cache_clear()
    for registry, names in ((METRICS, ("strange/D", "offset", "found")), (PROTOCOLS, ("strange",))):
        for name in names:
            registry._loaded.pop(name, None)


def test_a_strangers_metrics_go_from_their_entry_points_to_the_site(strange, fsbench, data, tmp_path):
    listed = {metric["name"]: metric for metric in json.loads(fsbench("list", "metrics", "--json").stdout)}
    assert listed["offset"]["unit"] == "pixels"
    assert listed["offset"]["both_empty"] is None
    assert listed["mose-v2/J"]["truth_empty"] == "varies"
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    reports = {}
    for method in ("full-frame", "empty"):
        evaluate = ("evaluate", "--method", method, "--dataset", "mini-ref-davis", "--protocol", "strange")
        reports[method] = json.loads(fsbench(*evaluate, "--json").stdout)
        assert "J" in fsbench(*evaluate).stdout  # goes on, and reads its parts again
    full = reports["full-frame"]["mean"]
    assert list(full) == ["J", "D", "offset", "found", "J&D"]
    assert 0 < full["J"] < full["D"] < 1
    assert full["J&D"] == (full["J"] + full["D"]) / 2
    assert full["offset"] > 1
    assert full["found"] == 1
    assert reports["empty"]["mean"]["offset"] is None

    rows = pq.read_table(tmp_path / "runs/mini-ref-davis/full-frame/fold-0/scores").to_pandas()
    first = rows.groupby("episode_id").nth(0)
    assert rows["found"].notna().sum() == len(first)
    assert first["found"].tolist() == [1.0] * len(first)

    scored = (
        "score",
        "runs/mini-ref-davis/full-frame",
        "--dataset",
        "mini-ref-davis",
        "--protocol",
        "strange",
        "--json",
    )
    again = json.loads(fsbench(*scored).stdout)["mean"]
    assert (again["J_mean"], again["D_mean"], again["offset_mean"], again["found"]) == (
        full["J"],
        full["D"],
        full["offset"],
        full["found"],
    )

    fsbench("submit", "runs")
    table = fsbench("leaderboard").stdout
    assert re.search(r"\| Group \| Method \| J \| D \| offset \(pixels\) \| found \| J&D \|", table)
    shown = dict(zip(full, re.search(r"full-frame[^|]*\|(.*)\|", table)[1].split("|"), strict=True))
    assert float(shown["offset"].strip(" *")) == pytest.approx(full["offset"], abs=0.051)
    assert float(shown["D"].strip(" *")) == pytest.approx(100 * full["D"], abs=0.051)
    assert "J&D" in fsbench("compare", "runs/mini-ref-davis/full-frame", "runs/mini-ref-davis/empty").stdout

    for source in ("runs/mini-ref-davis/full-frame", "leaderboard/entries/mini-ref-davis/full-frame.strange.json"):
        fsbench("export", source, "records", "--format", "every-eval-ever")
        (record,) = (tmp_path / "records").rglob("*.json")
        results = {each["evaluation_result_id"]: each for each in json.loads(record.read_text())["evaluation_results"]}
        for name, unit, lower, ends in (
            ("D", "proportion", False, [0, 1]),
            ("offset", "pixels", True, ["-Infinity", "Infinity"]),
        ):
            config = results[f"mean/{name}"]["metric_config"]
            assert results[f"mean/{name}"]["score_details"]["score"] == full[name]
            assert [config[key] for key in ("metric_unit", "lower_is_better", "min_score", "max_score")] == [
                unit,
                lower,
                *ends,
            ]
        shutil.rmtree(tmp_path / "records")

    fsbench("leaderboard", "--format", "html", "--out", "site")
    index = (tmp_path / "site/index.html").read_text()
    assert 'title="Distance of the centres; lower is better"' in index
    assert ">J&amp;D</button>" in index
    method = next((tmp_path / "site/methods").glob("full-frame*")).read_text()
    assert f"<td>{full['offset']:.1f}</td>" in method
    assert f"<td>{100 * full['D']:.1f}</td>" in method
    (compared,) = (tmp_path / "site").glob("compare/*.html")
    assert '<option value="offset">' in compared.read_text()
    episode = next(path for path in (tmp_path / "site").glob("episodes/*/*.html") if path.name != "index.html")
    data = json.loads(re.search(r'id="data">(.*?)</script>', episode.read_text(), re.S)[1])
    assert list(data["answers"][0]["scores"]) == [label_of(name) for name in STRANGE.metrics]


def test_a_metric_that_cannot_be_is_refused(strange, fsbench, data, monkeypatch):
    fsbench("build-splits", "mini-ref-davis", "--draws", 1)
    evaluate = ("evaluate", "--method", "empty", "--dataset", "mini-ref-davis", "--protocol", "strange")

    def refused(**changes):
        monkeypatch.setitem(PROTOCOLS._loaded, "strange", replace(STRANGE, **changes))
        return fsbench(*evaluate, code=2).stderr

    assert "ranks by F, and lists no metric 'F'" in refused(headline="F")
    assert "must be a share, and better when it is higher" in refused(headline="offset")
    assert "There is no metric 'strange/E'" in refused(metrics=("J", "strange/E"), headline="J")
    assert "two metrics that stand as one name" in refused(metrics=("J", "mose-v2/J"), headline="J")
    assert "lists mIoU, which a folder of masks has and an episode has not" in refused(
        metrics=("J", "mIoU"), headline="J"
    )
    assert "ranks by oIoU, which a set of episodes has and an episode has not" in refused(
        metrics=("J", "oIoU"), headline="oIoU"
    )
    wrong = replace(FOUND, of_sums=True)
    monkeypatch.setitem(METRICS._loaded, "found", wrong)
    assert "'found' is of sums. Then it is of a set" in refused(metrics=("J", "found"), headline="J")


def test_a_metric_of_sums_goes_from_the_rows_to_the_site(strange, fsbench, data, tmp_path, monkeypatch):
    protocol = replace(STRANGE, metrics=("J", "FB_IoU"), headline="J")
    monkeypatch.setitem(PROTOCOLS._loaded, "strange", protocol)
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    for method in ("full-frame", "support-copy"):
        evaluate = ("evaluate", "--method", method, "--dataset", "mini-ref-davis", "--protocol", "strange", "--json")
        report = json.loads(fsbench(*evaluate).stdout)
        run = f"runs/mini-ref-davis/{method}"
        scored = ("score", run, "--dataset", "mini-ref-davis", "--protocol", "strange", "--json")
        again = json.loads(fsbench(*scored).stdout)["mean"]
        assert (again["J_mean"], again["FB_IoU"]) == (report["mean"]["J"], report["mean"]["FB_IoU"])
    rows = pq.read_table(tmp_path / run / "fold-0/scores").to_pandas()
    assert rows["FB_IoU"].isna().all()
    intersection, union, pixels = (rows[f"count:{name}"] for name in ("intersection", "union", "pixels"))
    by_draw = rows.assign(i=intersection, u=union, b=pixels - union, n=pixels - intersection)
    sums = by_draw.groupby(rows["episode_id"].str.extract("/(d[01])/")[0])[["i", "u", "b", "n"]].sum()
    expected = ((sums["i"] / sums["u"] + sums["b"] / sums["n"]) / 2).mean()
    assert report["mean"]["FB_IoU"] == pytest.approx(expected, abs=1e-15)

    fsbench("submit", "runs")
    cells = re.search(r"support-copy[^|]*\|(.*)\|", fsbench("leaderboard").stdout)[1].split("|")
    assert float(cells[0].strip(" *")) == pytest.approx(100 * expected, abs=0.051)
    entries = [read_entry(tmp_path / "leaderboard/entries", path) for path in entry_paths(tmp_path)]
    assert len(entries) == 2
    for entry in entries:
        interval = intervals_of(entry).mean
        assert interval.low["J"] < entry.mean.mean["J"]
        assert np.isnan(interval.low["FB_IoU"])
        difference = json.loads(compare(*entries).to_json())["rows"][0]["difference"]
        assert (difference["FB_IoU"], difference["J"] != 0) == (None, True)
        assert check_entry(entry, tmp_path / "splits").problems == []
        changed = entry.details.episodes.to_pandas()
        changed["count:union"] += 1
        details = Details(pa.Table.from_pandas(changed, entry.details.episodes.schema), entry.details.gallery)
        problem = check_entry(entry.model_copy(update={"details": details}), tmp_path / "splits").problems[0]
        assert "FB_IoU" in problem
    fsbench("leaderboard", "--format", "html", "--out", "site")

    table = fsbench("leaderboard").stdout
    monkeypatch.delitem(METRICS.points, "FB_IoU")  # as where its package is not installed
    monkeypatch.delitem(METRICS._loaded, "FB_IoU", raising=False)
    columns_of.cache_clear()
    assert fsbench("leaderboard").stdout == table
    assert load_run(tmp_path / run).to_frame("episode")["FB_IoU"].isna().all()


def entry_paths(folder):
    return sorted((folder / "leaderboard/entries/mini-ref-davis").glob("*.json"))


def test_standard_counts_sentences_without_a_target_apart_where_there_are_any(fsbench, data):
    path = data / "meta_expressions/train/meta_expressions.json"
    said = json.loads(path.read_text())
    video = next(iter(said["videos"].values()))
    key, expression = next(iter(video["expressions"].items()))
    video["expressions"][f"{key}9"] = {**expression, "exp": "a bicycle", "obj_id": []}
    path.write_text(json.dumps(said))
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    means = {}
    for method in ("full-frame", "empty"):
        report = json.loads(fsbench("evaluate", "--method", method, "--dataset", "mini-ref-davis", "--json").stdout)
        means[method] = report["mean"]
        assert "|metrics=J,F,N_acc,T_acc|headline=J&F|" in report["runs"][0]["identity"]["protocol"]
    assert (means["empty"]["N_acc"], means["empty"]["T_acc"]) == (1, 0)
    assert (means["full-frame"]["N_acc"], means["full-frame"]["T_acc"]) == (0, 1)
    again = json.loads(fsbench("score", "runs/mini-ref-davis/empty", "--dataset", "mini-ref-davis", "--json").stdout)
    assert (again["mean"]["J_mean"], again["mean"]["N_acc"]) == (means["empty"]["J"], 1)


def test_another_tolerance_gives_other_numbers_under_another_signature(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--draws", 1)
    evaluate = ("evaluate", "--method", "full-frame", "--dataset", "mini-ref-davis", "--json")
    loose = json.loads(fsbench(*evaluate, "--tolerance", "0.05", "--out", "runs/loose").stdout)
    assert "|tolerance=0.050|" in loose["runs"][0]["identity"]["protocol"]
    score = ("score", "runs/loose", "--dataset", "mini-ref-davis", "--tolerance", "0.05", "--json")
    assert json.loads(fsbench(*score).stdout)["mean"]["F_mean"] == loose["mean"]["F"]
    assert "or whole pixels; not 1.5" in fsbench("score", "runs/loose", "--tolerance", "1.5", code=2).stderr
