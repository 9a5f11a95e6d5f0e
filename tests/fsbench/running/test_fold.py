import json
import os
import random
import shutil
import time
from datetime import date
from datetime import datetime
from datetime import UTC
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fsbench.datasets import open_dataset
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.masks.rle import decode_masks
from fsbench.methods import MethodInfo
from fsbench.metrics import region_similarity
from fsbench.running.cost import read_timing
from fsbench.running.cost import total_cost
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.running.runs import read_result
from fsbench.scores.results import RunIdentity
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.contents import episode_records
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from tests.forked import forking
from tests.forked import let_pools_fork
from tests.tiny import Reddish
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A dataset of 7 videos in two classes, and its manifest with 2 draws."""
    base = tmp_path_factory.mktemp("source")
    write_benchmark(base, {"dog": 4, "cat": 3}, draws=2, frames=2)
    return base


@pytest.fixture(autouse=True)
def _forked(monkeypatch):
    let_pools_fork(monkeypatch)


@pytest.fixture
def place(source, tmp_path):
    """A copy of the dataset that a test may damage."""
    shutil.copytree(source / "mini-ref-davis", tmp_path / "mini-ref-davis")
    shutil.copytree(source / "splits", tmp_path / "splits")
    return tmp_path


def request(place, out="run", **changes):
    settings = {"method": "tests.tiny:Reddish", "benchmark": open_benchmark("mini-ref-davis", place, place / "splits")}
    return Request(**{**settings, "out": place / out, **changes})


def episodes(place):
    return episode_records(read_manifest(place / "splits/mini-ref-davis/pack-v1"))


def evaluate(place, out="run", run=RunOptions(), **changes):
    (result,) = evaluate_method(request(place, out, **changes), run).results.values()
    return result


def contents(folder):
    """The bytes of everything in a run that must not depend on how it was carried out."""
    found = [*folder.rglob("part-*.parquet"), *folder.rglob("result.json"), *folder.rglob("run.json")]
    return {path.relative_to(folder): path.read_bytes() for path in found}


def test_scores_are_those_of_the_masks_on_disk(source, tmp_path):
    result = evaluate(source, tmp_path / "run")
    manifest = read_manifest(source / "splits/mini-ref-davis/pack-v1")
    episodes = {row["episode_id"]: row for row in manifest.rows("episodes")}
    assert (result.episodes, result.frames) == (len(episodes), 4 * len(episodes))
    dataset = open_dataset("mini-ref-davis", source)
    means = {}
    for part in sorted((tmp_path / "run/fold-0").glob("predictions/*.parquet")):
        rows = pq.read_table(part).to_pylist()
        for row in rows:
            episode = episodes[row["episode_id"]]
            truth = np.isin(dataset.label_map(episode["video_id"], row["frame"]), episode["object_ids"])
            (mask,) = decode_masks([row["counts"]], row["height"], row["width"])
            key = (episode["draw"], episode["class_id"], episode["video_id"], episode["expression_id"])
            means.setdefault(key, []).append(region_similarity(mask, truth)[0])
    level = {key: np.mean(values) for key, values in means.items()}
    for length in (3, 2, 1):
        outer = {}
        for key, value in level.items():
            outer.setdefault(key[:length], []).append(value)
        level = {key: np.mean(values) for key, values in outer.items()}
    assert [draw.score["J"] for draw in result.draws] == pytest.approx([level[(0,)], level[(1,)]], rel=1e-12)
    assert pytest.approx(np.mean([level[(0,)], level[(1,)]]), rel=1e-12) == result.score.mean["J"]
    assert pytest.approx(np.std([level[(0,)], level[(1,)]], ddof=1), rel=1e-9) == result.score.sd_draws["J"]


def test_the_result_is_the_same_with_any_number_of_workers(source, tmp_path):
    evaluate(source, tmp_path / "one")
    evaluate(source, tmp_path / "three", RunOptions(workers=3))
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_the_released_protocol_scores_at_shorter_side_360(source, tmp_path):
    result = evaluate(source, tmp_path / "run", protocol="released")
    part = pq.read_table(next((tmp_path / "run/fold-0").glob("predictions/*.parquet")))
    assert {(360, 480)} == set(zip(part["height"].to_pylist(), part["width"].to_pylist(), strict=True))
    scores = [pq.read_table(p).to_pandas() for p in (tmp_path / "run/fold-0").glob("scores/*.parquet")]
    pooled = {draw: [] for draw in ("d0", "d1")}
    for rows in scores:
        for episode_id, value in zip(rows["episode_id"], rows["J"], strict=True):
            pooled[episode_id.split("/")[2]].append(value)
    assert [d.score["J"] for d in result.draws] == pytest.approx([np.mean(pooled["d0"]), np.mean(pooled["d1"])])


def run_slow(place, out, method, workers):
    benchmark = open_benchmark("mini-ref-davis", place, place / "splits")
    evaluate_method(
        Request(f"tests.fsbench.running.test_fold:{method}", benchmark, out=out), RunOptions(workers, ahead=1)
    )


class Slow(Reddish):
    info = MethodInfo(name="slow", version="1", summary="takes its time")

    def segment(self, adapted, clip, expressions):
        time.sleep(0.1)
        return super().segment(adapted, clip, expressions)


class SlowInParts(Reddish):
    info = MethodInfo(name="slow", version="1", summary="takes its time for each part")
    works_in_parts = True

    def segment(self, adapted, clip, expressions):
        masks = super().segment(adapted, clip, expressions)
        for t in range(len(clip.frames)):
            time.sleep(0.02)
            yield masks[:, t : t + 1]


@pytest.mark.parametrize(("method", "workers"), [("Slow", 1), ("SlowInParts", 2)])
def test_a_run_killed_at_random_moments_ends_in_the_result_of_the_unkilled_one(source, tmp_path, method, workers):
    whole = tmp_path / "whole"
    run_slow(source, whole, method, 1)
    killed = tmp_path / "killed"
    moments = random.Random(tmp_path.name)
    for _ in range(3):
        process = forking().Process(target=run_slow, args=(source, killed, method, workers))
        process.start()
        before = len(list(killed.rglob("scores/part-*.parquet")))
        while process.is_alive() and len(list(killed.rglob("scores/part-*.parquet"))) <= before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()  # unless it has ended: then nothing happens
        process.join()
    run_slow(source, killed, method, workers)
    assert contents(killed) == contents(whole)


def test_finished_videos_are_not_done_again(source, tmp_path):
    evaluate(source, tmp_path / "run")
    parts = sorted((tmp_path / "run").rglob("scores/part-*.parquet"))
    parts[2].unlink()
    before = {path: path.stat().st_mtime_ns for path in parts if path.exists()}
    evaluate(source, tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert parts[2].exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"options": {"threshold": "90"}}, "options"),
        ({"protocol": "released"}, "protocol"),
        ({"draws": (0,)}, "draws"),
        ({"method": "tests.fsbench.running.test_fold:Slow"}, "method"),
    ],
)
def test_another_run_never_mixes_with_old_parts(source, tmp_path, change, named):
    evaluate(source, tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(RunError, match=f"differs in .*{named}"):
        evaluate(source, tmp_path / "run", **change)
    assert contents(tmp_path / "run") == before
    evaluate(source, tmp_path / "run", RunOptions(restart=True), **change)
    evaluate(source, tmp_path / "fresh", **change)
    assert contents(tmp_path / "run") == contents(tmp_path / "fresh")


class Counting(Reddish):
    """Writes down each support set and video that it segments."""

    info = MethodInfo(name="counting", version="1", summary="what it did")

    def segment(self, adapted, clip, expressions):
        with Path(os.environ["SEGMENTED"]).open("a") as stream:
            stream.write("one\n")
        return super().segment(adapted, clip, expressions)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_a_run_with_more_draws_extends_to_the_bytes_of_one_with_all_at_once(source, tmp_path, workers, protocol):
    options = RunOptions(workers=workers)
    evaluate(source, tmp_path / "whole", options, protocol=protocol)
    for first in (0, 1):
        grown = tmp_path / f"grown-{first}"
        evaluate(source, grown, options, draws=(first,), protocol=protocol)
        evaluate(source, grown, options, protocol=protocol)
        assert contents(grown) == contents(tmp_path / "whole")


def test_draws_that_are_done_are_not_done_again(source, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("SEGMENTED", str(log))
    settings = {"method": "tests.fsbench.running.test_fold:Counting"}
    evaluate(source, tmp_path / "whole", **settings)
    at_once = len(log.read_text().splitlines())
    log.unlink()
    evaluate(source, tmp_path / "grown", draws=(0,), **settings)
    alone = len(log.read_text().splitlines())
    assert 0 < alone < at_once
    evaluate(source, tmp_path / "grown", **settings)
    assert len(log.read_text().splitlines()) == at_once
    costs = [total_cost(read_timing(tmp_path / name / "fold-0")) for name in ("whole", "grown")]
    units = [read_timing(tmp_path / name / "fold-0") for name in ("whole", "grown")]
    assert all(cost.seconds_per_frame > 0 for cost in costs)
    assert sum(unit.frames for unit in units[0]) == sum(unit.frames for unit in units[1])


def test_a_run_whose_extension_was_stopped_is_unfinished_and_goes_on(place):
    asked = {draw: {row["video"] for row in episodes(place) if row["draw"] == draw} for draw in (0, 1)}
    video = min(asked[1] - asked[0])  # the first run does not read it
    evaluate(place, "grown", draws=(0,))
    hidden = place / "hidden"
    frame = place / "mini-ref-davis/train/JPEGImages" / video / "00005.jpg"
    frame.rename(hidden)
    with pytest.raises(DataError):
        evaluate(place, "grown")
    with pytest.raises(RunError, match="cannot be read"):
        read_result(place / "grown/fold-0")
    with pytest.raises(RunError, match="differs in draws"):
        evaluate(place, "grown", draws=(0,))
    hidden.rename(frame)
    evaluate(place, "grown")
    evaluate(place, "whole")
    assert contents(place / "grown") == contents(place / "whole")


def test_a_part_that_was_written_half_is_mended_by_the_extension(source, tmp_path):
    """Killed between the two files of a video, the masks of all draws are there and the scores of the first alone."""
    evaluate(source, tmp_path / "whole")
    evaluate(source, tmp_path / "grown", draws=(0,))
    number = next(iter(sorted((tmp_path / "grown/fold-0/predictions").iterdir()))).name
    shutil.copy(tmp_path / "whole/fold-0/predictions" / number, tmp_path / "grown/fold-0/predictions" / number)
    evaluate(source, tmp_path / "grown")
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_masks_that_are_gone_are_made_again_where_draws_are_added(source, tmp_path):
    evaluate(source, tmp_path / "whole")
    evaluate(source, tmp_path / "grown", draws=(0,))
    extended = {path.name for path in (tmp_path / "grown").rglob("predictions/*")}
    shutil.rmtree(tmp_path / "grown/fold-0/predictions")
    evaluate(source, tmp_path / "grown")
    whole, grown = contents(tmp_path / "whole"), contents(tmp_path / "grown")
    assert extended & {path.name for path in grown if "predictions" in path.parts}
    assert all(whole[path] == content for path, content in grown.items())


def test_only_draws_are_added(source, tmp_path):
    evaluate(source, tmp_path / "run", draws=(0,))
    before = contents(tmp_path / "run")
    for change in ({"options": {"threshold": "90"}}, {"limit": 2}, {"classes": ["dog"]}, {"variant": "other"}):
        (named,) = change
        with pytest.raises(RunError, match=f"differs in .*{named}"):
            evaluate(source, tmp_path / "run", **change)
    with pytest.raises(RunError, match="differs in draws"):
        evaluate(source, tmp_path / "run", draws=(1,))
    assert contents(tmp_path / "run") == before


def test_the_first_videos_are_run_with_all_their_sentences_and_draws(source, tmp_path):
    whole = evaluate(source, tmp_path / "whole")
    first = evaluate(source, tmp_path / "first", limit=2)
    parts = sorted((tmp_path / "first").rglob("part-*.parquet"))
    assert {path.name for path in parts} == {"part-00000.parquet", "part-00001.parquet"}
    for path in parts:
        same = tmp_path / "whole" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == same.read_bytes()
    assert [entry.name for entry in first.classes] == ["cat"]
    assert first.identity.limit == 2
    assert first.identity.part == "the first 2 videos"
    assert whole.identity.part == ""


def test_a_class_alone_has_the_scores_that_it_has_among_all(source, tmp_path):
    whole = evaluate(source, tmp_path / "whole")
    alone = evaluate(source, tmp_path / "alone", classes=["dog"])
    assert alone.classes == tuple(entry for entry in whole.classes if entry.name == "dog")
    assert alone.identity.part == "class dog"
    both = evaluate(source, tmp_path / "both", classes=["dog"], limit=1)
    assert both.identity.part == "the first 1 videos of class dog"
    assert both.frames < alone.frames
    with pytest.raises(ManifestError, match="Did you mean 'dog'"):
        evaluate(source, tmp_path / "wrong", classes=["dgo"])


def test_a_limited_run_is_extended_by_draws_on_the_same_videos(source, tmp_path):
    evaluate(source, tmp_path / "whole", limit=3)
    evaluate(source, tmp_path / "grown", limit=3, draws=(1,))
    evaluate(source, tmp_path / "grown", limit=3)
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_what_is_not_asked_for_is_not_in_the_identity_s_json(source, tmp_path):
    evaluate(source, tmp_path / "whole")
    evaluate(source, tmp_path / "part", limit=1, classes=["cat"])
    whole, part = (json.loads((tmp_path / name / "fold-0/run.json").read_text()) for name in ("whole", "part"))
    assert not {"limit", "classes"} & whole.keys()
    assert (part["limit"], part["classes"]) == (1, ["cat"])
    assert "limit" not in json.loads((tmp_path / "whole/fold-0/result.json").read_text())["identity"]
    assert RunIdentity.model_validate(whole).limit is None


def test_another_manifest_or_checkpoint_is_another_run(place):
    weights = place / "weights"
    weights.write_bytes(b"one")
    evaluate(place, checkpoint=weights)
    weights.write_bytes(b"two")
    with pytest.raises(RunError, match="checkpoint_sha256"):
        evaluate(place, checkpoint=weights)
    weights.write_bytes(b"one")
    dataset = open_dataset("mini-ref-davis", place)
    info, rows = build_manifest(dataset, BuildOptions(draws=2, frames=2, seed=1))
    write_manifest(place / "splits", info, rows, overwrite=True)
    with pytest.raises(RunError, match="manifest_digest"):
        evaluate(place, checkpoint=weights)


def test_two_runs_at_once_in_one_folder_are_refused(source, tmp_path):
    with locked(tmp_path / "run/fold-0"), pytest.raises(RunError, match="another fsbench is at work"):
        evaluate(source, tmp_path / "run")


def test_parts_without_an_identity_are_refused(source, tmp_path):
    evaluate(source, tmp_path / "run")
    (tmp_path / "run/fold-0/run.json").unlink()
    with pytest.raises(RunError, match="--restart"):
        evaluate(source, tmp_path / "run")


def test_a_damaged_part_is_named(source, tmp_path):
    evaluate(source, tmp_path / "run")
    part = next((tmp_path / "run").rglob("scores/part-00001.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(RunError, match=r"scores/part-00001\.parquet"):
        evaluate(source, tmp_path / "run")


def damage(place, how):
    pictures, labels = place / "mini-ref-davis/train/JPEGImages", place / "mini-ref-davis/train/Annotations"
    if how == "missing":
        (pictures / "dog-1/00005.jpg").unlink()
    elif how == "truncated":
        path = labels / "dog-1/00005.png"
        path.write_bytes(path.read_bytes()[:-30])
    else:
        Image.new("P", (31, 24)).save(labels / "dog-1/00005.png")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["missing", "truncated", "size"])
def test_bad_files_are_an_error_and_with_keep_going_a_record(place, how, workers):
    damage(place, how)
    with pytest.raises(DataError, match="dog-1"):
        evaluate(place, run=RunOptions(workers=workers))
    result = evaluate(place, run=RunOptions(workers=workers, keep_going=True))
    manifest = read_manifest(place / "splits/mini-ref-davis/pack-v1")
    assert result.episodes + len(result.failures) == len(manifest.rows("episodes"))
    assert all("dog-1" in message for message in result.failures.values())
    assert {episode_id.split("/")[3] for episode_id in result.failures} >= {"dog-1"}


def test_what_failed_is_done_once_the_cause_is_gone(place, source):
    path = place / "mini-ref-davis/train/JPEGImages/dog-1/00005.jpg"
    content = path.read_bytes()
    path.unlink()
    assert evaluate(place, run=RunOptions(keep_going=True)).failures
    path.write_bytes(content)
    result = evaluate(place, run=RunOptions(keep_going=True))
    assert not result.failures
    assert result.score == evaluate(source, place / "fresh").score


class Broken(Reddish):
    info = MethodInfo(name="broken", version="1", summary="returns what is no mask")

    def __init__(self, how: str = "shape") -> None:
        super().__init__()
        self.how = how

    def prepare(self, fold):
        if self.how == "prepare":
            raise ZeroDivisionError("of its own making")

    def segment(self, adapted, clip, expressions):
        masks = super().segment(adapted, clip, expressions)
        if self.how == "raise":
            raise ZeroDivisionError("of its own making")
        return {"shape": masks[:, :-1], "dtype": masks.astype(np.uint8), "none": None}[self.how]


@pytest.mark.parametrize("how", ["shape", "dtype", "none"])
def test_what_is_no_mask_is_an_error_that_names_the_method(source, tmp_path, how):
    target = "tests.fsbench.running.test_fold:Broken"
    with pytest.raises(PluginError, match=r"'broken', video '.*': returned"):
        evaluate(source, tmp_path / "run", method=target, options={"how": how})


@pytest.mark.parametrize(("how", "where"), [("raise", "support set"), ("prepare", "prepare of fold")])
def test_an_error_in_a_method_comes_through_with_a_note(source, tmp_path, how, where):
    target = "tests.fsbench.running.test_fold:Broken"
    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(source, tmp_path / "run", method=target, options={"how": how})
    assert f"in method 'broken', {where}" in caught.value.__notes__[0]


def test_a_run_in_which_everything_fails_has_no_result(source, tmp_path):
    target = "tests.fsbench.running.test_fold:Broken"
    with pytest.raises(RunError, match="every episode failed"):
        evaluate(source, tmp_path / "run", RunOptions(keep_going=True), method=target, options={"how": "raise"})
    with pytest.raises(RunError, match="Has 'fsbench evaluate' finished"):
        read_result(tmp_path / "run/fold-0")


def test_a_draw_or_fold_that_is_not_there_is_an_error(source, tmp_path):
    with pytest.raises(ManifestError, match="no support set for draw 2"):
        evaluate(source, tmp_path / "run", draws=(0, 2))
    with pytest.raises(ManifestError, match="no fold 3"):
        evaluate(source, tmp_path / "run", folds=(3,))


def test_a_sentence_that_is_spelt_otherwise_is_an_error(place):
    path = place / "mini-ref-davis/meta_expressions/train/meta_expressions.json"
    path.write_text(path.read_text().replace("the left dog", "the left dogs"))
    with pytest.raises(ManifestError, match="another text"):
        evaluate(place)


def test_one_draw_has_no_spread(source, tmp_path):
    result = evaluate(source, tmp_path / "run", draws=(1,))
    assert result.score.sd_draws is None
    assert [draw.draw for draw in result.draws] == [1]


def test_what_the_method_cost_is_recorded(source, tmp_path):
    begun = datetime.now(UTC).date()
    evaluate(source, tmp_path / "run")
    lines = [json.loads(line) for line in Path(tmp_path / "run/fold-0/timing.jsonl").read_text().splitlines()]
    assert all(begun <= date.fromisoformat(line["finished"]) <= datetime.now(UTC).date() for line in lines)
    assert sorted(line["unit"] for line in lines) == list(range(7))
    assert all(line["seconds"] > 0 and line["frames"] >= 12 for line in lines)
