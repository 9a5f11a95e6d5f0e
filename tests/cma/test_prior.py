import dataclasses

import pytest
import torch

from fsbench_cma import prior
from fsbench_cma.prior import likeness
from fsbench_cma.prior import ObjectPrior
from tests.cma.test_model import new_model
from tests.cma.test_model import random_batches


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 16, 5, 7, generator=generator)
    support = torch.randn(2, 4, 16, 4, 6, generator=generator)
    masks = torch.zeros(2, 4, 16, 24)  # 4 x 4 pixels are a cell
    masks[0, 1, 4:8, 4:12] = 1  # two cells
    masks[0, 2, 8:11, 0:4] = 1  # three quarters of one
    masks[0, 2, 11:13, 0:4] = 1  # the last quarter of it, and a quarter of the next, which is too little
    masks[1, 0, 0:1, 0:2] = 1  # an eighth of one, and no cell has more
    return query, support, masks


ON = {0: {(1, 1, 1), (1, 1, 2), (2, 2, 0)}, 1: {(0, 0, 0)}}  # frame, row and column of the cells on the object
TOUCHED = {0: {*ON[0], (2, 3, 0)}, 1: ON[1]}


def cosine(one, other):
    return float(one @ other / (one.norm() * other.norm()))


def test_likeness_is_the_largest_cosine_with_the_object_and_its_lead_over_all_else(maps):
    query, support, masks = maps
    found = likeness(query, support, masks)
    assert found.shape == (2, 3, 2, 5, 7)
    for clip, on in ON.items():
        cells = [(k, y, x) for k in range(4) for y in range(4) for x in range(6)]
        for frame, row, column in ((0, 0, 0), (1, 4, 6), (2, 2, 3)):
            asking = query[clip, frame, :, row, column]
            cosines = {(k, y, x): cosine(asking, support[clip, k, :, y, x]) for k, y, x in cells}
            like = max(cosines[cell] for cell in on)
            else_like = max(cosines[cell] for cell in cells if cell not in TOUCHED[clip])
            assert found[clip, frame, :, row, column].tolist() == pytest.approx([like, like - else_like], abs=1e-6)


def test_a_place_that_shows_the_object_again_has_the_highest_likeness(maps):
    query, support, masks = maps
    query[0, 1, :, 2, 3] = 3 * support[0, 1, :, 1, 2]  # as bright as it may be
    like, more = likeness(query, support, masks)[0].unbind(1)
    assert like.max() == pytest.approx(1, abs=1e-6)
    assert like.argmax() == more.argmax() == (1 * 5 + 2) * 7 + 3


def test_without_an_object_there_is_nothing_to_be_like_and_without_a_background_nothing_else(maps):
    query, support, masks = maps
    assert (likeness(query, support, torch.zeros_like(masks)) == 0).all()
    like, more = likeness(query, support, torch.ones_like(masks)).unbind(2)
    assert torch.equal(like, more)
    assert like.abs().max() > 0.1


def test_what_a_batch_pads_a_support_with_is_not_anything_beside_the_object(maps):
    query, support, masks = maps
    wide, shown = support.new_zeros(2, 4, 16, 5, 8), masks.new_zeros(2, 4, 20, 32)
    wide[..., :4, :6], shown[..., :16, :24] = -support.abs(), masks  # no cosine with an asking place is as large as 0
    padding = torch.ones(shown.shape, dtype=torch.bool)
    padding[..., :16, :24] = False
    asking = query.abs()
    assert torch.equal(likeness(asking, wide, shown, padding), likeness(asking, -support.abs(), masks))
    assert not torch.equal(likeness(asking, wide, shown), likeness(asking, -support.abs(), masks))


def test_places_that_ask_in_parts_get_what_they_get_together(maps, monkeypatch):
    together = likeness(*maps)
    monkeypatch.setattr(prior, "_CELLS", 1000)  # ten of 105 places
    torch.testing.assert_close(likeness(*maps), together, atol=1e-6, rtol=0)


def test_the_prior_is_added_to_every_level_and_coarse_ones_have_the_mean_of_what_lies_below(maps):
    query, support, masks = maps
    torch.manual_seed(0)
    module = ObjectPrior(16)
    levels = [torch.zeros(2, 3, 16, *size) for size in ((8, 12), (4, 6), (2, 3), (1, 2))]
    finest = torch.randn(2, 3, 16, 8, 12)
    fine, coarse, *others = module(levels, [finest, query[..., :4, :6]], [support, support], masks)
    for added, compared in ((fine, finest), (coarse, query[..., :4, :6])):
        for frame in range(3):
            read = module.read(likeness(compared[:, frame : frame + 1], support, masks)[:, 0])
            torch.testing.assert_close(added[:, frame], read, atol=1e-6, rtol=0)
    torch.testing.assert_close(others[0][0, 0, :, 1, 2], coarse[0, 0, :, 2:4, 4:6].mean((1, 2)), atol=1e-6, rtol=0)
    assert [each.shape for each in others] == [level.shape for level in levels[2:]]


@torch.no_grad()
def test_a_model_with_a_prior_is_told_where_its_support_is_padded():
    torch.manual_seed(0)
    query, support = random_batches()
    support.masks[..., 8:, :] = 0  # the object above, and below it what is nothing or padding
    padding = torch.zeros_like(support.padding)
    padding[..., 20:, :] = True
    padded = dataclasses.replace(support, padding=padding)
    for affinity in ("prior", "cross"):
        model = new_model(affinity=affinity, support_frames="all", mask_support="exclude").eval()
        changes = not torch.equal(model(query, support).masks, model(query, padded).masks)
        assert changes == (affinity == "prior")


@torch.no_grad()
def test_a_model_is_told_what_the_words_have_not_changed():
    torch.manual_seed(0)
    query, support = random_batches()
    model = new_model(affinity="prior", support_frames="all", mask_support="exclude").eval()
    kept = model.encode_support(support)
    maps = model.run_backbone(support.frames)
    for compared, level in zip(kept.plain, model.project(maps[1:])[: prior.NUM_LEVELS], strict=True):
        assert torch.equal(compared, level)
    plain = model(query, support).masks
    for parameter in model.prior.parameters():
        parameter.zero_()
    assert not torch.allclose(model(query, support).masks, plain, atol=1e-4)
    object_alone = new_model(affinity="cross", support_frames="all", mask_support="exclude").eval()
    object_alone.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("prior.")})
    assert torch.equal(model(query, support).masks, object_alone(query, support).masks)
