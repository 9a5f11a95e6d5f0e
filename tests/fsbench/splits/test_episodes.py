from hypothesis import given
from hypothesis import strategies as st

from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import Video
from fsbench.splits.episodes import draw_supports
from fsbench.splits.episodes import list_episodes
from fsbench.splits.episodes import repeated_draws
from fsbench.splits.episodes import SupportRule
from fsbench.splits.episodes import window
from fsbench.splits.selection import ClassRow

CAT = ClassRow(1, "cat", 2)
FRAMES = tuple(f"{t:02d}" for t in range(8))


def records(num_videos=4, frames=FRAMES):
    videos = [Video(f"v{i}", frames) for i in range(num_videos)]
    objects = [ObjectTrack(v.video_id, o, "cat", frames[o:]) for v in videos for o in (1, 2)]
    sentences = [Expression(v.video_id, str(e), (1 + e % 2,), f"cat {e}") for v in videos for e in range(4)]
    return videos, objects, sentences


def draw(rule, num_videos=4, row=CAT):
    videos, objects, sentences = records(num_videos)
    return draw_supports(row, videos, objects, sentences, rule), sentences


@given(st.integers(0, 30), st.integers(1, 12), st.integers(1, 40))
def test_a_window_holds_the_drawn_frame_and_has_its_length(index, length, size):
    frames = [str(i) for i in range(size)]
    index = min(index, size - 1)
    taken = window(frames, index, length)
    assert len(taken) == length
    assert str(index) in taken
    assert list(taken) == sorted(taken, key=int)
    assert set(taken) <= set(frames)


def test_windows_are_those_of_the_released_code():
    assert window(FRAMES, 3, 5) == FRAMES[:5]
    assert window(FRAMES, 5, 5) == FRAMES[1:6]
    assert window(FRAMES, 7, 5) == FRAMES[3:]
    assert window(FRAMES[:2], 1, 5) == ("00", "01", "01", "01", "01")


@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 50))
def test_support_and_query_never_share_a_video(shots, frames, seed):
    rule = SupportRule(shots, frames, 3, seed)
    supports, sentences = draw(rule)
    episodes = list_episodes(CAT, supports, sentences, rule)
    for support in supports:
        taken = {shot.video_id for shot in support.shots}
        queries = [e for e in episodes if e["support_id"] == support.support_id]
        assert len(taken) == shots
        assert taken.isdisjoint(e["video_id"] for e in queries)
        assert len(queries) == 4 * (4 - shots)
        assert all(len(shot.frames) == frames for shot in support.shots)


def test_support_frames_show_the_object_that_the_sentence_names():
    for support in draw(SupportRule(2, 3, 20, 0))[0]:
        for shot in support.shots:
            (object_id,) = shot.object_ids
            assert object_id == 1 + int(shot.expression_id) % 2
            assert set(shot.frames) <= set(FRAMES[object_id:])


def test_more_draws_move_no_earlier_draw():
    assert draw(SupportRule(1, 5, 5, 0))[0][:2] == draw(SupportRule(1, 5, 2, 0))[0]


def test_draws_differ_and_follow_the_seed():
    supports, _ = draw(SupportRule(1, 1, 12, 0), num_videos=9)
    assert len({support.shots for support in supports}) > 6
    assert supports != draw(SupportRule(1, 1, 12, 1), num_videos=9)[0]


@given(st.integers(2, 9), st.integers(1, 4), st.integers(1, 12), st.integers(0, 20))
def test_draws_take_different_videos_as_long_as_there_are_any(num_videos, shots, draws, seed):
    shots = min(shots, num_videos - 1)
    supports, _ = draw(SupportRule(shots, 1, draws, seed), num_videos)
    taken = [[shot.video_id for shot in support.shots] for support in supports]
    assert all(len(set(videos)) == shots for videos in taken)
    count = num_videos // shots
    first = [video for videos in taken[:count] for video in videos]
    assert len(set(first)) == len(first)
    uses = [sum(video in videos for videos in taken) for video in {v for videos in taken for v in videos}]
    assert max(uses) - min(uses) <= 1 or draws * shots < num_videos


def test_which_videos_come_first_is_drawn():
    first = {draw(SupportRule(1, 1, 1, seed))[0][0].shots[0].video_id for seed in range(30)}
    assert first == {"v0", "v1", "v2", "v3"}


def test_three_videos_give_five_draws_three_support_sets_where_drawing_from_all_may_give_two():
    def counts(draws_from):
        rules = [SupportRule(1, 5, 5, seed, draws_from=draws_from) for seed in range(20)]
        return {len({s.shots[0].video_id for s in draw(rule, num_videos=3)[0]}) for rule in rules}

    assert counts("different videos") == {3}
    assert counts("all videos") == {2, 3}


def test_what_repeats_is_said_by_class():
    def rows(name, *videos):
        return [
            {"support_id": f"f0/{name}/d{i}", "shots": [{"video_id": v} for v in vs]} for i, vs in enumerate(videos)
        ]

    assert repeated_draws(rows("cat", "ab", "bc", "ac")) == ""
    said = repeated_draws(rows("cat", "ab", "ba", "ac") + rows("dog", "a", "b") + rows("owl", "a", "a"))
    assert said.endswith("by class: cat (2 of 3), owl (1 of 2).")


def test_a_class_that_cannot_leave_a_query_has_no_support():
    assert draw(SupportRule(4, 1, 1, 0))[0] == []


def test_objects_without_sentence_or_frames_are_not_drawn():
    videos, objects, sentences = records(3)
    sentences = [e for e in sentences if e.object_ids == (2,)]
    objects = [o._replace(frames=()) if o.video_id == "v0" else o for o in objects]
    for support in draw_supports(CAT, videos, objects, sentences, SupportRule(1, 2, 20, 0)):
        assert support.shots[0].object_ids == (2,)
        assert support.shots[0].video_id != "v0"


def test_episode_ids_say_where_they_belong():
    rule = SupportRule(1, 5, 1, 0)
    supports, sentences = draw(rule)
    episode = list_episodes(CAT, supports, sentences, rule)[0]
    assert episode["episode_id"] == "f2/cat/d0/{video_id}/{expression_id}".format(**episode)


def test_a_limit_of_queries_takes_the_same_videos_in_every_draw_but_for_those_of_the_support():
    def queried(limit, seed=0):
        rule = SupportRule(1, 2, 6, seed, limit)
        supports, sentences = draw(rule, num_videos=9)
        episodes = list_episodes(CAT, supports, sentences, rule)
        videos = {s.support_id: {e["video_id"] for e in episodes if e["support_id"] == s.support_id} for s in supports}
        return videos, {s.support_id: s.shots[0].video_id for s in supports}

    limited, support_of = queried(4)
    union = set().union(*limited.values())
    assert len(union) == 4
    assert all(limited[support_id] == union - {support_of[support_id]} for support_id in limited)
    everything, _ = queried(None)
    assert all(len(videos) == 8 for videos in everything.values())
    assert union <= set().union(*queried(5)[0].values())  # a higher limit only adds
    assert union != set().union(*queried(4, seed=1)[0].values())
