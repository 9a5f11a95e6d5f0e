import numpy as np
import pytest
import torch

from fsbench.masks.rle import decode_masks
from fsbench.methods import whole_masks
from fsbench_baselines.hub.declarations import GROUNDED_SAM2
from fsbench_baselines.hub.following import follow
from tests.baselines.hub.test_methods import clip
from tests.baselines.hub.test_methods import FOLD


@pytest.fixture(scope="module")
def method(models):
    method = GROUNDED_SAM2(checkpoint=models / "grounded", device="cpu", short_side=72)
    method.prepare(FOLD)
    return method


def words(method, sentence):
    return method.tokenizer.convert_ids_to_tokens(method.tokens(sentence)[0].tolist())


def test_a_sentence_is_one_phrase_that_ends_with_a_stop_within_the_limit(method):
    assert words(method, "the dog. left?") == ["[CLS]", "the", "dog", "left", ".", "[SEP]"]
    cut = words(method, "the dog " * 30)
    assert len(cut) == 12
    assert cut[-2:] == [".", "[SEP]"]


@torch.inference_mode()
def test_the_best_box_is_within_the_frame_and_another_sentence_has_another(method):
    (t, one), (_, other) = (method.best_box(clip(), sentence) for sentence in ("the dog", "left cat"))
    assert t in (0, 1)
    for found in (one, other):
        assert bool(((found.points >= 0) & (found.points <= 1)).all())
        assert found.labels.tolist() == [2, 3]
    assert not torch.equal(one.points, other.points)


def test_the_best_box_is_followed(method):
    query = clip(frames=3)
    with torch.inference_mode():
        expected = follow(method.segmenter, query, dict([method.best_box(query, "the dog")]))
    found = whole_masks(method.segment(None, query, ["The  dog", "left cat"]))
    np.testing.assert_array_equal(found[0], decode_masks([each.mask for each in expected], 24, 32))
