import numpy as np
import pytest
import torch

from fsbench_baselines.danet.losses import cross_entropy
from fsbench_baselines.danet.losses import overlap
from fsbench_baselines.danet.losses import overlap_loss


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(2, 3, 4, 5, generator=generator)
    return probabilities, (torch.rand(2, 3, 4, 5, generator=generator) > 0.6).float()


@pytest.mark.parametrize("weight", [1.0, 0.1])
def test_cross_entropy_is_the_mean_over_pixels(clips, weight):
    for value, probabilities, masks in zip(cross_entropy(*clips, weight), *clips, strict=True):
        p, m = probabilities.double().numpy(), masks.double().numpy()
        terms = np.where(m > 0, -np.log(p + 1e-3), -weight * np.log(1 - p + 1e-3))
        assert value.item() == pytest.approx(terms.mean(), rel=1e-5)


def test_overlap_is_that_of_soft_masks(clips):
    for clip, (probabilities, masks) in enumerate(zip(*clips, strict=True)):
        for frame in range(3):
            p, m = probabilities[frame].numpy(), masks[frame].numpy()
            expected = np.minimum(p, m).sum() / np.maximum(p, m).sum()
            assert overlap(*clips)[clip, frame].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(overlap_loss(*clips), 1 - overlap(*clips).mean(1))


def test_perfect_masks_cost_next_to_nothing_and_empty_ones_stay_finite(clips):
    masks = clips[1]
    assert overlap_loss(masks, masks).abs().max() < 1e-6
    assert cross_entropy(masks, masks).abs().max() < 2e-3
    nothing = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = overlap_loss(nothing, torch.zeros(1, 1, 4, 4)) + cross_entropy(nothing, torch.zeros(1, 1, 4, 4))
    loss.sum().backward()
    assert nothing.grad.isfinite().all()
    assert loss.item() == pytest.approx(1.0, abs=2e-3)
