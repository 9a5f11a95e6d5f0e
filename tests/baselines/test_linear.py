import pytest
import torch
from torch import nn

from fsbench_baselines import linear as module
from fsbench_baselines.linear import Conv2d
from fsbench_baselines.linear import Linear
from fsbench_baselines.linear import linear

onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is without oneDNN")


@pytest.fixture
def calls(monkeypatch):
    """Shapes of what went to oneDNN's operator."""
    seen = []
    operator = torch.ops.mkldnn._linear_pointwise
    patched = lambda x, *others: seen.append(tuple(x.shape)) or operator(x, *others)  # noqa: E731
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", patched)
    return seen


@onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 7), (1, 7), (2, 5, 3, 7)])
def test_linear_equals_that_of_torch(calls, shape, bias):
    torch.manual_seed(0)
    layer, x = Linear(7, 4, bias=bias), torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), nn.Linear.forward(layer, x), rtol=1e-5, atol=1e-6)
        turned = x.mT.contiguous().mT
        torch.testing.assert_close(layer(turned), nn.Linear.forward(layer, x), rtol=1e-5, atol=1e-6)
    assert calls == [shape, shape]


@onednn
@pytest.mark.parametrize("settings", [{}, {"stride": 2}, {"bias": False}, {"stride": (2, 3)}])
def test_a_convolution_of_one_position_is_linear(calls, settings):
    torch.manual_seed(0)
    layer, maps = Conv2d(6, 5, 1, **settings), torch.randn(2, 6, 7, 8)
    with torch.inference_mode():
        expected = nn.Conv2d.forward(layer, maps)
        for each in (maps, maps.contiguous(memory_format=torch.channels_last)):
            torch.testing.assert_close(layer(each), expected, rtol=1e-5, atol=1e-6)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "settings", [{"kernel_size": 3}, {"kernel_size": 1, "padding": 1}, {"kernel_size": 1, "groups": 2}]
)
def test_other_convolutions_are_those_of_torch(calls, settings):
    layer, maps = Conv2d(6, 4, **settings), torch.randn(2, 6, 7, 8)
    with torch.inference_mode():
        assert torch.equal(layer(maps), nn.Conv2d.forward(layer, maps))
    assert not calls


def test_with_a_gradient_and_in_other_types_torch_computes(calls):
    layer, x = Linear(7, 4), torch.randn(3, 7)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    frozen = Linear(7, 4).requires_grad_(False)
    frozen(x.clone().requires_grad_()).sum().backward()
    with torch.inference_mode():
        assert Linear(7, 4).bfloat16()(x.bfloat16()).dtype == torch.bfloat16
        assert linear(x[:0], layer.weight, layer.bias).shape == (0, 4)
    assert not calls


def test_under_autocast_torch_computes(calls):
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert Linear(7, 4)(torch.randn(3, 7)).dtype == torch.bfloat16
        assert Conv2d(7, 4, 1)(torch.randn(1, 7, 2, 2)).dtype == torch.bfloat16
    assert not calls


@onednn
def test_frozen_layers_are_fast_in_training_too(calls):
    Linear(7, 4).requires_grad_(False)(torch.randn(3, 7))
    assert calls == [(3, 7)]


def test_without_onednn_torch_computes(monkeypatch, calls):
    monkeypatch.setattr(module.torch.backends.mkldnn, "is_available", lambda: False)
    with torch.inference_mode():
        assert Linear(7, 4)(torch.randn(3, 7)).shape == (3, 4)
    assert not calls
