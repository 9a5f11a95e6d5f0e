import numpy as np
import pytest

from fsbench import api
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.datasets.shapes import render_named
from fsbench.datasets.shapes import SHIPPED
from fsbench.errors import PluginError
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.rendering import render
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.methods.contract import Clip
from fsbench.methods.contract import MethodInfo
from fsbench.methods.registry import find_method
from fsbench_baselines.oracles import _chosen
from fsbench_baselines.oracles import _Look
from fsbench_baselines.oracles import _looks
from fsbench_baselines.oracles import ClassObjects
from fsbench_baselines.oracles import SentenceReader
from tests.fsbench.leaderboard.samples import detailed

VIDEOS = [f"{word}-{number:02d}" for word in ("mamdit", "bimir", "nalt", "gadav", "viboz") for number in range(6)]


def answers(video):
    """Of what kind each sentence of a drawn video is, and in which of 40 draws the reader finds who is meant."""
    outlines = {number: video.owners == number for number in range(1, len(video.objects) + 1)}
    looks = _looks({one: mask for one, mask in outlines.items() if mask.any()}, video.frames)
    for (said, meant), kind in zip(video.sentences, video.kinds, strict=True):
        yield kind, [_chosen(looks, said, f"{draw}/{video.video_id}") == meant for draw in range(40)]


def test_sentences_that_tell_are_read_and_those_that_do_not_are_guessed():
    found = {NEEDED: [], NOT_NEEDED: []}
    for name in VIDEOS:
        for kind, right in answers(render_named(SHIPPED, name)):
            found[kind].append(np.mean(right))
    assert np.mean(found[NOT_NEEDED]) > 0.85
    assert 0.2 < np.mean(found[NEEDED]) < 0.6  # one of two or three that fit


def look(colour="red", side=0.2, place=(0.5, 0.5), motion=(0.0, 0.0)):
    return _Look(colour, side, np.array(place), np.array(motion))


@pytest.mark.parametrize(
    ("sentence", "looks"),
    [
        ("the red dax", [look("blue"), look("green"), look("red")]),
        ("a Gray cat", [look("black"), look("grey")]),
        ("the small dax", [look(side=0.3), look(side=0.2)]),
        ("the big red dax", [look(side=0.2), look("blue", side=0.4), look(side=0.3)]),
        ("the dax on the left", [look(place=(0.5, 0.7)), look(place=(0.5, 0.2))]),
        ("the dax near the bottom", [look(place=(0.3, 0.5)), look(place=(0.8, 0.5))]),
        ("the dax moving up", [look(motion=(0.3, 0.0)), look(motion=(-0.3, 0.0))]),
        ("the dax that stays still", [look(motion=(0.0, 0.3)), look(motion=(0.0, 0.01))]),
    ],
)
def test_the_object_that_fits_is_chosen_whatever_the_draw(sentence, looks):
    fitting = dict(enumerate(looks))
    assert {_chosen(fitting, sentence, str(draw)) for draw in range(20)} == {len(looks) - 1}


def test_what_is_left_open_is_chosen_among_all_that_fit_and_the_same_again():
    looks = {1: look(), 2: look(), 3: look("blue")}
    first = [_chosen(looks, "the red dax", str(draw)) for draw in range(50)]
    assert set(first) == {1, 2}
    assert first == [_chosen(looks, "the red dax", str(draw)) for draw in range(50)]
    assert _chosen({}, "the red dax", "0") is None


@pytest.mark.parametrize("oracle", [ClassObjects, SentenceReader])
def test_without_the_truth_there_is_no_answer(oracle):
    method = oracle()
    with pytest.raises(PluginError, match="must be given the truth"):
        next(method.segment(None, Clip(np.zeros((1, 4, 4, 3), np.uint8)), ["a dax"]))


def test_only_oracles_are_called_so_and_all_of_them_are():
    info = MethodInfo("oracle-of-mine", "1", "Says that it is one.")
    named = type("Named", (ClassObjects,), {"info": info, "reads_truth": False})
    hidden = type("Hidden", (ClassObjects,), {"info": MethodInfo("mine", "1", "Hides that it is one.")})
    for factory in (named, hidden):
        with pytest.raises(PluginError, match="the name of what reads the truth begins with 'oracle-'"):
            find_method(factory).reads_truth  # noqa: B018
    assert find_method("oracle-class").reads_truth
    assert not find_method("empty").reads_truth


def test_on_real_videos_the_class_is_all_of_its_objects(test_data, tmp_path):
    bench = api.open_benchmark("mini-ref-davis", test_data)
    run = api.evaluate("oracle-class", bench, draws=[0], limit=2, out=tmp_path / "class")
    one_object = run.to_frame("episode")
    assert (one_object["J"] == 1).all()  # its videos have one annotated object of their class each
    again = api.evaluate("oracle-sentence", bench, draws=[0], limit=2, out=tmp_path / "sentence")
    assert set(again.to_frame("episode")["J"].round()) <= {0.0, 1.0}


def test_an_oracle_has_no_rank_and_no_place_and_a_line_below_the_table():
    entries = detailed({"good": 0.1, "oracle-sentence": 0.2, "bad": -0.2})
    (table,) = leaderboard_tables(entries)
    oracle, good, bad = table.rows
    assert Entry.is_oracle.fget(oracle.entry)
    assert (oracle.rank, good.rank, bad.rank) == (None, "a", "b")
    assert [row.cells[-1].place for row in table.rows] == [None, 1, 2]
    low, high = oracle.cells[-1].interval
    text = f"knows no class has {100 * oracle.cells[-1].value:.1f} J&F [{100 * low:.1f}, {100 * high:.1f}]."
    assert table.ceilings[0].endswith(text)
    assert text.split(" J")[0] in render(entries, "md")
    assert text.split(" J")[0] in render(entries, "latex")
