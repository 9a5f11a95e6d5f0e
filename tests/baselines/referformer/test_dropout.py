import pytest
import torch

from fsbench_baselines.referformer.dropout import Dropout
from fsbench_baselines.referformer.dropout import dropout

NUMBER = 400_000


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def kept(rate, number=NUMBER):
    """Where elements were kept, float64 in {0, 1}."""
    return (dropout(torch.ones(number), rate, training=True) > 0).double()


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_rate_is_kept_and_so_is_the_mean(rate):
    assert kept(rate).mean().item() == pytest.approx(1 - rate, abs=5 * (rate * (1 - rate) / NUMBER) ** 0.5)
    mean = dropout(torch.full((NUMBER,), 3.0), rate, training=True).double().mean().item()
    assert mean == pytest.approx(3, abs=5 * 3 * (rate / (1 - rate) / NUMBER) ** 0.5)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8])
def test_neighbours_are_dropped_independently(lag):
    """Four neighbours share one draw of 64 bits."""
    centred = kept(0.3) - 0.7
    correlation = (centred[lag:] * centred[:-lag]).mean() / (0.3 * 0.7)
    assert abs(correlation) < 5 / NUMBER**0.5


def test_each_of_the_four_parts_of_a_draw_has_the_rate():
    parts = kept(0.1).view(-1, 4).mean(0)
    assert (parts - 0.9).abs().max() < 5 * (0.09 / (NUMBER / 4)) ** 0.5


def test_what_is_left_is_scaled_and_its_gradient_is_the_same():
    x = torch.randn(7, 5, 3, requires_grad=True)
    y = dropout(x, 0.25, training=True)
    y.sum().backward()
    assert x.grad.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(y, x * x.grad)
    assert 0 < (y == 0).sum() < y.numel()


def test_the_generators_seed_decides():
    x = torch.randn(1001)
    first, second = (dropout(x, 0.5, training=True) for _ in range(2))
    torch.manual_seed(0)
    x = torch.randn(1001)
    assert torch.equal(dropout(x, 0.5, training=True), first)
    assert not torch.equal(first, second)


def test_nothing_is_drawn_or_changed_without_need():
    x = torch.randn(10)
    state = torch.get_rng_state()
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0, training=True) is x
    assert Dropout(0.5).eval()(x) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_all_may_be_dropped_and_other_types_stay():
    assert dropout(torch.ones(5), 1.0, training=True).count_nonzero() == 0
    assert Dropout(0.5).train()(torch.ones(5, dtype=torch.bfloat16)).dtype == torch.bfloat16
