import math

import pytest
import torch

from fsbench_baselines.referformer import deformable
from fsbench_baselines.referformer import sampling

SHAPES = [
    ((6, 8),),
    ((1, 1), (1, 5), (4, 1)),
    ((9, 13), (5, 7), (3, 4), (2, 2)),
]


def inputs(shapes, *, spread=0.3, frames=2, queries=37, heads=3, points=4, dim=8):
    """Values, locations around the middle of the maps, weights that sum to one."""
    generator = torch.Generator().manual_seed(0)
    positions = sum(height * width for height, width in shapes)
    value = torch.randn(frames, positions, heads, dim, generator=generator)
    rows = (frames, queries, heads, len(shapes), points)
    locations = 0.5 + spread * torch.randn(*rows, 2, generator=generator)
    weights = torch.rand(rows, generator=generator)
    return value, locations, weights / weights.sum((-1, -2), keepdim=True)


def assert_equal_to_grid_sample(value, locations, weights, shapes):
    expected = deformable.sample(value, locations, weights, shapes)
    torch.testing.assert_close(sampling.sample(value, locations, weights, shapes), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("spread", [0.1, 0.5, 20.0], ids=["inside", "around", "far outside"])
def test_tables_give_what_grid_sample_gives(shapes, spread):
    assert_equal_to_grid_sample(*inputs(shapes, spread=spread), shapes)


@pytest.mark.parametrize("shapes", SHAPES)
def test_borders_corners_and_middles_of_positions(shapes):
    value, locations, weights = inputs(shapes)
    height, width = shapes[0]
    x = torch.tensor([-0.5 / width, 0, 0.5 / width, 0.5, 1 - 0.5 / width, 1, 1 + 0.5 / width, 1 + 1 / width])
    y = torch.tensor([-0.5 / height, 0, 0.5 / height, 0.5, 1 - 0.5 / height, 1, 1 + 0.5 / height, 1 + 1 / height])
    grid = torch.cartesian_prod(x, y)
    picks = torch.arange(locations[..., 0].numel()) % len(grid)
    assert_equal_to_grid_sample(value, grid[picks].view_as(locations), weights, shapes)


def test_a_point_beyond_every_border_reads_zero():
    shapes = ((3, 4), (2, 2))
    value, locations, weights = inputs(shapes)
    for outside in (-1e9, -3.0, 3.0, 1e9):
        assert sampling.sample(value, torch.full_like(locations, outside), weights, shapes).count_nonzero() == 0


def test_more_queries_than_are_made_at_once():
    assert_equal_to_grid_sample(*inputs(((4, 5),), frames=1, queries=sampling._CHUNK + 3, heads=1), ((4, 5),))


def test_broken_weights_give_broken_results_and_no_error():
    shapes = ((3, 4),)
    value, locations, weights = inputs(shapes)
    nan = torch.full_like
    assert sampling.sample(value, nan(locations, math.nan), nan(weights, math.nan), shapes).isnan().all()


@pytest.fixture
def calls(monkeypatch):
    """Names of the cores that were used."""
    used = []

    def note(module, name):
        core = module.sample
        monkeypatch.setattr(module, "sample", lambda *args: used.append(name) or core(*args))

    note(sampling, "sampling")
    note(deformable, "deformable")
    return used


def attend(dtype=torch.float32):
    torch.manual_seed(0)
    layer = deformable.DeformableAttention(dim=16, heads=2, levels=1, points=4).to(dtype)
    queries, values = torch.randn(2, 5, 16, dtype=dtype), torch.randn(2, 12, 16, dtype=dtype)
    references = torch.rand(2, 5, 1, 2, dtype=dtype)
    return layer, layer(queries, references, values, torch.zeros(2, 12, dtype=torch.bool), ((3, 4),))


def test_tables_without_gradient_and_grid_sample_with(calls):
    with torch.inference_mode():
        _, without = attend()
    layer, traced = attend()
    assert calls == ["sampling", "deformable"]
    torch.testing.assert_close(without.clone(), traced.detach(), rtol=1e-5, atol=2e-6)
    traced.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_coarse_values_are_read_with_full_precision(calls):
    shapes = SHAPES[2]
    value, locations, weights = inputs(shapes)
    coarse = value.bfloat16()
    read = sampling.sample(coarse, locations, weights.bfloat16(), shapes)
    expected = deformable.sample(coarse.float(), locations, weights.bfloat16().float(), shapes)
    torch.testing.assert_close(read.float(), expected, rtol=2**-8, atol=2e-6)
    assert read.dtype == torch.bfloat16
    calls.clear()
    with torch.inference_mode():
        attend(torch.bfloat16)
    assert calls == ["sampling"]
