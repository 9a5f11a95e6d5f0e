"""Fine-tuning on a support set: what it changes, and what it must leave alone."""

from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import SupportVideo
from fsbench.methods import whole_masks
from fsbench_baselines.backbones import BACKBONES
from fsbench_baselines.backbones import ResNet
from fsbench_baselines.referformer.declarations import FinetuneOptions
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.declarations import ReleasedFinetuneOptions
from fsbench_baselines.referformer.finetune import FinetuneMethod
from fsbench_baselines.referformer.finetune import ReleasedFinetuneMethod
from fsbench_baselines.referformer.losses import Criterion
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


# ---- as the authors of CMA do ----


def make_released(checkpoint, **options):
    small = {"device": "cpu", "steps": 2, "epochs": 6, "max_frames": 4}
    method = ReleasedFinetuneMethod(ReleasedFinetuneOptions(checkpoint=checkpoint, **{**small, **options}))
    method.prepare(FOLD)
    return method


class Reel:
    """A support video of one class, whose pictures are as bright as their place, and what was asked of it."""

    def __init__(self, number, frames=9, sentences=("one", "two", "three")):
        self.number, self.asked = number, []
        self.pictures = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 40, 56, 3), np.uint8)
        self.video = SupportVideo(frames, sentences, self.shot)

    def shot(self, sentence, places):
        self.asked.append((sentence, tuple(places)))
        frames = self.pictures[list(places)] + np.uint8(100 * self.number)
        masks = np.zeros(frames.shape[:3], bool)
        masks[:, 8:30, 10:34] = True
        return Shot(frames, masks, SENTENCES[sentence])


@pytest.fixture
def reels():
    return [Reel(0), Reel(1)]


def of_reels(reels):
    return Support((), tuple((reel.video,) for reel in reels))


def test_each_epoch_has_so_many_steps_of_each_class_in_the_same_order(checkpoint, reels):
    method = make_released(checkpoint, steps=5)
    orders = [[]]
    factors = []
    for step in method.steps_on(of_reels(reels)):
        if len(orders[-1]) == 10:
            orders.append([])
        orders[-1].append(int(len(reels[0].asked) + 10 * len(reels[1].asked)))
        factors.append(step.factor)
    classes = [[after - before > 1 for before, after in zip((0, *o), o, strict=False)] for o in orders[:1]]
    assert Counter(classes[0]) == {False: 5, True: 5}
    steps = np.diff(np.array(orders).ravel(), prepend=0).reshape(6, 10)
    assert (steps == steps[0]).all(), "the order is drawn once"
    assert len(set(steps[0, :5])) == 2, "classes are mixed"
    assert factors == pytest.approx([1.0] * 30 + [0.1] * 20 + [0.01] * 10)


def test_frames_and_sentences_are_drawn_anew_from_the_whole_video(checkpoint, reels):
    method = make_released(checkpoint, steps=20)
    steps = list(method.steps_on(of_reels(reels)))
    assert len(steps) == 6 * 20 * 2
    asked = [each for reel in reels for each in reel.asked]
    assert {sentence for sentence, _ in asked} == {0, 1, 2}
    assert {places for _, places in asked} == {tuple(range(start, start + 5)) for start in range(5)}
    assert Counter(places[0] for _, places in asked)[0] > len(asked) / 3, "the first frames serve five draws of nine"
    assert len({step.clip.frames.shape[1:3] for step in steps}) > 10, "sizes vary"
    assert max(max(step.clip.frames.shape[1:3]) for step in steps) <= round(640 * 32 / 360)
    again = list(method.steps_on(of_reels(reels)))
    other = list(make_released(checkpoint, steps=20, seed=1).steps_on(of_reels(reels)))
    assert all(np.array_equal(a.clip.frames, b.clip.frames) for a, b in zip(steps, again, strict=True))
    assert any(a.clip.sentence != b.clip.sentence for a, b in zip(steps, other, strict=True))


def test_the_text_encoder_is_frozen_and_the_class_heads_are_new_and_alike(checkpoint, reels):
    method = make_released(checkpoint, steps=1, epochs=1, lr=0.0, backbone_lr=0.0)
    base = state(method)
    adapted = method.adapt(of_reels(reels))
    names = {name for name, _ in method.model.named_parameters()}
    assert set(adapted) == {name for name in names if not name.startswith("text_encoder")}
    changed = {name for name in adapted if not torch.equal(adapted[name], base[name])}
    assert changed == {f"class_embed.{layer}.weight" for layer in range(2)}
    assert torch.equal(adapted["class_embed.0.weight"], adapted["class_embed.1.weight"])
    assert all(torch.equal(tensor, base[name]) for name, tensor in method.model.state_dict().items())


def test_a_resnet_trains_from_its_second_level_beside_its_norms(tmp_path, reels, monkeypatch):
    monkeypatch.setitem(BACKBONES, "resnet_short", partial(ResNet, depths=(1, 1, 1, 1)))
    model = {**MODEL, "backbone": "resnet_short", "short_side": 32}
    build_task(recipe(model=model), Start(sentences=SENTENCES)).save(tmp_path)
    method = make_released(tmp_path, steps=1, epochs=1)
    assert any("running_var" in name for name in method.model.state_dict())
    adapted = method.adapt(of_reels(reels))
    parts = {name.split(".")[3] for name in adapted if name.startswith("backbone.0.body.")}
    assert parts == {"layer2", "layer3", "layer4"}


def test_steps_are_those_of_a_plain_loop(tmp_path, reels):
    build_task(recipe(model={**MODEL, "short_side": 32}), Start(sentences=SENTENCES)).save(tmp_path)
    method = make_released(tmp_path, steps=1, lr=1e-3, backbone_lr=5e-4)
    heads = make_released(tmp_path, steps=1, epochs=1, lr=0.0, backbone_lr=0.0).adapt(of_reels(reels))
    adapted = method.adapt(of_reels(reels))

    other = make_released(tmp_path, steps=1)
    model = other.model.train()
    model.requires_grad_(True)
    model.text_encoder.requires_grad_(False)
    model.load_state_dict({**model.state_dict(), **{n: w for n, w in heads.items() if n.startswith("class_embed")}})
    backbone = [p for n, p in model.named_parameters() if n.startswith("backbone.0")]
    rest = [p for n, p in model.named_parameters() if not n.startswith(("backbone.0", "text_encoder"))]
    groups = [{"params": rest}, {"params": backbone, "lr": 5e-4}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=5e-4, fused=True)  # which rounds as the method's
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    steps = iter(other.steps_on(of_reels(reels)))
    for _ in range(6):
        for _ in range(2):
            batch = other._batch(next(steps).clip)
            losses = Criterion()(model(batch.query, with_aux=True), batch.targets)
            optimizer.zero_grad()
            losses["total"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
        schedule.step()
    for name, parameter in model.named_parameters():
        if name in adapted:
            torch.testing.assert_close(adapted[name], parameter.detach(), rtol=0, atol=2e-6, msg=name)


def test_what_was_learnt_of_a_draw_serves_its_queries_by_chunks_of_twenty(checkpoint, reels):
    method = make_released(checkpoint, max_frames=None)
    adapted = method.adapt(of_reels(reels))
    assert not torch.equal(outputs(method, adapted), outputs(method, {}))
    lengths = [part.shape[1] for part in method.segment(adapted, Clip(training_clip(frames=23).frames), SENTENCES[:1])]
    assert lengths == [20, 3]


def test_classes_without_a_video_and_shots_without_an_object_teach_nothing(checkpoint, reels):
    method = make_released(checkpoint)
    assert list(method.steps_on(Support((), ((), (reels[1].video,), ())))) != []
    assert method.adapt(Support((), ((), ()))) == {}
    (shot,) = support().shots
    assert method.adapt(Support((Shot(shot.frames, np.zeros_like(shot.masks), shot.sentence),))) == {}
    assert len(list(method.steps_on(support()))) == 12
