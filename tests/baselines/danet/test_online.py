from copy import deepcopy

import pytest
import torch

from fsbench_baselines.danet.losses import cross_entropy
from fsbench_baselines.danet.losses import overlap_loss
from fsbench_baselines.danet.online import learn_support
from fsbench_baselines.danet.online import OnlineLearning
from tests.baselines.danet.samples import small_model
from tests.baselines.danet.samples import tensors

FAST = {"lr": 1e-3, "enough": 0.99}


@pytest.fixture
def model():
    return small_model(seed=1)


@pytest.fixture
def shots():
    _, frames, masks = tensors(shots=3)
    return frames[0], masks[0]


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_it_equals_training_the_whole_model_on_one_frame_after_the_other(model, shots):
    frames, masks = shots
    level = learn_support(model, *shots, OnlineLearning(steps=2, **FAST))
    plain = deepcopy(model)
    kernels = [p for p in plain.encoder.layer3.parameters() if p.dim() == 4]
    optimizer = torch.optim.Adam(kernels, lr=1e-3, weight_decay=5e-4)
    for _ in range(2):
        for shot in range(len(frames)):
            predicted = plain(frames[None, shot : shot + 1], frames[None], masks[None])
            true = masks[None, shot : shot + 1]
            plain.zero_grad()
            (cross_entropy(predicted, true, 0.1) + overlap_loss(predicted, true)).sum().backward()
            optimizer.step()
    expected = plain.encoder.layer3.state_dict()
    for name, tensor in level.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=2e-5)


def test_only_the_kernels_of_the_last_level_learn_and_the_model_stays(model, shots):
    before = state_of(model)
    level = learn_support(model, *shots, OnlineLearning(steps=1, **FAST))
    after, base = level.state_dict(), model.encoder.layer3.state_dict()
    moved = {name for name in base if not torch.equal(base[name], after[name])}
    assert moved == {name for name, parameter in level.named_parameters() if parameter.dim() == 4}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not level.training


def test_batch_norms_of_the_released_backbone_keep_their_statistics(shots):
    model = small_model(backbone="resnet50")
    frames, masks = shots
    level = learn_support(model, frames[:1], masks[:1], OnlineLearning(steps=1, **FAST))
    base = model.encoder.layer3.state_dict()
    same = [name for name, tensor in level.state_dict().items() if torch.equal(tensor, base[name])]
    assert {name.rsplit(".", 1)[1] for name in same} >= {"running_mean", "running_var", "num_batches_tracked"}
    assert len(same) == sum(tensor.dim() < 4 for tensor in base.values())


def test_a_model_that_knows_the_support_learns_nothing(model, shots):
    assert learn_support(model, *shots, OnlineLearning(enough=-1.0)) is None


def test_it_stops_at_the_first_look_that_finds_enough(model, shots, monkeypatch):
    looks = iter([0.1] + [0.2] * 3 + [0.4] * 15 + [0.9] * 15)  # first; pass 0; passes 1 to 5; passes 6 to 10
    monkeypatch.setattr("fsbench_baselines.danet.online._similarity", lambda *_: next(looks))
    learn_support(model, *shots, OnlineLearning(steps=30, lr=1e-5))
    assert next(looks, None) is None


def test_learning_lowers_the_loss_on_the_support(model, shots):
    frames, masks = shots
    level = learn_support(model, *shots, OnlineLearning(steps=6, **FAST))

    def loss():
        with torch.no_grad():
            predicted = model(frames[None], frames[None], masks[None])
        return (cross_entropy(predicted, masks[None], 0.1) + overlap_loss(predicted, masks[None])).item()

    before = loss()
    model.encoder.layer3 = level
    assert loss() < before


def test_the_same_support_is_learnt_in_the_same_way(model, shots):
    one, other = (learn_support(model, *shots, OnlineLearning(steps=2, **FAST)) for _ in range(2))
    assert all(torch.equal(tensor, one.state_dict()[name]) for name, tensor in other.state_dict().items())
