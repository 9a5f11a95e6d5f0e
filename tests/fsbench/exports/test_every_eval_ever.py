"""Records of Every Eval Ever: what its schema (0.3.0) asks for and, where it is installed, its own validator."""

import json
import math
import re
from pathlib import Path

import pytest

from fsbench.exports.every_eval_ever import export_every_eval_ever
from fsbench.exports.every_eval_ever import record
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import intervals_of
from tests.conftest import ROOT
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.running.test_fold import evaluate
from tests.tiny import write_benchmark

ENTRIES = ROOT / "leaderboard/entries"
REAL = [*sorted(ENTRIES.glob("mini-ref-davis/*.json")), ENTRIES / "mini-ref-shapes/cma.json"]

TEXT, NUMBER, TRUTH = str, float, bool
DETAILS = {"*": TEXT}
RECORD = {
    "schema_version!": TEXT,
    "evaluation_id!": TEXT,
    "retrieved_timestamp!": re.compile("[0-9]+"),
    "source_metadata!": {
        "source_name": TEXT,
        "source_type!": re.compile("documentation|evaluation_run"),
        "source_organization_name!": TEXT,
        "evaluator_relationship!": re.compile("first_party|third_party|collaborative|other"),
    },
    "eval_library!": {"name!": TEXT, "version!": TEXT, "additional_details": DETAILS},
    "model_info!": {
        "name!": TEXT,
        "id!": re.compile("[^/]+/[^/]+"),
        "developer": TEXT,
        "additional_details!": {
            "deployment_type!": re.compile("self_deployed|externally_managed|unknown"),
            "model_availability!": re.compile("open_weights|closed_weights|unknown"),
            **DETAILS,
        },
    },
    "evaluation_results!": [
        {
            "evaluation_result_id": TEXT,
            "evaluation_name!": TEXT,
            "source_data!": {
                "dataset_name!": TEXT,
                "source_type!": re.compile("other"),
                "additional_details": DETAILS,
            },
            "metric_config!": {
                "evaluation_description": TEXT,
                "metric_id": TEXT,
                "metric_name": TEXT,
                "metric_unit": TEXT,
                "lower_is_better!": TRUTH,
                "score_type": re.compile("continuous"),
                "min_score!": NUMBER,
                "max_score!": NUMBER,
            },
            "score_details!": {
                "score!": NUMBER,
                "details": DETAILS,
                "uncertainty": {
                    "confidence_interval": {"lower!": NUMBER, "upper!": NUMBER, "confidence_level": NUMBER}
                },
            },
        }
    ],
}
"""What of their schema concerns us, in our own notation: "!" is required, "*" any other key, a pattern is of a text."""


def flaws(value, wanted, where="record"):
    if isinstance(wanted, dict):
        allowed = {key.removesuffix("!"): each for key, each in wanted.items()}
        yield from (f"{where}: no {key}" for key in wanted if key.endswith("!") and key[:-1] not in value)
        for key, item in value.items():
            each = allowed.get(key, allowed.get("*"))
            yield from [f"{where}: unknown {key}"] if each is None else flaws(item, each, f"{where}.{key}")
    elif isinstance(wanted, list):
        for number, item in enumerate(value):
            yield from flaws(item, wanted[0], f"{where}[{number}]")
    elif isinstance(wanted, re.Pattern):
        if not isinstance(value, str) or not wanted.fullmatch(value):
            yield f"{where}: {value!r}"
    elif type(value) is not wanted or (wanted is NUMBER and not math.isfinite(value)):
        yield f"{where}: {value!r}"


@pytest.mark.parametrize("path", REAL, ids=[f"{path.parent.name}-{path.stem}" for path in REAL])
def test_a_record_has_what_their_schema_asks_for(path, tmp_path):
    export_every_eval_ever(path, tmp_path / "out")
    (written,) = (tmp_path / "out").rglob("*.json")
    content = json.loads(written.read_text(), parse_constant=pytest.fail)  # NaN and Infinity
    assert list(flaws(content, RECORD)) == []
    place = written.relative_to(tmp_path / "out").parts
    assert place[:-1] == ("data", path.parent.name, *content["model_info"]["id"].split("/"))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json", place[-1])
    for each in content["evaluation_results"]:
        config = each["metric_config"]
        assert config["min_score"] <= each["score_details"]["score"] <= config["max_score"]


def test_their_validator_takes_the_records(tmp_path, monkeypatch):
    validation = pytest.importorskip(
        "every_eval_ever.validator.validation_core", reason="needs every-eval-ever, which wants Python 3.12"
    )
    monkeypatch.chdir(tmp_path)
    for path in REAL:
        export_every_eval_ever(path, Path(path.parent.name, path.stem))
        (written,) = Path(path.parent.name, path.stem).rglob("*.json")
        place = written.relative_to(Path(path.parent.name, path.stem)).as_posix()
        report = validation.validate_file(
            written, repo_path=place, available_files=frozenset({place}), run_semantic_checks=True
        )
        assert (report.valid, report.errors, report.warnings) == (True, [], [])


def test_every_value_of_an_entry_is_in_its_record():
    found = as_entry(ENTRIES / "mini-ref-shapes/cma.json")
    results = {each["evaluation_result_id"]: each for each in record(found, 0)["evaluation_results"]}
    intervals = intervals_of(found)
    places = {"mean": (found.mean, intervals.mean)}
    for fold in found.folds:
        places[f"fold-{fold.fold}"] = fold.score, intervals.folds[fold.fold]
        places |= {f"class/{c.name}": (c.score, intervals.classes[c.name]) for c in fold.classes}
    assert results.keys() == {f"{place}/{name}" for place in places for name in ("J", "F", "J&F")}
    for place, (score, interval) in places.items():
        for name in ("J", "F", "J&F"):
            details = results[f"{place}/{name}"]["score_details"]
            assert details["score"] == score.mean[name]
            assert float(details["details"]["sd_draws"]) == score.sd_draws[name]
            ends = details["uncertainty"]["confidence_interval"]
            assert (ends["lower"], ends["upper"]) == (interval.low[name], interval.high[name])


def test_what_does_not_apply_is_no_result():
    raw = entry({1: [(0.5, 0.4)], 2: [(0.3, 0.2)]}).model_dump(mode="json")
    raw["protocol"] = raw["protocol"].replace("|mean=", "|metrics=J,F,N_acc,J&F|mean=")

    def widen(value):
        if isinstance(value, dict) and "J&F" in value:
            return {"J": value["J"], "F": value["F"], "N_acc": None, "J&F": value["J&F"]}
        if isinstance(value, dict):
            return {key: widen(item) for key, item in value.items()}
        return [widen(item) for item in value] if isinstance(value, list) else value

    found = record(Entry.model_validate(widen(raw)), 0)["evaluation_results"]
    names = {each["evaluation_result_id"] for each in found}
    assert names == {
        f"{place}/{name}" for place in ("mean", "fold-1", "fold-2", "class/mouse") for name in ("J", "F", "J&F")
    }


def test_the_same_entry_gives_the_same_name_whenever_it_is_written(tmp_path, monkeypatch):
    names = []
    for now in (1.0, 2e9):
        monkeypatch.setattr("fsbench.exports.every_eval_ever.time.time", lambda now=now: now)
        export_every_eval_ever(REAL[0], tmp_path / str(now))
        (written,) = (tmp_path / str(now)).rglob("*.json")
        names.append(written.name)
        assert json.loads(written.read_text())["retrieved_timestamp"] == str(int(now))
    assert names[0] == names[1]


def test_a_run_has_the_record_of_its_entry(tmp_path):
    write_benchmark(tmp_path, {"dog": 3, "cat": 2}, draws=2, frames=2)
    result = evaluate(tmp_path, tmp_path / "run")
    export_every_eval_ever(tmp_path / "run", tmp_path / "out.d")
    (written,) = (tmp_path / "out.d").rglob("*.json")
    content = json.loads(written.read_text())
    assert list(flaws(content, RECORD)) == []
    scores = {each["evaluation_result_id"]: each["score_details"]["score"] for each in content["evaluation_results"]}
    assert scores["fold-0/J&F"] == scores["mean/J&F"] == pytest.approx(result.score.mean["J&F"], abs=1e-12)
