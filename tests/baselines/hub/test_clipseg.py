import numpy as np
import torch

from fsbench.methods import whole_masks
from fsbench_baselines.hub.clipseg import highlighted
from fsbench_baselines.hub.declarations import CLIPSEG
from fsbench_baselines.hub.declarations import CLIPSEG_SUPPORT
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from tests.baselines.hub.test_methods import clip
from tests.baselines.hub.test_methods import FOLD
from tests.baselines.hub.test_methods import support


def made(kind, models, **options):
    method = kind(checkpoint=models / "clipseg", device="cpu", side=32, **options)
    method.prepare(FOLD)
    return method


@torch.inference_mode()
def test_encoding_a_frame_once_gives_what_the_whole_model_gives(models):
    method, query = made(CLIPSEG, models), clip(frames=1)
    tokens = method.tokenizer(["the left dog"], return_tensors="pt")
    pixels = normalised(query.frames, (32, 32), IMAGENET)
    whole = method.model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], pixel_values=pixels)
    (activations,) = method._activations(query)
    logits = method.model.decoder(activations, method.embed_text("the left dog")).logits
    torch.testing.assert_close(logits.view(-1), whole.logits.view(-1))
    expected = masks_from(whole.logits.sigmoid().view(1, 32, 32), (24, 32), 0.5)
    np.testing.assert_array_equal(whole_masks(method.segment(None, query, ["the left dog"]))[0], expected)


@torch.inference_mode()
def test_the_condition_is_the_mean_of_sentence_and_support(models):
    method = made(CLIPSEG_SUPPORT, models)
    text, adapted = method.embed_text("the dog"), method.adapt(support())
    assert not torch.allclose(text, adapted)
    torch.testing.assert_close(method.condition(adapted, text), (text + adapted) / 2)
    nothing = method.adapt(support(np.zeros((2, 20, 30), bool)))
    assert torch.equal(method.condition(nothing, text), text)


@torch.inference_mode()
def test_a_sentence_is_cut_at_the_text_encoder_s_limit(models):
    method = made(CLIPSEG, models)
    long = "the dog " * 20
    assert torch.equal(method.embed_text(long), method.embed_text(long + "left cat"))
    assert not torch.equal(method.embed_text("the dog"), method.embed_text("the cat"))


def test_a_support_object_is_cut_out_before_a_dark_ground():
    frame, mask = np.full((40, 60, 3), 200, np.uint8), np.zeros((40, 60), bool)
    mask[10:20, 30:50] = True
    shown = highlighted(frame, mask)
    assert shown.shape == (16, 26, 3)
    assert (shown[3:-3, 3:-3] == 200).all()
    assert (shown[0] == 20).all()
    assert highlighted(frame, np.ones_like(mask)).shape == frame.shape
