import torch
from transformers.models.deformable_detr import modeling_deformable_detr as library

from fsbench_baselines.referformer.positions import box_positions
from fsbench_baselines.referformer.positions import grid_references
from fsbench_baselines.referformer.positions import map_positions
from fsbench_baselines.referformer.positions import valid_ratio
from fsbench_baselines.referformer.positions import word_positions


def _padding() -> torch.Tensor:
    padding = torch.zeros(2, 5, 7, dtype=torch.bool)
    padding[1, 3:] = True
    padding[1, :, 4:] = True
    return padding


def test_map_positions_equal_those_of_transformers_away_from_padding() -> None:
    padding = _padding()
    oracle = library.DeformableDetrSinePositionEmbedding(16, normalize=True)
    expected = oracle((2, 32, 5, 7), padding.device, torch.float32, mask=~padding)
    inside = ~padding[:, None].expand(-1, 32, -1, -1)
    torch.testing.assert_close(map_positions(padding, 32)[inside], expected[inside], rtol=0, atol=1e-6)


def test_map_positions_do_not_depend_on_padding() -> None:
    small = map_positions(torch.zeros(1, 3, 4, dtype=torch.bool), 32)
    torch.testing.assert_close(map_positions(_padding(), 32)[1:, :, :3, :4], small)


def test_word_positions_end_with_the_sentence_and_subtract_nothing() -> None:
    padding = torch.tensor([[False, False, False, True]])
    positions = word_positions(padding, 8)
    angles = torch.tensor([1, 2, 3]) / 3 * 2 * torch.pi
    torch.testing.assert_close(positions[0, :3, 0], angles.sin(), rtol=0, atol=1e-5)
    torch.testing.assert_close(positions[0, :3, 1], angles.cos(), rtol=0, atol=1e-5)
    torch.testing.assert_close(positions[:, :3], word_positions(padding[:, :3], 8))


def test_box_positions_are_ordered_y_x_width_height() -> None:
    boxes = torch.tensor([0.1, 0.2, 0.3, 0.4])
    first_of_each = box_positions(boxes, 16)[::8]
    torch.testing.assert_close(first_of_each, (torch.tensor([0.2, 0.1, 0.3, 0.4]) * 2 * torch.pi).sin())


def test_grid_references_are_the_middles_of_positions_on_every_level() -> None:
    padding = _padding()
    ratios = torch.stack([valid_ratio(padding), torch.ones(2, 2)], dim=1)
    torch.testing.assert_close(ratios[:, 0], torch.tensor([[1.0, 1.0], [4 / 7, 3 / 5]]))
    references = grid_references([(5, 7), (2, 2)], ratios)
    assert references.shape == (2, 5 * 7 + 2 * 2, 2, 2)
    torch.testing.assert_close(references[1, 7 + 2, 0], torch.tensor([2.5 / 7, 1.5 / 5]))
    torch.testing.assert_close(references[1, 7 + 2, 1], torch.tensor([2.5 / 4, 1.5 / 3]))
