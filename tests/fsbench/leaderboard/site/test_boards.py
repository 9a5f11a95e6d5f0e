import re
from dataclasses import replace

import pyarrow as pa
import pytest

from fsbench.errors import RunError
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.shelf import read_entry
from fsbench.leaderboard.site import compare
from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site import standalone_page
from fsbench.leaderboard.site.attributes import attribute_data
from fsbench.leaderboard.site.boards import draw_means
from fsbench.leaderboard.site.episodes import gallery_page_text
from fsbench.masks.rle import decode_masks
from fsbench.splits.ids import parse_episode_id
from tests.conftest import ROOT
from tests.fsbench.leaderboard.samples import GALLERY
from tests.fsbench.leaderboard.site import samples


def board_of(boards, dataset):
    return next(board for board in boards if board.table.dataset == dataset)


def test_there_is_a_board_for_each_table_with_its_methods_in_order(boards):
    assert [board.table.dataset for board in boards][1:] == ["mini-ref-davis", "mini-ref-shapes"]
    assert board_of(boards, "mini-ref-shapes").methods[0] == "close"


def test_a_gallery_holds_the_same_episodes_for_all_methods_with_truth_and_masks(boards):
    board = board_of(boards, "mini-ref-shapes")
    assert len(board.gallery) == samples.PER_CLASS * len(samples.CLASSES)
    view = board.gallery[0]
    assert [answer.title for answer in view.answers] == board.methods
    assert view.query.sentence
    assert view.support[0].sentence
    truth = decode_masks([mask.counts for mask in view.query.masks], *view.query.size)
    found = decode_masks([mask.counts for mask in view.answers[0].masks], *view.query.size)
    assert truth.any()
    assert (found[:, :, 2:] == truth[:, :, :-2]).all()


def test_without_pixels_there_are_names_and_scores(boards):
    (view,) = board_of(boards, "mini-ref-davis").gallery
    assert view.query.masks is None
    assert view.query.sentence is None
    assert len(view.answers[0].scores["J"]) == len(view.query.names)


def test_without_the_manifest_there_is_no_gallery(boards):
    board = boards[0]
    assert board.manifest is None
    assert board.gallery == ()
    assert not board.is_compared


def test_a_page_that_compares_tells_at_most_so_many_episodes_of_whole_videos_and_says_so(boards, monkeypatch):
    board = board_of(boards, "mini-ref-shapes")
    ids, seen = [*board.scores.index], {view.query.video_id for view in board.gallery}
    text = compare.compare_page_text(board)
    assert all(f'"{each}"' in text for each in ids)
    assert "SHA-256" not in text
    monkeypatch.setattr(compare, "_MOST_EPISODES", len(ids) * 2 // 3)
    part = [ids[place] for place in compare._told(ids, seen)]
    videos = {parse_episode_id(each).video_id for each in part}
    assert seen <= videos
    assert part == [each for each in ids if parse_episode_id(each).video_id in videos]
    assert len(ids) // 3 < len(part) <= len(ids) * 2 // 3
    text = compare.compare_page_text(board)
    assert f"There are {len(ids):,} episodes" in text
    assert f"listed are {len(part):,}, all of some videos" in text
    assert not any(f'"{each}"' in text for each in set(ids) - set(part))


def test_draw_means_average_sentences_videos_and_classes_in_turn(boards):
    board = board_of(boards, "mini-ref-shapes")
    means = draw_means(board, 0)
    assert sorted(means.columns) == sorted(samples.CLASSES)
    scores = board.scores[0]
    chosen = scores[scores.index.str.startswith("f1/dax/d3/")]
    by_video = ((chosen.J + chosen.F) / 2).groupby(chosen.index.str.split("/").str[3]).mean()
    assert means.loc[3, "dax"] == pytest.approx(by_video.mean(), abs=1e-12)


def test_an_entry_without_scores_of_episodes_has_no_draw_means():
    whole, bare = (samples.shapes_entry(name, 2) for name in ("whole", "bare"))
    (board,) = make_boards([whole, bare.model_copy(update={"details": None})], ROOT / "splits")
    assert [draw_means(board, i).empty for i in range(2)] == [board.methods[i] == "bare" for i in range(2)]


def broken(**changes):
    good = samples.shapes_entry("close", 2)
    rows = [row | changes if i == 1 else row for i, row in enumerate(good.details.gallery.to_pylist())]
    details = Details(good.details.episodes, pa.Table.from_pylist(rows, schema=GALLERY))
    return good.model_copy(update={"details": details})


@pytest.mark.parametrize("changes", [{"counts": b"xyz"}, {"height": 1 << 30, "width": 1 << 30}, {"frame": "00001"}])
def test_a_damaged_gallery_is_refused(changes):
    (board,) = make_boards([broken(**changes)], ROOT / "splits")
    with pytest.raises(RunError, match="gallery of 'close'"):
        _ = board.gallery


def test_a_board_has_the_attributes_that_tell_its_episodes_apart(boards, made_runs):
    assert [found.attribute.name for found in board_of(boards, "mini-ref-shapes").breakdowns] == ["has_motion", "words"]
    assert board_of(boards, "mini-ref-davis").breakdowns == ()
    (board,) = make_boards(made_runs.entries["standard"].values(), made_runs.splits)
    assert [found.attribute.name for found in board.breakdowns] == ["has_spatial", "absent_frames"]


def test_with_a_data_root_attributes_are_told_from_the_sentences_there(test_data):
    path = ROOT / "leaderboard/entries/mini-ref-davis/empty.json"
    entry = read_entry(path.parents[1], path)
    assert [bool(make_boards([entry], ROOT / "splits", root)[0].breakdowns) for root in (None, test_data)] == [0, 1]


def test_entries_of_other_sentences_are_shown_without_slices(boards, caplog):
    board = board_of(boards, "mini-ref-shapes")
    few = dict(list(board.slicer.attributes.items())[:10])
    assert replace(board, slicer=replace(board.slicer, attributes=few)).breakdowns == ()
    assert "is shown without slices" in caplog.text


def test_pages_have_the_scores_that_tables_have_to_the_bit(boards):
    board = board_of(boards, "mini-ref-shapes")
    (motion, words) = attribute_data(board, board.table.names, [1])
    assert (words["name"], words["about"]) == ("words", "Number of its words.")
    (row,) = words["rows"]
    assert row["scores"]["J&F"][-1] == board.table.rows[1].cells[-1].value
    assert sum(row["episodes"][:-1]) == row["episodes"][-1] == len(board.table.rows[1].entry.details.table)
    assert motion["slices"] == {
        "no": motion["rows"][0]["episodes"][0],
        "yes": motion["rows"][0]["episodes"][1],
        "all": row["episodes"][-1],
    }


def test_the_best_of_an_episode_is_no_oracle():
    close, oracle = samples.shapes_entry("close", 2), samples.shapes_entry("oracle-class", 2)
    for entries, best in (([close, oracle], {"close"}), ([oracle], set())):
        (board,) = make_boards(entries, ROOT / "splits")
        assert set(re.findall(r"<small>best [0-9.]+, (.*?)</small>", gallery_page_text(board))) == best


def test_there_is_play_only_where_there_is_more_than_a_frame(boards):
    view = board_of(boards, "mini-ref-shapes").gallery[0]
    query = replace(view.query, names=view.query.names[:1], masks=view.query.masks[:1])
    answers = tuple(
        replace(each, masks=each.masks[:1], scores={name: values[:1] for name, values in each.scores.items()})
        for each in view.answers
    )
    pages = [
        standalone_page(each, "set", "{}/{}".format) for each in (view, replace(view, query=query, answers=answers))
    ]
    assert ['id="play"' in page for page in pages] == [True, False]
    assert all('id="show-mask"' in page for page in pages)
