import json
import shutil

import pytest
from click.testing import CliRunner

import fsbench
from fsbench.cli import main
from fsbench.errors import ManifestError
from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.leaderboard import entries_from_runs
from fsbench.splits.benchmark import open_benchmark
from tests.tiny import Reddish
from tests.tiny import write_benchmark

METHOD = "tests.tiny:Reddish"
VIDEOS = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("shards")
    write_benchmark(base, {"dog": VIDEOS}, draws=2, frames=1)
    return base


@pytest.fixture(scope="module")
def bench(place):
    return open_benchmark("mini-ref-davis", place, place / "splits")


@pytest.fixture(scope="module")
def whole(place, bench):
    fsbench.evaluate(METHOD, bench, out=place / "whole")
    return place / "whole"


@pytest.fixture(scope="module")
def three(place, bench):
    """The folder of a run that is there in three shards."""
    folder = place / "three" / "run"
    for number in (1, 2, 3):
        fsbench.evaluate(METHOD, bench, shard=(number, 3), out=folder)
    return folder


@pytest.fixture
def copy(three, tmp_path):
    """A copy of it, to spoil."""
    shutil.copytree(three.parent, tmp_path / "copy")
    return tmp_path / "copy" / three.name


def contents(run):
    """What a run came to, by the path of the file; not how it went."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in ("lock", "timing.jsonl"))
    return {path.relative_to(run): path.read_bytes() for path in files}


def gather(out, place, **options):
    return fsbench.gather(out, splits=place / "splits", **options)


@pytest.mark.parametrize("count", [1, 2, VIDEOS])
def test_shards_gathered_are_the_run_of_one_call_to_the_byte(count, whole, bench, place, tmp_path):
    for number in range(count, 0, -1):
        part = fsbench.evaluate(METHOD, bench, shard=(number, count), out=tmp_path / "run")
        assert next(iter(part.results.values())).identity.part == f"shard {number} of {count}"
    run = gather(tmp_path / "run", place)
    assert contents(tmp_path / "run") == contents(whole) != {}
    assert str(run).splitlines()[:8] == str(fsbench.load_result(whole)).splitlines()[:8]
    assert len((tmp_path / "run/fold-0/timing.jsonl").read_text().splitlines()) == VIDEOS
    # What was gathered is a run like any other: the same command finds nothing left to do.
    fsbench.evaluate(METHOD, bench, out=tmp_path / "run")
    assert contents(tmp_path / "run") == contents(whole)
    assert gather(tmp_path / "run", place).mean == run.mean


def test_every_third_video_is_in_the_same_shard(three):
    for number in (1, 2, 3):
        parts = (three.with_name(f"run.shard-{number}-of-3") / "fold-0/scores").iterdir()
        assert sorted(path.name for path in parts) == [f"part-{n:05d}.parquet" for n in range(number - 1, VIDEOS, 3)]


def test_draws_that_are_added_to_the_shards_are_gathered_too(bench, place, whole, tmp_path):
    for draws in ([0], None):
        for number in (1, 2):
            fsbench.evaluate(METHOD, bench, draws=draws, shard=(number, 2), out=tmp_path / "run")
        gather(tmp_path / "run", place)
    assert contents(tmp_path / "run") == contents(whole)


def test_a_shard_is_never_an_entry(three, caplog):
    assert entries_from_runs(three.with_name("run.shard-1-of-3")) == []
    assert "a run of shard 1 of 3, which is never an entry" in caplog.text


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def as_twice(copy):
    shutil.copytree(copy.with_name("run.shard-2-of-3"), copy.with_name("run.shard-3-of-3"), dirs_exist_ok=True)


def as_copied(copy):
    shutil.copytree(copy.with_name("run.shard-2-of-3"), copy.with_name("run.shard-4-of-5"))


def without_a_part(copy):
    remove(copy.with_name("run.shard-2-of-3") / "fold-0/scores/part-00001.parquet")


def with_other_option(copy):
    path = copy.with_name("run.shard-2-of-3") / "fold-0/result.json"
    record = json.loads(path.read_text())
    record["identity"]["options"]["threshold"] = 101
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda run: remove(run.with_name("run.shard-2-of-3")), r"fold 0, shard 2 of 3 is not there"),
        (lambda run: remove(run.with_name("run.shard-2-of-3") / "fold-0/result.json"), r"2-of-3.*Has .* finished"),
        (as_twice, r"shard 2 is there twice"),
        (with_other_option, r"another run.*options\.threshold: 100, now 101"),
        (without_a_part, r"part-00001.*is not there"),
        (as_copied, r"shard 2 is there twice"),
        (lambda run: [remove(path) for path in run.parent.glob("run.*")], r"no shards run\.shard-1-of-2"),
    ],
    ids=["a hole", "unfinished", "twice", "another run", "a part", "a copy", "none"],
)
def test_what_is_no_whole_run_is_refused_and_nothing_is_written(spoil, told, copy, place):
    spoil(copy)
    with pytest.raises(RunError, match=told):
        gather(copy, place)
    assert not list(copy.rglob("*.json")), "no run is begun"
    assert not list(copy.rglob("part-*"))


def test_shards_of_several_divisions_and_whole_runs_do_not_mix(copy, whole, bench, place, tmp_path):
    fsbench.evaluate(METHOD, bench, shard=(2, 2), out=copy)
    with pytest.raises(RunError, match="Gather those of one division"):
        gather(copy, place)
    with pytest.raises(RunError, match="is a whole run, no shard"):
        gather(tmp_path / "out", place, shards=[whole])


def test_a_shard_that_is_being_worked_on_is_left_alone(copy, place):
    with locked(copy.with_name("run.shard-2-of-3") / "fold-0"), pytest.raises(RunError, match="at work here"):
        gather(copy, place)


def test_a_folder_of_another_run_is_kept_unless_it_is_to_be_discarded(copy, bench, place, whole):
    fsbench.evaluate(METHOD, bench, options={"threshold": 90}, out=copy)
    with pytest.raises(RunError, match=r"options\.threshold.*--restart"):
        gather(copy, place)
    gather(copy, place, restart=True)
    assert contents(copy) == contents(whole)


def test_failed_episodes_are_gathered_as_they_failed(bench, place, tmp_path):
    method = f"{__name__}:Failing"
    for out, shards in ((tmp_path / "whole", [None]), (tmp_path / "run", [(1, 2), (2, 2)])):
        for shard in shards:
            fsbench.evaluate(method, bench, shard=shard, keep_going=True, out=out)
    assert gather(tmp_path / "run", place).failures
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


class Failing(Reddish):
    """Fails with some support sets, by how large their object is."""

    def segment(self, adapted, clip, expressions):
        if adapted % 4 < 2:
            raise ValueError(f"{adapted} pixels")
        return super().segment(adapted, clip, expressions)


def test_more_shards_than_videos_are_refused(bench, tmp_path):
    with pytest.raises(ManifestError, match=r"shard 6 of 6 has nothing to do in fold 0, of which 5 videos"):
        fsbench.evaluate(METHOD, bench, shard=(6, 6), out=tmp_path / "run")
    with pytest.raises(RunError, match="no shard 0 of 6"):
        fsbench.evaluate(METHOD, bench, shard=(0, 6), out=tmp_path / "run")
    fsbench.evaluate(METHOD, bench, shard=(1, 1), out=tmp_path / "run")
    with pytest.raises(ManifestError, match="no manifest of 'mini-ref-davis' has the run's digest"):
        fsbench.gather(tmp_path / "run", splits=tmp_path)


def test_the_command_line_says_what_comes_next(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ["--dataset", "mini-ref-davis", "--data-root", str(place), "--splits", str(place / "splits")]
    asked = ["evaluate", "--method", "empty", *data]
    for number in (1, 2):
        result = CliRunner().invoke(main, [*asked, "--shard", f"{number}/2"])
        assert result.exit_code == 0, result.output
        assert "fsbench gather" in result.stderr
    result = CliRunner().invoke(main, ["gather", "runs/mini-ref-davis/empty", "--splits", str(place / "splits")])
    assert result.exit_code == 0, result.output
    assert "runs/mini-ref-davis/empty/fold-0" in result.stdout
    for wrong in ("3", "a/b", "1/", "1/2/3"):
        assert CliRunner().invoke(main, [*asked, "--shard", wrong]).exit_code == 2
