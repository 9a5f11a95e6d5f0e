import pytest
import torch
from torch import nn
from torch.nn.attention import sdpa_kernel
from torch.nn.attention import SDPBackend

from fsbench_cma.affinity import AddSupport
from fsbench_cma.affinity import AFFINITIES
from fsbench_cma.affinity import AffinityParts
from fsbench_cma.affinity import CrossAffinity
from fsbench_cma.affinity import power_transform
from fsbench_cma.affinity import QueryKeyValue
from fsbench_cma.affinity import SelfAffinity


@pytest.fixture
def parts():
    torch.manual_seed(0)
    norm = nn.LayerNorm(128)
    nn.init.normal_(norm.weight, 1, 0.1)
    nn.init.normal_(norm.bias, 0, 0.1)
    return AffinityParts(QueryKeyValue(256, 128), QueryKeyValue(256, 128), nn.Conv2d(256, 128, 1), norm)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(2, 3, 256, 5, 7, generator=generator)
    support = torch.randn(2, 4, 256, 4, 6, generator=generator)
    masks = (torch.rand(2, 4, 30, 40, generator=generator) > 0.5).float()
    return query, support, masks


def attend_by_hand(tokens, keys, values):
    """Softmax over keys, the matrix written out. All [N, C]."""
    return (tokens @ keys.T / 128**0.5).softmax(dim=1) @ values


def foreground_by_hand(query, support, masks):
    """Of one clip."""
    size = query.shape[-2:]
    features = nn.functional.interpolate(support, size, mode="bilinear", align_corners=True)
    return features * nn.functional.interpolate(masks[:, None], size, mode="bilinear", align_corners=True)


def rows(maps):
    return maps.movedim(1, -1).flatten(0, 2)


def cross_by_hand(parts, query, foreground, keep=slice(None)):
    """Of one clip, with the support frames given, and which of their positions answer."""
    own, other = parts.query_qkv, parts.support_qkv
    middle = query[query.shape[0] // 2][None]
    tokens = rows(own.query(query))
    tokens = parts.layer_norm(tokens + attend_by_hand(tokens, rows(own.Key(middle)), rows(own.Value(middle))))
    found = attend_by_hand(tokens, rows(other.Key(foreground))[keep], rows(other.Value(foreground))[keep])
    maps = parts.layer_norm(tokens + found).unflatten(0, (query.shape[0], *query.shape[-2:])).movedim(-1, 1)
    return torch.cat([maps, parts.conv_q(query)], dim=1)


def test_cross_affinity_equals_the_written_out_attention_for_each_clip(parts, inputs):
    query, support, masks = inputs
    affinity = CrossAffinity().eval()
    frames = affinity.frames(4)
    assert frames == slice(2, 3)
    got = affinity(parts, query, support[:, frames], masks[:, frames])
    for clip in range(2):
        foreground = foreground_by_hand(query[clip], support[clip, 2:3], masks[clip, 2:3])
        torch.testing.assert_close(got[clip], cross_by_hand(parts, query[clip], foreground), atol=1e-5, rtol=0)


def test_cross_affinity_with_all_frames_takes_keys_from_each(parts, inputs):
    query, support, masks = inputs
    affinity = CrossAffinity(support_frames="all").eval()
    assert affinity.frames(4) == slice(0, 4)
    got = affinity(parts, query, support, masks)
    foreground = foreground_by_hand(query[0], support[0], masks[0])
    torch.testing.assert_close(got[0], cross_by_hand(parts, query[0], foreground), atol=1e-5, rtol=0)


def test_excluded_positions_do_not_answer(parts, inputs):
    query, support, masks = inputs
    masks = torch.zeros_like(masks)
    masks[..., :, :20] = 1  # the left half, which leaves whole columns of zero keys
    affinity = CrossAffinity(support_frames="all", mask_support="exclude").eval()
    got = affinity(parts, query, support, masks)

    foreground = foreground_by_hand(query[0], support[0], masks[0])
    keep = foreground_by_hand(query[0], torch.ones_like(support[0]), masks[0])[:, 0].flatten() > 0
    assert 0 < keep.sum() < keep.numel()
    torch.testing.assert_close(got[0], cross_by_hand(parts, query[0], foreground, keep), atol=1e-5, rtol=0)

    zeroed = CrossAffinity(support_frames="all").eval()(parts, query, support, masks)
    assert (got - zeroed).abs().max() > 1e-3


def test_excluded_positions_learn_nothing_and_all_else_learns_as_written_out(parts, inputs):
    query, support, masks = inputs
    masks = torch.zeros_like(masks)
    masks[:, 1:3, 8:20, :20] = 1
    wanted = torch.randn(2, 3, 256, 5, 7, generator=torch.Generator().manual_seed(2))
    weights = list(nn.ModuleList(parts).parameters())

    def gradients(clip, result, support):
        (result * wanted[clip]).sum().backward()
        found = [support.grad, *(weight.grad for weight in weights)]
        for weight in weights:
            weight.grad = None
        return found

    affinity = CrossAffinity(support_frames="all", mask_support="exclude").train()
    affinity.dropout.p = 0.0
    for clip in range(2):
        one, other = (support[clip].clone().requires_grad_() for _ in range(2))
        got = affinity(parts, query[clip][None], one[None], masks[clip][None])[0]
        foreground = foreground_by_hand(query[clip], other, masks[clip])
        keep = foreground_by_hand(query[clip], torch.ones_like(support[clip]), masks[clip])[:, 0].flatten() > 0
        expected = cross_by_hand(parts, query[clip], foreground, keep)
        found = gradients(clip, got, one)
        for ours, by_hand in zip(found, gradients(clip, expected, other), strict=True):
            assert (ours is None) == (by_hand is None)  # support_qkv.query is of no use
            if ours is not None:
                torch.testing.assert_close(ours, by_hand, atol=1e-4, rtol=1e-3)
        assert found[0][1].any()
        assert not found[0][[0, 3]].any()  # frames without the object


def test_excluding_an_empty_mask_falls_back_to_all_positions(parts, inputs):
    query, support, masks = inputs
    masks[1] = 0
    zero = CrossAffinity(support_frames="all").eval()(parts, query, support, masks)
    exclude = CrossAffinity(support_frames="all", mask_support="exclude").eval()(parts, query, support, masks)
    torch.testing.assert_close(exclude[1], zero[1])
    assert torch.isfinite(exclude).all()


def test_self_affinity_takes_keys_from_the_query_and_sets_the_support_beside(parts, inputs):
    query, support, masks = inputs
    got = SelfAffinity().eval()(parts, query, support, masks)
    own = parts.query_qkv
    tokens = rows(own.query(query[1]))
    tokens = parts.layer_norm(
        tokens + attend_by_hand(tokens, rows(own.Key(query[1, 1:2])), rows(own.Value(query[1, 1:2])))
    )
    torch.testing.assert_close(rows(got[1, :, :128]), tokens, atol=1e-5, rtol=0)
    foreground = foreground_by_hand(query[1], support[1], masks[1])
    torch.testing.assert_close(got[1, :, 128:], parts.conv_q(foreground[:3]), atol=1e-5, rtol=0)


def test_added_support_is_on_the_object_only(parts, inputs):
    query, support, masks = inputs
    got = AddSupport().eval()(parts, query, support, masks)
    torch.testing.assert_close(got[0], query[0] + foreground_by_hand(query[0], support[0], masks[0])[:3])
    torch.testing.assert_close(AddSupport()(parts, query, support, torch.zeros_like(masks)), query)


@pytest.mark.parametrize("name", ["self", "add"])
def test_a_query_longer_than_the_support_starts_the_support_again(name, parts, inputs):
    query, support, masks = inputs
    affinity = AFFINITIES[name]().eval()
    again = affinity(parts, query, support[:, [0, 1, 0]], masks[:, [0, 1, 0]])
    torch.testing.assert_close(affinity(parts, query, support[:, :2], masks[:, :2]), again)


@pytest.mark.parametrize("name", AFFINITIES)
def test_output_has_the_shape_of_the_query_for_one_frame_on_either_side(name, parts, inputs):
    query, support, masks = inputs
    got = AFFINITIES[name]().eval()(parts, query[:, :1], support[:, :1], masks[:, :1])
    assert got.shape == (2, 1, 256, 5, 7)


@pytest.mark.parametrize("affinity", [CrossAffinity(), CrossAffinity(mask_support="exclude"), SelfAffinity()])
def test_attention_never_holds_the_matrix_of_all_pairs(affinity, parts, inputs):
    query, support, masks = inputs
    frames = affinity.frames(4)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION]):  # raises where the tokens would need another
        affinity.eval()(parts, query, support[:, frames], masks[:, frames])


@pytest.mark.parametrize("affinity", [CrossAffinity(), CrossAffinity(mask_support="exclude"), SelfAffinity()])
def test_without_a_gradient_tokens_ask_in_parts_to_the_same_answer(affinity, parts, inputs, monkeypatch):
    query, support, masks = inputs
    frames = affinity.eval().frames(4)
    together = affinity(parts, query, support[:, frames], masks[:, frames])
    monkeypatch.setattr("fsbench_cma.affinity._CHUNK", 8)
    monkeypatch.setattr("fsbench_cma.affinity._answers", None)
    with torch.inference_mode():
        in_parts = affinity(parts, query, support[:, frames], masks[:, frames])
    torch.testing.assert_close(in_parts.clone(), together, atol=1e-5, rtol=0)


def test_dropout_acts_in_training_only(parts, inputs):
    affinity = CrossAffinity(dropout=0.5)
    torch.testing.assert_close(affinity.eval()(parts, *inputs), affinity.eval()(parts, *inputs))
    assert not torch.equal(affinity.train()(parts, *inputs), affinity.eval()(parts, *inputs))


def test_power_transform_adds_what_the_positive_and_the_negative_part_give():
    def strength(x):
        return 1 / torch.log(1 / (x + 1e-5) + 1) ** 1.3

    x = torch.tensor([-30.0, -1.0, -1e-4, 0.0, 1e-6, 0.5, 2.0])
    expected = strength(x.clamp(min=0)) - strength((-x).clamp(min=0))
    torch.testing.assert_close(power_transform(x), expected)
    torch.testing.assert_close(power_transform(-x), -power_transform(x))
    assert power_transform(x)[3] == 0
