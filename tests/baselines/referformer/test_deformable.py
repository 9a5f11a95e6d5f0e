import pytest
import torch
from transformers import DeformableDetrConfig
from transformers.models.deformable_detr import modeling_deformable_detr as library

from fsbench_baselines.referformer.deformable import DeformableAttention
from fsbench_baselines.referformer.deformable import sample

SHAPES = ((5, 7), (3, 4), (2, 2), (1, 1))
POSITIONS = sum(height * width for height, width in SHAPES)


def _attention() -> DeformableAttention:
    attention = DeformableAttention(32, heads=4, levels=4, points=3)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return attention


@pytest.mark.parametrize("coordinates", [2, 4])
def test_equals_the_attention_of_transformers(coordinates: int) -> None:
    torch.manual_seed(0)
    attention = _attention()
    config = DeformableDetrConfig(d_model=32, num_feature_levels=4, disable_custom_kernels=True)
    oracle = library.DeformableDetrMultiscaleDeformableAttention(config, num_heads=4, n_points=3)
    oracle.load_state_dict(attention.state_dict())
    queries, values = torch.randn(2, 6, 32), torch.randn(2, POSITIONS, 32)
    references = torch.rand(2, 6, 4, coordinates)
    padding = torch.rand(2, POSITIONS) < 0.2
    shapes = torch.tensor(SHAPES)
    starts = torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])
    expected, _ = oracle(
        queries,
        attention_mask=~padding,
        encoder_hidden_states=values,
        reference_points=references,
        spatial_shapes=shapes,
        spatial_shapes_list=list(SHAPES),
        level_start_index=starts,
    )
    torch.testing.assert_close(attention(queries, references, values, padding, SHAPES), expected, rtol=0, atol=2e-6)


def test_values_on_padding_are_not_read() -> None:
    torch.manual_seed(0)
    attention = _attention()
    queries, values = torch.randn(1, 6, 32), torch.randn(1, POSITIONS, 32)
    references = torch.rand(1, 6, 4, 2)
    padding = torch.rand(1, POSITIONS) < 0.5
    changed = torch.where(padding[..., None], torch.tensor(7.0), values)
    before, after = (attention(queries, references, each, padding, SHAPES) for each in (values, changed))
    assert torch.equal(before, after)


def test_the_middle_of_a_position_gives_its_value() -> None:
    value = torch.randn(1, POSITIONS, 2, 3)
    locations = torch.tensor([(2 + 0.5) / 7, (1 + 0.5) / 5]).expand(1, 1, 2, 4, 1, 2)
    weights = torch.zeros(1, 1, 2, 4, 1)
    weights[:, :, :, 0] = 1
    torch.testing.assert_close(sample(value, locations, weights, SHAPES)[0, 0], value[0, 1 * 7 + 2].flatten())


def test_nothing_is_read_outside() -> None:
    locations = torch.full((1, 1, 2, 4, 1, 2), 3.0)
    assert not sample(torch.randn(1, POSITIONS, 2, 3), locations, torch.ones(1, 1, 2, 4, 1), SHAPES).any()


def test_heads_start_with_points_on_rays() -> None:
    offsets = DeformableAttention(32, heads=4, levels=2, points=3).sampling_offsets.bias.view(4, 2, 3, 2)
    expected = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    torch.testing.assert_close(offsets[0, 1], expected)
    torch.testing.assert_close(offsets[1, 0], expected.flip(-1), rtol=0, atol=1e-6)
