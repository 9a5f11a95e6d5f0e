import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from fsbench.errors import RunError
from fsbench.leaderboard.checking import check_entry
from fsbench.leaderboard.checking import require_checked
from fsbench.leaderboard.checking import sealed
from fsbench.leaderboard.checking import seals
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.shelf import read_entries
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.shelf import write_entry
from fsbench.running.evaluate import evaluate_method
from fsbench.running.fold import RunOptions
from tests.fsbench.leaderboard.samples import detailed
from tests.fsbench.leaderboard.samples import entry
from tests.fsbench.leaderboard.samples import EPISODES
from tests.fsbench.leaderboard.samples import GALLERY
from tests.fsbench.running.test_fold import request
from tests.fsbench.running.test_fold import source  # noqa: F401

COMMITTED = Path(__file__).parents[3] / "leaderboard/entries"
PATH = COMMITTED / "mini-ref-davis/colour-prototype.json"
RECORD = json.loads(PATH.read_bytes())
CLAIMED = ("expected_folds", "folds", "mean")
"""What of an entry follows from its episodes."""


def numbers(value, path=()):
    """The paths of the numbers below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [found for key, each in items for found in numbers(each, (*path, key))]
    return below + ([path] if isinstance(value, int | float) and not isinstance(value, bool) else [])


def with_value(record, path, value):
    """A copy of a record with another value somewhere."""
    record = json.loads(json.dumps(record))
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return record


@st.composite
def changes(draw, roots):
    """The committed record with another number somewhere below one of these of its fields."""
    path = draw(st.sampled_from([path for path in numbers(RECORD) if path[0] in roots]))
    value = RECORD
    for key in path:
        value = value[key]
    if isinstance(value, int):
        return with_value(RECORD, path, draw(st.integers(0, 10_000).filter(lambda other: other != value)))
    other = st.one_of(st.floats(0, 1), st.sampled_from([0.99, value + 1e-9, value - 1e-9, 1 - value]))
    return with_value(RECORD, path, draw(other.filter(lambda found: abs(found - value) > 1e-10)))


@pytest.fixture(scope="module")
def details():
    return read_entry(COMMITTED, PATH).details


def test_committed_entries_follow_from_their_episodes_to_the_bit(details, monkeypatch):
    monkeypatch.setattr("fsbench.leaderboard.checking.CLOSE", 0.0)
    found = check_entry(Entry(**RECORD | {"details": details}))
    # But for sums that are taken in another order here: of an episode's frames, and of J and F.
    assert [problem for problem in found.problems if "the mean of" not in problem] == []
    assert found.unchecked == []


@settings(max_examples=60, deadline=None)
@given(record=changes(CLAIMED))
def test_any_changed_number_that_follows_from_the_episodes_is_found_out(details, record):
    try:
        changed = Entry(**record | {"details": details})
    except ValueError:
        return  # it contradicts itself
    assert check_entry(changed).problems


@pytest.mark.parametrize("name", ["J", "F", "JF"])
def test_a_spread_of_the_mean_that_is_off_by_little_is_found_out(details, name):
    path = ("mean", "sd_draws", name)
    record = with_value(RECORD, path, RECORD["mean"]["sd_draws"][name] + 1e-9)
    assert check_entry(Entry(**record | {"details": details})).problems


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=changes(tuple(RECORD)))
def test_any_changed_number_breaks_the_seal(record, tmp_path):
    folder = tmp_path / "entries"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        PATH.parent,
        folder / PATH.parent.name,
        ignore=lambda _, names: [n for n in names if not n.startswith("colour-prototype.")],
    )
    (whole,) = read_entries(folder)
    before = seals(folder, [whole])
    (folder / "mini-ref-davis/colour-prototype.json").write_text(json.dumps(record, indent=1) + "\n")
    assert seals(folder, [whole]) != before


def test_the_seal_is_what_sha256sum_reads():
    entries, text = read_entries(COMMITTED), (COMMITTED.parent / "SHA256SUMS").read_text()
    assert text == seals(COMMITTED, sealed(COMMITTED, entries, text))
    assert "  entries/mini-ref-davis/colour-prototype.json\n" in text
    (line,) = [line for line in text.splitlines() if line.endswith("davis/prototype.json")]
    assert [entry.title for entry in sealed(COMMITTED, entries, line)] == ["prototype"]


def test_everything_that_does_not_follow_is_said_at_once(tmp_path, details):
    classes = [{**each, "score": {**each["score"], "sd_draws": None}} for each in RECORD["folds"][0]["classes"]]
    record = with_value(RECORD, ("folds", 0, "classes"), classes)
    path = write_entry(tmp_path, Entry(**with_value(record, ("folds", 0, "frames"), 7) | {"details": details}))
    with pytest.raises(RunError) as caught:
        require_checked(tmp_path, read_entries(tmp_path))
    assert f"{path}: fold 0: frames are 7, its episodes have 2744." in str(caught.value)
    write_entry(tmp_path, Entry(**record | {"details": details}))
    with pytest.raises(RunError, match=r"4 numbers do not follow from the episodes") as caught:
        require_checked(tmp_path, read_entries(tmp_path))
    assert f"{path}: fold 0: class bird: sd_draws" in str(caught.value)


def shaped(details, change):
    """Details with other rows of episodes."""
    rows = change(details.episodes.to_pandas())
    return Details(pa.Table.from_pandas(rows, EPISODES, preserve_index=False), details.gallery)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows.iloc[1:], "episodes are 220, scores there are of 219"),
        (lambda rows: rows.iloc[[0, *range(len(rows))]], "an episode has two scores"),
        (
            lambda rows: rows.replace({"episode_id": {rows["episode_id"][219]: "f0/dog/d0/none/0"}}),
            "are not the manifest's",
        ),
        (lambda rows: rows.assign(J=rows["J"] + np.where(rows.index == 0, 0.1, 0)), "score: mean.J"),
    ],
)
def test_other_episodes_are_found_out(details, change, problem):
    other = shaped(details, change)
    changed = Entry(**RECORD | {"details": other, "details_sha256": other.digest})
    without = Details(other.episodes, GALLERY.empty_table())
    bare = Entry(**RECORD | {"details": without, "details_sha256": without.digest})
    assert check_entry(changed).problems
    assert any(problem in found for found in check_entry(bare).problems)


def test_frames_that_are_shown_are_those_that_the_scores_are_of(details):
    values = details.gallery["J"].to_pylist()
    frames = details.gallery.set_column(2, GALLERY.field("J"), pa.array([1 - values[0], *values[1:]]))
    other = Details(details.episodes, frames)
    (problem,) = check_entry(Entry(**RECORD | {"details": other, "details_sha256": other.digest})).problems
    assert "the mean of its frames" in problem
    fewer = Details(details.episodes, details.gallery.slice(0, 5))
    (problem,) = check_entry(Entry(**RECORD | {"details": fewer, "details_sha256": fewer.digest})).problems
    assert "other episodes are shown" in problem


def test_without_scores_or_manifest_it_is_said_what_could_not_be_checked(tmp_path):
    found = check_entry(entry({1: [(0.5, 0.7)], 2: [(0.3, 0.4)]}), tmp_path)
    assert found.problems == []
    assert len(found.unchecked) == 2
    (told,) = detailed({"copy": 0.0})
    found = check_entry(told, tmp_path)
    assert found.unchecked == ["which episodes and frames there are: its manifest is not here"]


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_a_run_makes_an_entry_that_follows_from_its_episodes_by_any_protocol(source, tmp_path, protocol):  # noqa: F811
    evaluate_method(request(source, tmp_path / "run", method="support-copy", protocol=protocol), RunOptions())
    (made,) = entries_from_runs(tmp_path / "run", lambda _: (0,))
    found = check_entry(made, source / "splits")
    assert (found.problems, found.unchecked) == ([], [])
    (fold,) = made.folds
    changed = fold.model_copy(update={"classes": (fold.classes[0], fold.classes[0].model_copy(update={"name": "cat"}))})
    assert check_entry(made.model_copy(update={"folds": (changed,)}), source / "splits").problems
    left = check_entry(made, tmp_path).unchecked
    assert len(left) == (1 if protocol == "standard" else 2)
