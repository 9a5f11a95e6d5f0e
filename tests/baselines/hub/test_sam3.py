import pytest
import torch

from fsbench_baselines.hub.sam3 import join_tracks
from fsbench_baselines.hub.sam3 import noun_phrase
from fsbench_baselines.hub.sam3 import Track
from tests.baselines.hub.test_methods import make
from tests.baselines.test_contract import pixels


def row(start, stop):
    """Logits of a mask [1, 10] over some columns."""
    logits = torch.full((1, 10), -1.0)
    logits[:, start:stop] = 1.0
    return logits


def test_tracks_that_overlap_in_the_shared_frame_become_one():
    earlier = [Track(0.5, {0: row(0, 4), 1: row(0, 4)}), Track(0.9, {1: row(6, 9)})]
    later = [
        Track(0.3, {1: row(6, 10), 2: row(5, 9)}),
        Track(0.8, {1: row(0, 3), 2: row(1, 3)}),
        Track(0.4, {2: row(0, 1)}),
    ]
    one, other, new = join_tracks(earlier, later, 1)
    assert (one.score, other.score, new.score) == (0.8, 0.9, 0.4)
    assert [sorted(track.maps) for track in (one, other, new)] == [[0, 1, 2], [1, 2], [2]]
    assert torch.equal(one.maps[1], row(0, 4))  # the earlier one's mask in the shared frame


def test_each_track_has_one_partner_the_best():
    earlier = [Track(0.5, {1: row(0, 4)}), Track(0.5, {1: row(0, 5)})]
    joined = join_tracks(earlier, [Track(0.9, {1: row(0, 5), 2: row(0, 5)})], 1)
    assert [track.score for track in joined] == [0.5, 0.9]


def test_tracks_that_hardly_overlap_or_miss_the_shared_frame_stay_apart():
    earlier = [Track(0.5, {1: row(0, 5)}), Track(0.5, {0: row(0, 5)})]
    later = [Track(0.6, {1: row(3, 9)}), Track(0.7, {2: row(0, 5)})]
    assert [track.score for track in join_tracks(earlier, later, 1)] == [0.5, 0.5, 0.6, 0.7]


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("a brown dog running on the left", "a brown dog"),
        ("the man in a red shirt", "the man"),
        ("a person who walks", "a person"),
        ("the king", "the king"),
        ("on the left", "on the left"),
        ("a dog", "a dog"),
    ],
)
def test_the_noun_phrase_ends_before_what_is_said_of_it(sentence, phrase):
    assert noun_phrase(sentence) == phrase


@torch.inference_mode()
def test_what_is_found_in_a_frame_does_not_depend_on_how_many_come_after(models):
    method, query = make("sam3", models), pixels(5, 32, 44, seed=1)[0]  # the tiny model looks back over four frames
    whole = [track.maps for track in method.follow(query, range(5), "the dog")]
    for length in (2, 3):
        expected = [{t: logits for t, logits in maps.items() if t < length} for maps in whole]
        found = [track.maps for track in method.follow(query, range(length), "the dog")]
        for one, other in zip(found, filter(None, expected), strict=True):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[t], other[t]) for t in one)
