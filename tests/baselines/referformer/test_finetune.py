"""Fine-tuning on a support set: what it changes, and what it must leave alone."""

import numpy as np
import pytest
import torch

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench_baselines.referformer.declarations import FinetuneOptions
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.finetune import FinetuneMethod
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import Start
from tests.baselines.referformer.training_samples import clip as training_clip
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES

FOLD = Fold("mini-ref-shapes", 1, ("dog",), ("cat",))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    build_task(recipe(model={**MODEL, "dropout": 0.1, "short_side": 32}), Start(sentences=SENTENCES)).save(folder)
    return folder


def make(checkpoint, **options):
    method = FinetuneMethod(
        FinetuneOptions(checkpoint=checkpoint, **{"device": "cpu", "steps": 3, "lr": 0.01, **options})
    )
    method.prepare(FOLD)
    return method


def support(seed=0, frames=2):
    clip = training_clip(frames=frames, seed=seed)
    return Support((Shot(clip.frames, clip.masks, clip.sentence),))


def query():
    return Clip(training_clip(frames=2, seed=5).frames)


def state(method):
    return {name: tensor.clone() for name, tensor in method.model.state_dict().items()}


def outputs(method, adapted):
    """Mask logits of all queries: finer than masks, which random weights make flat."""
    seen = []
    original = method.model.segment
    method.model.segment = lambda *args, **named: seen.append(original(*args, **named)) or seen[-1]
    whole_masks(method.segment(adapted, query(), SENTENCES[:2]))
    method.model.segment = original
    return torch.cat(seen)


def test_the_first_support_set_gives_the_same_after_a_second_and_the_base_stays(checkpoint):
    method = make(checkpoint)
    before = state(method)
    first, second = method.adapt(support(1)), method.adapt(support(2))
    fresh = make(checkpoint)
    again = fresh.adapt(support(1))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(outputs(method, first), outputs(fresh, again))
    assert not torch.equal(outputs(method, first), outputs(method, second))
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.model.state_dict().items())


def test_draws_share_a_clip_without_sharing_features(checkpoint):
    method = make(checkpoint, frozen="")
    shared = query()
    for adapted in (method.adapt(support(1)), {}, method.adapt(support(2))):
        shared_masks = whole_masks(method.segment(adapted, shared, SENTENCES))
        assert np.array_equal(shared_masks, whole_masks(method.segment(adapted, query(), SENTENCES)))


def test_only_what_is_not_frozen_is_trained_and_returned(checkpoint):
    method = make(checkpoint)
    names = {name for name, _ in method.model.named_parameters()}
    base = state(method)
    adapted = method.adapt(support())
    assert set(adapted) == {name for name in names if not name.startswith(("backbone", "text_encoder"))}
    assert any(not torch.equal(adapted[name], base[name]) for name in adapted)
    assert all(tensor.device.type == "cpu" and not tensor.requires_grad for tensor in adapted.values())
    everything = make(checkpoint, frozen="")
    assert set(everything.adapt(support())) == names
    heads = make(checkpoint, frozen="backbone, text_encoder, transformer").adapt(support())
    assert not any(name.startswith("transformer") for name in heads)


def test_steps_lower_the_loss_on_the_support(checkpoint):
    losses = []

    class Noting(FinetuneMethod):
        def _train(self, task, parameters, batches):
            original = task.loss

            def loss(*args):
                found = original(*args)
                losses.append(found["total"].item())
                return found

            task.loss = loss
            super()._train(task, parameters, batches)

    method = Noting(FinetuneOptions(checkpoint=checkpoint, device="cpu", steps=12, lr=2e-3))
    method.prepare(FOLD)
    method.adapt(support())
    assert np.mean(losses[-3:]) < 0.9 * losses[0]


def test_no_object_or_no_steps_is_the_model_as_it_is(checkpoint):
    plain = REFERFORMER(checkpoint=checkpoint, device="cpu")
    plain.prepare(FOLD)
    (shot,) = support().shots
    empty = Support((Shot(shot.frames, np.zeros_like(shot.masks), shot.sentence),))
    method = make(checkpoint)
    method.adapt(support())
    for one, given in ((method, empty), (make(checkpoint, steps=0), support())):
        assert one.adapt(given) == {}
        assert torch.equal(outputs(one, {}), outputs(plain, None))


def test_randomness_stays_inside(checkpoint):
    method = make(checkpoint)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = method.adapt(support())
    assert torch.equal(torch.rand(1), expected)
    other = make(checkpoint, seed=1).adapt(support())
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_an_error_leaves_the_base_weights_and_the_mode(checkpoint, monkeypatch):
    method = make(checkpoint)
    before = state(method)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *args, **named: method.model.bbox_embed.train(1 / 0))
    with pytest.raises(ZeroDivisionError):
        method.adapt(support())
    assert not method.model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.model.state_dict().items())


def test_long_supports_are_cut_and_parts_without_the_object_left_out(checkpoint):
    method = make(checkpoint, max_frames=2)
    clip = training_clip(frames=5, hidden=(2, 3))
    parts = list(method._clips(Shot(clip.frames, clip.masks, clip.sentence)))
    assert [len(part.frames) for part in parts] == [2, 1]
    assert all(part.frames.shape[1] == 32 and part.masks.shape == part.frames.shape[:3] for part in parts)
