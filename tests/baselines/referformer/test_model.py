from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from fsbench_baselines.referformer import load_released
from fsbench_baselines.referformer import ModelConfig
from fsbench_baselines.referformer import Output
from fsbench_baselines.referformer import QueryBatch
from fsbench_baselines.referformer import ReferFormer
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.mask_head import MaskHead
from fsbench_baselines.referformer.transformer import Transformer
from tests import golden

TEXT = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
SMALL = ModelConfig(
    backbone="resnet_small",
    hidden_dim=64,
    heads=4,
    enc_layers=2,
    dec_layers=2,
    dim_feedforward=64,
    mask_dim=16,
    text=TEXT,
)
FIELDS = {"logits": 2e-5, "boxes": 5e-6, "masks": 5e-4, "reference_points": 5e-6}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def small() -> ReferFormer:
    """A model whose boxes and masks depend on its input, unlike those of a fresh one."""
    torch.manual_seed(1)
    return _stir(ReferFormer(SMALL))


def _stir(model: ReferFormer) -> ReferFormer:
    for heads in model.bbox_embed:
        torch.nn.init.normal_(heads.layers[-1].weight, std=0.1)
    return model.eval()


def _batch(*sizes: tuple[int, int], num_frames: int = 2, pad_to: tuple[int, int] | None = None) -> QueryBatch:
    """Random clips of these heights and widths, padded to a common size."""
    height, width = pad_to or (max(size[0] for size in sizes), max(size[1] for size in sizes))
    frames = torch.zeros(len(sizes), num_frames, 3, height, width)
    padding = torch.ones(len(sizes), num_frames, height, width, dtype=torch.bool)
    for clip, (h, w) in enumerate(sizes):
        frames[clip, :, :, :h, :w] = torch.randn(num_frames, 3, h, w)
        padding[clip, :, :h, :w] = False
    token_ids = torch.randint(3, TEXT["vocab_size"], (len(sizes), 6))
    return QueryBatch(frames, padding, token_ids, torch.zeros_like(token_ids, dtype=torch.bool), torch.tensor(sizes))


def _clip(batch: QueryBatch, clip: int) -> QueryBatch:
    return QueryBatch(**{name: value[clip : clip + 1] for name, value in vars(batch).items()})


def _assert_equal(actual: Output, expected: Output) -> None:
    for name, tolerance in FIELDS.items():
        torch.testing.assert_close(getattr(actual, name), getattr(expected, name), rtol=0, atol=tolerance, msg=name)


RELEASED = {
    "referformer_r50": "resnet50",
    "referformer_swin_t": "swin_t_p4w7",
    "referformer_vswin_t": "video_swin_t_p4w7",
}


@pytest.fixture(scope="module", params=RELEASED)
def released(test_golden: Path, request: pytest.FixtureRequest) -> tuple[ReferFormer, str]:
    """A model with the released weights' names and fill, and the tag of its numbers."""
    tag = request.param
    config = golden.text_config(test_golden)
    return load_released(golden.state(test_golden, tag), backbone=RELEASED[tag], text_config=config), tag


def test_equals_the_released_model(released: tuple[ReferFormer, str], test_golden: Path) -> None:
    model, tag = released
    assert {entry["name"]: entry["shape"] for entry in golden.entries(test_golden, tag)} == {
        name: list(value.shape) for name, value in model.state_dict().items()
    }
    query, _ = golden.batches(test_golden, "A")
    with torch.no_grad():
        output = model(query, with_aux=True)
    expected = np.load(test_golden / f"{tag}_A.npz")
    for name, tolerance in FIELDS.items():
        theirs = expected[f"out/{name if name == 'reference_points' else 'pred_' + name}"]
        np.testing.assert_allclose(getattr(output, name), theirs, rtol=0, atol=tolerance, err_msg=name)
    assert len(output.aux) == 3
    for layer, aux in enumerate(output.aux):
        masks = aux.masks.flatten()[expected[f"tap/aux{layer}_pred_masks/sample_idx"]]
        np.testing.assert_allclose(aux.logits, expected[f"out/aux{layer}/pred_logits"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(aux.boxes, expected[f"out/aux{layer}/pred_boxes"], rtol=0, atol=5e-6)
        np.testing.assert_allclose(masks, expected[f"tap/aux{layer}_pred_masks/sample"], rtol=0, atol=5e-4)


def test_losses_matches_and_gradient_norms_are_the_released_models(
    released: tuple[ReferFormer, str], test_golden: Path
) -> None:
    model, tag = released
    expected = np.load(test_golden / f"{tag}_A.npz")
    query, _ = golden.batches(test_golden, "A")
    losses = Criterion(valid_only=True)(model(query, with_aux=True), [golden.target(test_golden, "A")])
    losses["total"].backward()
    for name, loss in losses.items():
        theirs = expected[f"loss/{'total_weighted' if name == 'total' else name}"]
        assert loss.item() == pytest.approx(theirs.item(), rel=1e-4, abs=1e-6), name
    norms = {golden.canonical(n): p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}
    theirs = dict(zip(map(golden.canonical, expected["grad/names"]), expected["grad/norms"].tolist(), strict=True))
    assert norms == pytest.approx(theirs, rel=2e-3, abs=1e-5)


@torch.no_grad()
def test_batched_equals_single(small: ReferFormer) -> None:
    batch = _batch((64, 80), (50, 71))
    output = small(batch)
    for clip in range(2):
        one = small(_clip(batch, clip))
        _assert_equal(Output(**{name: getattr(output, name)[clip : clip + 1] for name in FIELDS}), one)


@torch.no_grad()
def test_word_padding_does_not_change_the_answer(small: ReferFormer) -> None:
    batch = _batch((64, 80))
    longer = replace(
        batch,
        token_ids=functional.pad(batch.token_ids, (0, 3), value=1),
        token_padding=functional.pad(batch.token_padding, (0, 3), value=True),
    )
    _assert_equal(small(longer), small(batch))


@pytest.mark.parametrize("size", [(33, 47), (64, 96), (20, 90)])
@pytest.mark.parametrize("num_frames", [1, 3])
@torch.no_grad()
def test_any_size_and_number_of_frames(small: ReferFormer, size: tuple[int, int], num_frames: int) -> None:
    output = small(_batch(size, num_frames=num_frames))
    height, width = (-(-side // 4) for side in size)
    assert output.logits.shape == (1, num_frames, 5, 1)
    assert output.boxes.shape == (1, num_frames, 5, 4)
    assert output.masks.shape == (1, num_frames, 5, height, width)
    assert output.reference_points.shape == (1, num_frames, 5, 2)
    assert all(getattr(output, name).isfinite().all() for name in FIELDS)
    assert output.aux == ()


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, dab=True)])
@torch.no_grad()
def test_the_transformer_ignores_what_is_on_padding(config: ModelConfig) -> None:
    model = _stir(ReferFormer(config))
    maps = [torch.randn(1, 64, side, side) for side in (8, 4, 2, 1)]
    paddings = [torch.zeros(1, side, side, dtype=torch.bool) for side in (8, 4, 2, 1)]
    paddings[0][:, 5:] = True
    paddings[1][:, :, 3:] = True
    changed = [torch.where(hidden[:, None], 9.0, level) for level, hidden in zip(maps, paddings, strict=True)]
    text = model.encode_text(torch.full((1, 4), 5), torch.zeros(1, 4, dtype=torch.bool))
    before, after = (
        model.transformer(levels, paddings, maps, model._queries(text, num_frames=1)) for levels in (maps, changed)
    )
    torch.testing.assert_close(after.boxes[-1], before.boxes[-1])
    torch.testing.assert_close(after.states[-1], before.states[-1])


@torch.no_grad()
def test_masks_of_the_chosen_query_and_a_kept_finest_stage_are_equal(small: ReferFormer) -> None:
    batch = _batch((64, 80), (50, 71))
    text = small.encode_text(batch.token_ids, batch.token_padding)
    features = small.encode_frames(batch.frames, batch.padding)
    decoded = small.decode(small.fuse_text(features.levels, text), features, text)
    finest, coarser = small.adapt_finest(features), small.adapt(decoded, features)
    (attended,) = small.attend_finest([finest.glance])
    seen = small.read_finest(small.see_finest(finest, attended), features, text)
    (in_others,) = small.attend([[each.glance for each in coarser]])
    mask_features = small.mask_features(seen, coarser, in_others, features, text)
    chosen = small.segment(decoded, mask_features, batch.sizes, chosen=torch.tensor([3, 1]))
    masks = small(batch).masks
    torch.testing.assert_close(chosen[:, :, 0], torch.stack([masks[0, :, 3], masks[1, :, 1]]), rtol=0, atol=1e-5)


@torch.no_grad()
def test_relative_coordinates_are_pixels_of_the_unpadded_frame() -> None:
    head = MaskHead(hidden_dim=4, mask_dim=16, channels=8, num_layers=3)
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)
    weights, _ = head._unpack(head.layers[-1].bias[None])  # views of the bias
    weights[0][0, 0, -2:] = torch.tensor([1.0, 100.0])  # x + 100 y
    weights[1][0, 0, 0] = weights[2][0, 0, 0] = 1.0
    boxes, sizes = torch.tensor([[[0.5, 0.25, 0.1, 0.1]]]), torch.tensor([[80, 60]])
    project = torch.nn.Conv2d(16, 16, 3, padding=1)
    masks = head.segment(torch.zeros(1, 1, 4), torch.randn(1, 16, 3, 4), project, boxes, sizes)
    assert masks[0, 0, 0, 0] == (30 - 2) + 100 * (20 - 2)
    assert masks[0, 0, 2, 3] == (30 - 14) + 100 * (20 - 10)


def test_training_returns_every_layer_and_reaches_every_parameter() -> None:
    model = _stir(ReferFormer(replace(SMALL, dab=True, first_layer_boxes="proper"))).train()
    output = model(_batch((64, 80)))
    assert len(output.aux) == 1
    torch.stack(
        [each.square().sum() for layer in (output, *output.aux) for each in _predictions(layer)]
    ).sum().backward()
    unreached = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert unreached == []
    assert not any(p.requires_grad for p in model.text_encoder.parameters())


def _predictions(output: Output) -> tuple[torch.Tensor, ...]:
    return output.logits, output.boxes, output.masks


def test_first_layer_boxes_broadcast_puts_coordinates_on_levels() -> None:
    reference = torch.rand(5, 4).expand(2, -1, -1)
    ratios = torch.rand(2, 4, 2)
    broadcast, proper = (
        Transformer(replace(SMALL, dab=True, first_layer_boxes=boxes)).decoder for boxes in ("broadcast", "proper")
    )
    quirk = broadcast._on_levels(reference, ratios, is_first=True)
    assert quirk[1, 3, 2, 0] == reference[0, 3, 2] * ratios[1, 2, 0]
    assert quirk[1, 3, 2, 3] == reference[0, 3, 2] * ratios[1, 2, 1]
    right = proper._on_levels(reference, ratios, is_first=True)
    assert right[1, 3, 2, 3] == reference[0, 3, 3] * ratios[1, 2, 1]
    assert torch.equal(broadcast._on_levels(reference, ratios, is_first=False), right)


def test_bfloat16_runs(small: ReferFormer) -> None:
    model = _stir(ReferFormer(SMALL)).to(torch.bfloat16)
    batch = _batch((64, 80))
    with torch.no_grad():
        output = model(replace(batch, frames=batch.frames.bfloat16()))
    assert output.masks.dtype == torch.bfloat16
    assert output.masks.isfinite().all()


def test_config_survives_json() -> None:
    config = replace(SMALL, dab=True, affinity="cross")
    assert ModelConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("text", ["[]", '{"no_such_field": 1}'])
def test_config_refuses_other_json(text: str) -> None:
    with pytest.raises(ValueError, match="model configuration"):
        ModelConfig.from_json(text)


def test_config_refuses_broadcast_boxes_on_other_levels() -> None:
    with pytest.raises(ValueError, match="first_layer_boxes"):
        ModelConfig(dab=True, num_levels=3)
