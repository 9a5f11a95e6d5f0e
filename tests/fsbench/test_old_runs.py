"""Files that fsbench 0.1.0 wrote: a run of `support-copy` on five tiny videos, its manifest and its entry."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from fsbench.errors import RunError
from fsbench.leaderboard import entries_from_runs
from fsbench.leaderboard import manifest_folds
from fsbench.leaderboard import read_entries
from fsbench.leaderboard import write_entries
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.running.identity import differences
from fsbench.running.runs import read_parts
from fsbench.running.runs import read_result
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.verify import verify_manifest
from tests.tiny import write_dataset

OLD = Path(__file__).parents[1] / "data" / "run_0.1"
KINDS = ("predictions", "scores")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The dataset of the old run, and today's run of the same in `now`."""
    base = tmp_path_factory.mktemp("place")
    write_dataset(base / "mini-ref-davis", {"dog": 3, "cat": 2}, frames=3)
    evaluate(base, base / "now")
    return base


@pytest.fixture
def old(tmp_path):
    """A copy of the old run."""
    return Path(shutil.copytree(OLD / "run", tmp_path / "run"))


def evaluate(place, out):
    method = "fsbench_baselines.floors:SupportCopy"
    evaluate_method(Request(method, open_benchmark("mini-ref-davis", place, OLD / "splits"), out=out), RunOptions())


def as_of_today(run, place):
    """Lets a run's identity say that it was made by today's code with today's packages."""
    record = json.loads((run / "fold-0/run.json").read_bytes())
    now = read_result(place / "now/fold-0").identity
    record |= {"packages": now.packages, "commit": now.commit, "source_sha256": now.source_sha256}
    (run / "fold-0/run.json").write_text(json.dumps(record))


def rows_of(run, kind):
    """The rows of a run with the name of their schema, but without the note of the pixels, which old parts have not."""
    table = read_parts(run / "fold-0", kind, ("J", "F") if kind == "scores" else ())
    named = {key: value for key, value in table.schema.metadata.items() if key != b"fsbench.pixels"}
    return table.replace_schema_metadata(named)


def scores_of(folder):
    return read_result(folder).model_dump(exclude={"identity"})


def test_the_old_manifest_is_sound():
    assert verify_manifest(OLD / "splits/mini-ref-davis/pack-v1") == []


def test_todays_run_differs_from_the_old_one_in_the_code_that_made_it_alone(place):
    one, other = (read_result(run / "fold-0").identity for run in (OLD / "run", place / "now"))
    differing = {text.partition(":")[0].partition(".")[0] for text in differences(one, other)}
    assert differing <= {"packages", "commit", "source_sha256"}


@pytest.mark.parametrize("kind", KINDS)
def test_todays_run_has_the_rows_of_the_old_one(place, kind):
    assert rows_of(place / "now", kind).equals(rows_of(OLD / "run", kind), check_metadata=True)


def test_todays_run_has_the_scores_of_the_old_one_to_the_bit(place):
    assert scores_of(place / "now/fold-0") == scores_of(OLD / "run/fold-0")


@pytest.mark.parametrize("lost", ["part-00000", "part-00002"])
def test_an_old_run_goes_on_where_it_stopped_to_the_result_of_the_whole_run(place, old, lost):
    as_of_today(old, place)
    for kind in KINDS:
        (old / f"fold-0/{kind}/{lost}.parquet").unlink()
    (old / "fold-0/result.json").unlink()
    kept = {path: path.stat().st_mtime_ns for path in old.rglob("part-*.parquet")}
    evaluate(place, old)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for kind in KINDS:
        assert rows_of(old, kind).equals(rows_of(OLD / "run", kind), check_metadata=True)
    assert scores_of(old / "fold-0") == scores_of(OLD / "run/fold-0")


def test_an_old_run_is_not_gone_on_with_by_other_code(place, old):
    before = {path: path.read_bytes() for path in old.rglob("*.json")}
    with pytest.raises(RunError, match=r"holds another run; it differs in .*(packages|commit)"):
        evaluate(place, old)
    assert {path: path.read_bytes() for path in before} == before


def test_the_entry_of_an_old_run_is_the_old_entry(tmp_path, old):
    entries = entries_from_runs(old, partial(manifest_folds, splits=OLD / "splits"))
    assert entries == read_entries(OLD / "entries")
    (path,) = write_entries(tmp_path / "entries", entries)
    before = (OLD / "entries/mini-ref-davis/support-copy.json").read_text()
    renamed = before.replace('"schema_version": 3', '"schema_version": 5').replace('"JF": ', '"J&F": ')
    expected = {name: value for name, value in json.loads(renamed).items() if name != "intervals"}
    assert path.read_text() == json.dumps(expected, indent=1, ensure_ascii=False) + "\n"
