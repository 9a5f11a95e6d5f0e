import pytest

from fsbench.errors import ManifestError
from fsbench.splits.benchmark import open_benchmark
from fsbench.submissions.asked import asked_episodes
from fsbench.submissions.reference import SequenceKey
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    base = tmp_path_factory.mktemp("asked")
    write_benchmark(base, {"dog": 4, "cat": 4}, draws=2, frames=2)
    return open_benchmark("mini-ref-davis", base, base / "splits")


def answers(benchmark, draw, *, named):
    rows = benchmark.manifest.rows("episodes")
    return {
        SequenceKey(draw if named else None, row["video_id"], row["expression_id"])
        for row in rows
        if draw in (None, row["draw"])
    }


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("draw", [0, 1])
def test_masks_of_one_draw_are_known_by_their_draw_or_by_what_they_answer(benchmark, draw, named):
    asked = asked_episodes(benchmark, (), (), answers(benchmark, draw, named=named))
    assert asked.draws == (draw,)
    assert {episode.draw for episode in asked.episodes} == {draw}
    assert asked.tells_draws == named
    assert asked.notes == [
        f"Of draw {draw} alone, as the predictions are; the benchmark has 2 draws. --draws asks for others."
    ]


def test_masks_without_draws_of_every_video_or_with_a_gap_count_for_every_draw(benchmark):
    every = answers(benchmark, None, named=False)
    for predicted in (every, set(sorted(every)[1:])):
        asked = asked_episodes(benchmark, (), (), predicted)
        assert asked.draws == (0, 1)
        assert [note.split(":")[0] for note in asked.notes] == ["The predictions have no draw-<d> level"]


def test_what_a_user_names_is_asked_for_whatever_was_predicted(benchmark):
    asked = asked_episodes(benchmark, (0,), (1,), answers(benchmark, 0, named=True))
    assert {episode.draw for episode in asked.episodes} == {1}
    assert not asked.notes


@pytest.mark.parametrize(
    ("folds", "draws", "what"), [((9,), (), "no fold 9"), ((), (7,), "no draw 7; its draws are 0, 1")]
)
def test_a_fold_or_draw_that_is_not_there_is_an_error(benchmark, folds, draws, what):
    with pytest.raises(ManifestError, match=what):
        asked_episodes(benchmark, folds, draws, answers(benchmark, 0, named=True))
