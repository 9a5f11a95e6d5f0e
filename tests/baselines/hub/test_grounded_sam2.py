import numpy as np
import pytest
import torch

from fsbench_baselines.hub.declarations import GROUNDED_SAM2
from fsbench_baselines.hub.grounded_sam2 import _Prompt
from tests.baselines.hub.test_methods import clip
from tests.baselines.hub.test_methods import FOLD


def made(models, **options):
    method = GROUNDED_SAM2(checkpoint=models / "grounded", device="cpu", short_side=72, **options)
    method.prepare(FOLD)
    return method


@pytest.fixture(scope="module")
def method(models):
    return made(models)


def words(method, sentence):
    return method.tokenizer.convert_ids_to_tokens(method.tokens(sentence)[0].tolist())


def test_a_sentence_is_one_phrase_that_ends_with_a_stop_within_the_limit(method):
    assert words(method, "the dog. left?") == ["[CLS]", "the", "dog", "left", ".", "[SEP]"]
    cut = words(method, "the dog " * 30)
    assert len(cut) == 12
    assert cut[-2:] == [".", "[SEP]"]


def test_following_visits_every_frame_both_ways_and_starts_pieces_where_the_object_was_last_seen(models, monkeypatch):
    method, started = made(models, max_frames=3), []

    class Session:
        def __init__(self, frames, prompt):
            self.frames = frames
            started.append((prompt.frame, prompt.mask is not None, len(frames)))

    def propagate(session, start):
        for frame in session.frames:
            seen = frame[0, 0, 0] != 5  # in frame 5 the object is hidden
            yield type("Seen", (), {"pred_masks": torch.full((1, 1, 2, 2), 1.0 if seen else -1.0)})()

    frames = np.zeros((9, 2, 2, 3), np.uint8) + np.arange(9, dtype=np.uint8)[:, None, None, None]
    monkeypatch.setattr(method, "_session", Session)
    monkeypatch.setattr(method.tracker, "propagate_in_video_iterator", propagate)
    box = _Prompt(3, box=torch.tensor([0.0, 0.0, 1.0, 1.0]))
    forwards = method.track(frames, range(3, 9), box)
    assert list(forwards) == [3, 4, 5, 6, 7, 8]
    assert [bool((logits > 0).all()) for logits in forwards.values()] == [True, True, False, True, True, True]
    assert started == [(3, False, 3), (4, True, 3), (7, True, 2)]
    assert sorted(method.track(frames, range(3, -1, -1), box)) == [0, 1, 2, 3]


@torch.inference_mode()
def test_the_best_box_is_within_the_frame_and_another_sentence_has_another(method):
    one, other = (method.best_box(clip(), sentence) for sentence in ("the dog", "left cat"))
    for found in (one, other):
        assert found.frame in (0, 1)
        assert bool(((found.box >= 0) & (found.box <= 1)).all())
    assert not torch.equal(one.box, other.box)
