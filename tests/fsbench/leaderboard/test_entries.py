import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from fsbench.datasets import open_dataset
from fsbench.errors import RunError
from fsbench.leaderboard.details import details_from_runs
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import entry_from_results
from fsbench.leaderboard.entries import intervals_of
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.leaderboard.shelf import entry_path
from fsbench.leaderboard.shelf import losses
from fsbench.leaderboard.shelf import read_entries
from fsbench.leaderboard.shelf import write_entries
from fsbench.leaderboard.shelf import write_entry
from fsbench.methods.contract import Training
from fsbench.methods.contract import Weights
from fsbench.running.cost import read_timing
from fsbench.running.cost import UnitTiming
from fsbench.running.runs import find_runs
from fsbench.scores.results import ClassResult
from fsbench.scores.results import Score
from fsbench.scores.results import summarise
from fsbench.scores.statistics import intervals
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from tests.forked import forking
from tests.fsbench.leaderboard.samples import board
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import identity
from tests.fsbench.leaderboard.samples import INFO
from tests.fsbench.leaderboard.samples import METRICS
from tests.fsbench.leaderboard.samples import RELEASED
from tests.fsbench.leaderboard.samples import result
from tests.fsbench.leaderboard.test_details import write_run as write_parts
from tests.tiny import write_dataset

STORED = Path(__file__).parents[2] / "data" / "leaderboard_v1"

DECLARED = replace(INFO, trained_on=("ImageNet-1k", "cat"))
SCORES = {1: [(0.5, 0.7), (0.6, 0.8)], 2: [(0.3, 0.4), (0.2, 0.5)]}


def write_run(folder, found, timing=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(found.model_dump_json())
    (folder / "timing.jsonl").write_text(timing)
    return folder


def changed(found, **values):
    """The JSON of an entry with other values."""
    return json.dumps(json.loads(found.model_dump_json()) | values)


def test_an_entry_of_schema_1_loads():
    (stored,) = read_entries(STORED)
    timing = [UnitTiming(unit=0, seconds=1.5, frames=48, peak_bytes=123456789)]
    assert stored == entry_from_results([result(fold, scores) for fold, scores in SCORES.items()], (1, 2), timing)


def test_an_entry_of_schema_2_loads():
    (stored,) = read_entries(STORED.with_name("leaderboard_v2"))
    assert stored.schema_version == 5
    assert stored.method.name == "empty"
    assert (stored.details, stored.hardware, stored.links) == (None, (), ())


def test_an_entry_of_schema_4_loads_and_its_intervals_are_those_of_its_episodes():
    folder = STORED.with_name("leaderboard_v4")
    assert "intervals" in json.loads((folder / "mini-ref-davis/support-copy.json").read_text())
    (stored,) = read_entries(folder)
    assert "intervals" not in json.loads(stored.model_dump_json())
    assert intervals_of(stored).mean == intervals(stored.details.table).mean


def test_details_lie_beside_an_entry_and_are_read_with_it(tmp_path):
    details = details_from_runs([write_parts(tmp_path / "run")], METRICS, with_masks=True)
    results = [result(fold, scores) for fold, scores in SCORES.items()]
    written = entry_from_results(results, (1, 2), details=details)
    path = write_entry(tmp_path / "entries", written)
    part = details.digest[:16]
    names = [f"copy.{part}.episodes.parquet", f"copy.{part}.gallery.parquet", "copy.json"]
    assert sorted(each.name for each in path.parent.iterdir()) == names
    assert 'details"' not in path.read_text()
    (found,) = read_entries(tmp_path / "entries")
    assert found == written
    assert found.details == details
    path.with_name(names[1]).unlink()
    with pytest.raises(RunError, match="gallery"):
        read_entries(tmp_path / "entries")


def test_scores_of_a_class_that_the_entry_has_no_result_of_are_refused(tmp_path):
    details = details_from_runs([write_parts(tmp_path / "run")], METRICS, with_masks=True)
    results = [result(fold, scores) for fold, scores in SCORES.items()]
    path = write_entry(tmp_path / "entries", entry_from_results(results, (1, 2), details=details))
    path.write_text(path.read_text().replace('"mouse"', '"rat"'))
    with pytest.raises(RunError, match=r"copy\.json: has scores of episodes of class 'mouse' in fold 1"):
        read_entries(tmp_path / "entries")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "example.org", "https://a b", 'https://x/"onclick="y', ""])
def test_a_link_is_the_address_of_a_web_page(link):
    with pytest.raises(RunError, match="is not the address of a web page"):
        entry_from_results([result(1)], (1,), links=["https://example.org/code?x=1#y", link])


def test_nothing_is_said_of_a_training_where_nothing_was_declared():
    def shown(trained_on, **changes):
        return entry(SCORES, method=replace(INFO, trained_on=trained_on), **changes).training

    now = {"packages": {"fsbench": "0.2.0"}, "distribution": "mine 1.0"}
    assert [shown(each, **now) for each in (None, (), ("COCO",))] == ["not declared", "nothing", "COCO"]
    # What fsbench 0.1 wrote of a method that says nothing.
    old = now | {"packages": {"fsbench": "0.1.0"}}
    assert [shown(each, **old) for each in ((), ("COCO",))] == ["not declared", "COCO"]
    assert shown((), **old | {"distribution": "fsbench 0.1.0"}) == "nothing"


SEEN = Training("shapes", "v1", "0" * 64, 1, ("ape", "dog"), {"name": "usual", "steps": 9}, 3)


def test_weights_say_what_they_were_trained_on_and_the_entry_with_them(tmp_path):
    own = {1: Weights({"width": 64}, SEEN), 2: Weights({"width": 64}, replace(SEEN, fold=2, seed=4, init="f" * 64))}
    bare = replace(INFO, trained_on=None)
    found = entry_from_results([result(fold, weights=each, method=bare) for fold, each in own.items()], (1, 2))
    text = "base classes of shapes v1 (recipe usual, seed 3)"
    later = "base classes of shapes v1 (recipe usual, seed 4), from weights that do not say how they were made"
    assert found.training == f"{text}; {later}"
    path = write_entry(tmp_path, found)
    assert read_entries(tmp_path) == [found]
    assert json.loads(path.read_bytes())["folds"][0]["weights"]["training"]["classes"] == ["ape", "dog"]
    assert "weights" not in write_entry(tmp_path / "other", entry(SCORES)).read_text()
    # A class that is a base class of another fold, or of another dataset, under any name.
    novel = replace(SEEN, classes=("Mouse",), of_init=SEEN)
    other = entry_from_results([result(1, weights=Weights({}, novel), method=bare)], (1,))
    assert other.seen_novel == {"mouse": "shapes v1"}
    assert other.training == f"{text}, from {text}"


@pytest.mark.parametrize(
    "name", ["=1+1", "+a", "-a", "@a", "a|b", "a<b", "a\tb", "a ", " a", "a\u202eb", 'a"b', "`a`", "a\\"]
)
@pytest.mark.parametrize("field", ["name", "variant", "dataset", "manifest_version", "version"])
def test_a_name_that_breaks_a_table_or_begins_a_formula_is_refused(name, field):
    of_method = {"method": replace(INFO, version=name)}
    with pytest.raises(RunError, match="cannot be part of a file name, a table and a spreadsheet"):
        entry(SCORES, **(of_method if field == "version" else {field: name}))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": replace(INFO, summary="a\n| b")},
        {"method": replace(INFO, trained_on=("\u202eCOCO",))},
        {"options": {"a\x1b[0m": 1}},
        {"options": {"a": "b\0"}},
        {"distribution": "a\r"},
    ],
)
def test_a_text_with_what_is_not_to_be_seen_is_refused(changes):
    with pytest.raises(RunError, match="is not to be seen"):
        entry(SCORES, **changes)


@pytest.mark.parametrize("name", ["prototype", "cma-add", "SAM 2.1 (large)", "CLIPSeg+", "Präzise", "v0.2_b", "8bit"])
def test_usual_names_are_names(name):
    assert entry(SCORES, name=name).method.name == name


def two_folds(**declared):
    """Results of a method that declares this: mouse 0.9, cat 0.5 and ant 0.3 in one fold, dog 0.2 in the other."""
    classes = {1: {"mouse": 0.9, "cat": 0.5, "ant": 0.3}, 2: {"dog": 0.2}}
    info = replace(INFO, **declared)
    return [
        result(fold, method=info).model_copy(update={"classes": tuple(map(scored, scores, scores.values()))})
        for fold, scores in classes.items()
    ]


def scored(name, value):
    return ClassResult(name=name, score=summarise([Score({"J": value, "F": value, "J&F": value})] * 2))


@pytest.mark.parametrize(
    ("tuned_on", "found", "within", "without"),
    [
        ((), (), None, ((0.9 + 0.5 + 0.3) / 3 + 0.2) / 2),
        (("zebra",), (), None, ((0.9 + 0.5 + 0.3) / 3 + 0.2) / 2),
        (("cat", "Mouse"), ("mouse", "cat"), 0.7, (0.3 + 0.2) / 2),
        (("mouse", "dog"), ("mouse", "dog"), (0.9 + 0.2) / 2, (0.5 + 0.3) / 2),  # of fold 2 nothing is left
        (("shapes",), ("mouse", "cat", "ant", "dog"), ((0.9 + 0.5 + 0.3) / 3 + 0.2) / 2, None),  # the whole dataset
    ],
)
def test_classes_that_a_method_was_tuned_on_are_scored_apart_from_the_others(tuned_on, found, within, without):
    made = entry_from_results(two_folds(trained_on=(), tuned_on=tuned_on), (1, 2))
    assert made.tuned_novel == found
    for mean, wanted in zip(made.tuned_means, (within, without), strict=True):
        assert (mean and mean["J"]) == (wanted and pytest.approx(wanted))
    assert made.clean_mean is None, "its weights have seen nothing"


def test_what_a_method_was_tuned_on_is_written_if_there_is_anything(tmp_path):
    bare, tuned = (entry(SCORES, method=replace(INFO, tuned_on=names)) for names in ((), ("dog",)))
    assert "tuned_on" not in write_entry(tmp_path / "bare", bare).read_text()
    assert json.loads(write_entry(tmp_path / "tuned", tuned).read_text())["method"]["tuned_on"] == ["dog"]
    assert read_entries(tmp_path / "tuned") == [tuned]
    assert "tuned_on" not in identity(1).model_dump_json()


def test_a_method_that_has_seen_novel_classes_is_found_out_and_scored_on_the_others():
    first, second = two_folds(trained_on=())
    clean = entry_from_results([first, second], (1, 2), trained_classes=["zebra"])
    assert clean.seen_novel == {}
    assert clean.clean_mean is None
    flagged = entry_from_results([first, second], (1, 2), trained_classes=["mouse", "zebra", "mouse"])
    assert flagged.trained_classes == ("mouse", "zebra")
    assert flagged.seen_novel == {"mouse": ""}
    assert pytest.approx(((0.5 + 0.3) / 2 + 0.2) / 2) == flagged.clean_mean["J"]
    # Of fold 2 nothing is left.
    assert entry_from_results([first, second], (1, 2), trained_classes=["mouse", "dog"]).clean_mean is None
    told = [
        each.model_copy(update={"identity": identity(n, name="copy", method=DECLARED)})
        for n, each in enumerate((first, second), 1)
    ]
    assert entry_from_results(told, (1, 2)).seen_novel == {
        "cat": "",
        "ant": "ImageNet-1k",
        "dog": "ImageNet-1k",
    }


def test_written_entries_read_back_the_same(tmp_path):
    entries = board()
    paths = write_entries(tmp_path, entries)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "shapes/copy.json",
        "shapes/flow.json",
        "shapes/half.json",
        "shapes/copy.released.json",
    ]
    found = read_entries(tmp_path)
    assert [found.index(one) for one in entries] == [0, 2, 3, 1]
    assert len(found) == len(entries)


def test_a_folder_that_is_not_there_has_no_entries(tmp_path):
    assert read_entries(tmp_path / "leaderboard") == []


def test_the_mean_is_over_folds_in_each_draw_and_then_over_draws():
    mean = entry(SCORES).mean
    # Draw 0 is J (0.5 + 0.3) / 2, F (0.7 + 0.4) / 2; draw 1 is J (0.6 + 0.2) / 2, F (0.8 + 0.5) / 2.
    assert mean.mean.model_dump() == pytest.approx({"J": 0.4, "F": 0.6, "J&F": 0.5}, abs=1e-15)
    # So the spreads of J in the two folds, 0.07 each, cancel.
    spread = {"J": 0, "F": 0.1 / 2**0.5, "J&F": 0.05 / 2**0.5}
    assert mean.sd_draws.model_dump() == pytest.approx(spread, abs=1e-15)


def test_one_draw_has_no_spread():
    assert entry({1: [(0.5, 0.7)], 2: [(0.3, 0.4)]}).mean.sd_draws is None


def test_the_mean_of_one_fold_is_the_fold():
    found = entry({0: SCORES[1]}, expected=(0,))
    assert found.mean == found.folds[0].score


@pytest.mark.parametrize(
    "found",
    [
        entry({1: SCORES[1]}),
        entry(SCORES, failed=(2,)),
        entry(SCORES, expected=(1, 2, 3)),
    ],
)
def test_without_every_episode_of_every_fold_there_is_no_mean(found):
    assert found.mean is None


def test_the_order_of_results_and_timings_does_not_matter():
    results = [result(fold, scores) for fold, scores in SCORES.items()]
    timing = [UnitTiming(unit=i, seconds=0.1 * 3**i, frames=10, peak_bytes=i) for i in range(6)]
    assert entry_from_results(results, (1, 2), timing) == entry_from_results(results[::-1], (2, 1), timing[::-1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol", RELEASED),
        ("manifest_digest", "f" * 64),
        ("options", {"shots": 1}),
        ("variant", "warm"),
        ("packages", {"fsbench": "0.2.0"}),
        ("method", replace(INFO, version="2.0")),
    ],
)
def test_results_that_differ_in_more_than_the_fold_are_never_joined(tmp_path, field, value):
    one, other = result(1), result(2, **{field: value})
    with pytest.raises(RunError, match=f"fold 2 differs from fold 1 in {field}"):
        entry_from_results([one, other], (1, 2))
    for found in (one, other):
        write_run(tmp_path / str(found.identity.fold), found)
    assert [[fold.fold for fold in found.folds] for found in entries_from_runs(tmp_path, lambda _: (1, 2))] in (
        [[1], [2]],
        [[2], [1]],
    )


def test_folds_may_have_weights_of_their_own():
    digests = {1: "a" * 64, 2: "b" * 64}
    found = entry_from_results([result(fold, checkpoint_sha256=digest) for fold, digest in digests.items()], (1, 2))
    assert {fold.fold: fold.checkpoint_sha256 for fold in found.folds} == digests


def test_entries_of_version_1_are_read(tmp_path):
    digest = "c" * 64
    new = entry_from_results([result(fold, checkpoint_sha256=digest) for fold in (1, 2)], (1, 2))
    old = new.model_dump(mode="json") | {"schema_version": 1, "checkpoint_sha256": digest}
    del old["variant"]
    for fold in old["folds"]:
        del fold["checkpoint_sha256"]
    path = entry_path(tmp_path, new)
    path.parent.mkdir()
    path.write_text(json.dumps(old))
    assert read_entries(tmp_path) == [new]


def test_results_of_other_draws_are_never_joined():
    with pytest.raises(RunError, match="in draws"):
        entry_from_results([result(1), result(2, [(0.1, 0.2)])], (1, 2))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "at least one result"),
        ([result(1), result(1)], "each once"),
        ([result(3)], r"\[3\] are none of the expected"),
    ],
)
def test_results_that_make_no_entry_are_refused(results, message):
    with pytest.raises(RunError, match=message):
        entry_from_results(results, (1, 2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schema_version": 6}, "schema_version"),
        ({"rank": 1}, "rank"),
        ({"mean": None}, "does not follow"),
        ({"mean": {"mean": {"K": 0.5}, "sd_draws": None}}, "a score has K, and the protocol reports J, F, J&F"),
        ({"expected_folds": [1, 2, 3]}, "does not follow"),
        ({"expected_folds": [2, 1]}, "not in order"),
        ({"expected_folds": [1]}, "none of the expected"),
        ({"folds": []}, "folds"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(tmp_path, values, message):
    path = write_entry(tmp_path, entry(SCORES))
    path.write_text(changed(entry(SCORES), **values))
    with pytest.raises(RunError, match=f"copy.json: .*{message}"):
        read_entries(tmp_path)


@pytest.mark.parametrize("value", [53.1, -0.1, float("nan")])
def test_a_score_is_a_fraction(value):
    with pytest.raises(RunError, match=r"not in \[0, 1\]"):
        entry({1: [(value, 0.5)], 2: [(0.5, 0.5)]})


def test_another_mean_than_that_of_the_folds_is_refused():
    better = entry({1: [(0.9, 0.9), (0.8, 0.9)], 2: [(0.9, 0.9), (0.8, 0.9)]}).mean
    with pytest.raises(ValidationError, match="does not follow"):
        Entry.model_validate_json(changed(entry(SCORES), mean=better.model_dump()))


def test_a_damaged_file_is_an_error_that_names_it(tmp_path):
    path = write_entry(tmp_path, entry(SCORES))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RunError, match=r"copy\.json: Invalid JSON"):
        read_entries(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    (tmp_path / "shapes" / "copy.json").mkdir(parents=True)
    with pytest.raises(RunError, match=r"copy\.json: cannot be read"):
        read_entries(tmp_path)


def test_an_entry_at_the_place_of_another_is_an_error_that_names_both(tmp_path):
    path = write_entry(tmp_path, entry(SCORES))
    path.rename(path.with_name("flow.json"))
    with pytest.raises(RunError, match=r"flow\.json: holds an entry that belongs at .*copy\.json"):
        read_entries(tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", ".hidden", "", "a/", "/etc/x", "a\nb", "a\0b"])
@pytest.mark.parametrize("field", ["name", "dataset", "protocol"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name, field):
    with pytest.raises(RunError, match="cannot be part of a file name"):
        write_entry(tmp_path, entry(SCORES, **{field: name}))
    assert not list(tmp_path.rglob("*"))


def test_what_only_one_of_two_entries_says_of_itself_is_a_difference_either_way():
    older = entry(SCORES)
    newer = older.model_copy(update={"evaluated": date(2026, 11, 30)})
    assert older.differs_from(newer) == newer.differs_from(older) == "evaluated"
    assert older.differs_from(older) == "nothing"


def test_entries_that_claim_one_file_are_refused_before_any_is_written(tmp_path):
    other = entry(SCORES, options={"shots": 1})
    with pytest.raises(RunError, match=r"copy\.json: two entries claim this file; they differ in options"):
        write_entries(tmp_path, [entry(SCORES), other])
    assert not list(tmp_path.rglob("*"))


def test_a_new_entry_takes_the_place_of_the_old_one(tmp_path):
    other = entry(SCORES, options={"shots": 1})
    assert write_entry(tmp_path, entry(SCORES)) == write_entry(tmp_path, other) == entry_path(tmp_path, other)
    assert read_entries(tmp_path) == [other]


@pytest.mark.parametrize(
    ("less", "lost"),
    [
        (entry({1: SCORES[1]}), "folds: 1 2, now 1"),
        (entry({1: SCORES[1][:1], 2: SCORES[2][:1]}), "draws of fold 1: 2, now 1; draws of fold 2: 2, now 1"),
        (entry(SCORES, failed=(2,)), "scored episodes of fold 2: 12, now 11; failed episodes of fold 2: 0, now 1"),
        (entry(SCORES, method=replace(INFO, version="0.10")), "version of the method: 1.0, now 0.10"),
        (entry(SCORES, manifest_version="v0"), "version of the manifest: v1, now v0"),
        (entry(SCORES, packages={"fsbench": "0.0.9"}), "version of fsbench: 0.1.0, now 0.0.9"),
    ],
)
def test_an_entry_of_more_stays_unless_it_is_to_be_overwritten(tmp_path, caplog, less, lost):
    path = write_entry(tmp_path, entry(SCORES))
    before = path.read_bytes()
    after = "none" if less.mean is None else f"{100 * less.mean.mean['J&F']:.1f}"
    with pytest.raises(RunError, match=re.escape(f"copy.json: {lost}; mean J&F: 50.0, now {after}.")):
        write_entries(tmp_path, [entry(SCORES, name="flow"), less])
    assert path.read_bytes() == before
    assert not path.with_name("flow.json").exists()
    write_entry(tmp_path, less, overwrite=True)
    assert lost in caplog.text
    assert read_entries(tmp_path) == [less]


def test_a_mean_that_neither_entry_has_is_not_told(tmp_path):
    write_entry(tmp_path, entry({1: SCORES[1]}))
    with pytest.raises(RunError, match=r"copy\.json: draws of fold 1: 2, now 1\. Evaluate"):
        write_entry(tmp_path, entry({1: SCORES[1][:1]}))


def test_an_entry_without_details_takes_the_place_of_none_with_them(tmp_path):
    (told,) = detailed({"copy": 0.0})
    write_entry(tmp_path, told)
    with pytest.raises(RunError, match="scores of episodes: 48, now none"):
        write_entry(tmp_path, told.model_copy(update={"details": None, "details_sha256": None}))


@pytest.mark.parametrize(
    ("one", "other", "is_older"),
    [
        ("1", "2", True),
        ("1.9", "1.10", True),
        ("v1", "v2", True),
        ("pack-v1", "v2", False),
        ("2024a", "2024b", False),
        ("0.2.0.dev1", "0.2.0", False),
        ("2", "1", False),
        ("1", "1", False),
    ],
)
def test_versions_are_compared_where_they_are_numbers(tmp_path, one, other, is_older):
    found = losses(entry(SCORES, manifest_version=other), entry(SCORES, manifest_version=one))
    assert found == ([f"version of the manifest: {other}, now {one}"] if is_older else [])


def test_what_cannot_be_read_is_replaced_and_it_is_said(tmp_path, caplog):
    path = write_entry(tmp_path, entry(SCORES))
    path.write_text("{}")
    write_entry(tmp_path, entry(SCORES))
    assert "copy.json" in caplog.text
    assert read_entries(tmp_path) == [entry(SCORES)]


def test_many_at_once_leave_a_whole_entry_and_a_reader_never_sees_half_of_one(tmp_path):
    entries = [detailed({"copy": shift})[0] for shift in (0.0, 0.01)]
    write_entry(tmp_path, entries[0])
    with ThreadPoolExecutor(4) as threads:
        writes = [threads.submit(write_entry, tmp_path, entries[i % 2]) for i in range(60)]
        reads = [threads.submit(read_entries, tmp_path) for _ in range(60)]
        assert all(read.result() in ([entries[0]], [entries[1]]) for read in reads)
        assert len({write.result() for write in writes}) == 1
    (left,) = read_entries(tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert left in entries


def test_pairs_of_processes_at_once_leave_a_whole_entry(tmp_path):
    # Each process writes the same place over and over, with details of its own.
    processes = [forking().Process(target=write_often, args=(tmp_path, shift)) for shift in (0.0, 0.01)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert read_entries(tmp_path)[0] in [detailed({"copy": shift})[0] for shift in (0.0, 0.01)]


def write_often(folder, shift):
    (found,) = detailed({"copy": shift})
    for _ in range(20):
        write_entry(folder, found)


def test_runs_are_found_at_any_depth(tmp_path):
    deep = write_run(tmp_path / "shapes" / "copy" / "fold-1", result(1))
    flat = write_run(tmp_path / "other", result(1))
    (tmp_path / "unfinished").mkdir()
    assert find_runs(tmp_path) == [flat, deep]
    assert find_runs(deep) == [deep]


def test_runs_are_joined_over_their_folds(tmp_path, caplog):
    for fold, scores in SCORES.items():
        write_run(
            tmp_path / f"fold-{fold}",
            result(fold, scores),
            f'{{"unit":0,"seconds":{fold},"frames":4,"peak_bytes":{fold},"peak_device_bytes":{10 * fold}}}\n',
        )
    (found,) = entries_from_runs(tmp_path, lambda _: (1, 2))
    assert found.mean == entry(SCORES).mean
    assert found.seconds_per_frame == 3 / 8
    assert (found.peak_memory_bytes, found.peak_device_memory_bytes) == (2, 20)
    assert found.details is None
    assert "no scores of single frames" in caplog.messages[0]
    caplog.clear()
    for fold in SCORES:
        write_parts(tmp_path / f"fold-{fold}", [f"f{fold}/mouse/d0/v{i}/0" for i in range(4)])
    (found,) = entries_from_runs(tmp_path, lambda _: (1, 2))
    assert found.details.episodes.num_rows == 8
    assert found.details_sha256 == found.details.digest
    assert not caplog.messages


def test_an_entry_says_when_its_runs_were_made_and_the_same_runs_give_the_same_entry(tmp_path):
    runs = {fold: write_run(tmp_path / f"fold-{fold}", result(fold, scores)) for fold, scores in SCORES.items()}

    def made(**said):
        return entries_from_runs(tmp_path, lambda _: (1, 2), **said)[0]

    assert made().evaluated is None
    assert "evaluated" not in json.loads(made().model_dump_json())
    assert made(evaluated=date(2026, 1, 2)).evaluated == date(2026, 1, 2)
    for fold, run in runs.items():
        line = f'{{"unit":0,"seconds":1,"frames":4,"peak_bytes":1,"finished":"2026-03-0{fold}"}}\n'
        (run / "timing.jsonl").write_text(line)
    found = made(evaluated=date(2026, 1, 2))  # the runs know better
    assert json.loads(found.model_dump_json())["evaluated"] == "2026-03-02"
    assert found.model_dump_json() == made().model_dump_json()
    assert Entry.model_validate_json(found.model_dump_json()) == found


def test_entries_have_the_same_digest_of_episodes_where_these_are_the_same():
    one, other = detailed({"one": 0.0, "other": 0.1})
    (more,) = detailed({"one": 0.0}, draws=3)
    assert one.episodes_digest == other.episodes_digest != more.episodes_digest
    assert one.model_copy(update={"details": None}).episodes_digest is None


def test_without_a_manifest_the_folds_that_are_there_count_as_all_and_it_is_said(tmp_path, caplog):
    write_run(tmp_path / "run", result(1))
    (found,) = entries_from_runs(tmp_path, lambda _: None)
    assert found.expected_folds == (1,)
    assert "no manifest with digest 0123456789ab" in caplog.text


def test_two_runs_of_one_fold_are_an_error_that_names_both(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name, result(1))
    with pytest.raises(RunError, match=r"b: the same run of the same fold as .*a\. "):
        entries_from_runs(tmp_path)


def test_expected_folds_are_those_of_the_manifest_with_the_digest_of_the_run(tmp_path):
    root = write_dataset(tmp_path / "data", {"dog": 3, "cat": 3}, with_frames=False)
    dataset = open_dataset("mini-ref-youtube-vos", root)
    first, rows = build_manifest(dataset, BuildOptions(minimum=2, draws=2))
    newest, more = build_manifest(dataset, BuildOptions(minimum=2, draws=1, version="v3"))
    write_manifest(tmp_path / "splits", first, rows)
    write_manifest(tmp_path / "splits", newest, more)
    for info in (first, newest):
        run = identity(1, dataset=info.dataset, manifest_digest=info.digest)
        assert manifest_folds(run, tmp_path / "splits") == (1, 4)
    assert manifest_folds(identity(1, dataset=first.dataset), tmp_path / "splits") is None
    assert manifest_folds(identity(1, dataset="other"), tmp_path / "splits") is None


def test_timing_survives_a_cut_line_and_keeps_the_last_of_a_unit_that_was_done_again(tmp_path, caplog):
    lines = [
        f'{{"unit": {i}, "seconds": {s}, "frames": 8, "peak_bytes": 5}}' for i, s in ((0, 1.0), (1, 2.0), (0, 4.0))
    ]
    (tmp_path / "timing.jsonl").write_text("\n".join([*lines, lines[0][:20]]))
    assert [(unit.unit, unit.seconds) for unit in read_timing(tmp_path)] == [(0, 4.0), (1, 2.0)]
    assert "skipped a line that was cut" in caplog.text


def test_a_line_cut_by_a_kill_may_be_followed_by_those_of_the_next_call(tmp_path):
    line = '{"unit": 1, "seconds": 2.0, "frames": 8, "peak_bytes": 5}\n'
    (tmp_path / "timing.jsonl").write_text(line[:20] + line + line.replace("1", "2"))
    assert [unit.unit for unit in read_timing(tmp_path)] == [2]


def test_without_timing_the_cost_is_not_known(tmp_path):
    (write_run(tmp_path / "run", result(1)) / "timing.jsonl").unlink()
    (found,) = entries_from_runs(tmp_path, lambda _: (1, 2))
    assert found.seconds_per_frame is None
    assert found.peak_memory_bytes is None


def test_the_entries_of_a_later_version_of_the_embedded_set_lie_beside_those_of_the_first(tmp_path):
    made = [entry(SCORES, dataset="mini-ref-shapes", manifest_version=version) for version in ("v2", "v3", "mine")]
    homes = [path.parent.name for path in (entry_path(tmp_path, each) for each in made)]
    assert homes == ["mini-ref-shapes", "mini-ref-shapes@v3", "mini-ref-shapes"]
    write_entry(tmp_path, made[0])
    write_entry(tmp_path, made[1])
    assert {each.manifest_version for each in read_entries(tmp_path)} == {"v2", "v3"}
