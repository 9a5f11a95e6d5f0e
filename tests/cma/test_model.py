import dataclasses
import functools

import numpy as np
import pytest
import torch

from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.losses import Criterion
from fsbench_cma.affinity import AFFINITIES
from fsbench_cma.checkpoint import load_released
from fsbench_cma.model import CMA
from tests import golden

CASES = [
    "cma_r50_A",
    "cma_r50_C",
    "cma_r50_nodab_A",
    "base_cma_r50_A",
    "self_cma_r50_A",
    "cma_swin_t_A",
    "cma_vswin_t_A",
]
TINY_TEXT = {
    "vocab_size": 32,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
    "type_vocab_size": 1,
}


def small_config(**changes):
    settings = {"backbone": "resnet_small", "hidden_dim": 64, "heads": 4, "mask_dim": 16, "dim_feedforward": 64}
    settings |= {"enc_layers": 1, "dec_layers": 2, "text": TINY_TEXT, "affinity": "cross"}
    return ModelConfig(**{**settings, **changes})


def new_model(**changes):
    torch.manual_seed(0)
    model = CMA(small_config(**changes)).eval()
    for head in model.bbox_embed:  # these start at zero, which would hide what the boxes depend on
        torch.nn.init.normal_(head.layers[-1].weight, 0, 0.1)
    return model


small_model = functools.cache(new_model)  # for tests that leave it as it is


def random_batches(*, clips=1, frames=3, shots=2, size=(40, 56), seed=0):
    generator = torch.Generator().manual_seed(seed)

    def tokens(words):
        ids = torch.randint(3, 32, (clips, words), generator=generator)
        return ids, torch.zeros(clips, words, dtype=torch.bool)

    def video(count):
        images = torch.randn(clips, count, 3, *size, generator=generator)
        return images, torch.zeros(clips, count, *size, dtype=torch.bool)

    masks = (torch.rand(clips, shots, 30, 40, generator=generator) > 0.5).float()
    query = QueryBatch(*video(frames), *tokens(6), torch.tensor([size] * clips))
    return query, SupportBatch(*video(shots), *tokens(5), masks)


def one_clip(batch, clip):
    """The batch of one clip alone."""
    return type(batch)(
        **{field.name: getattr(batch, field.name)[clip : clip + 1] for field in dataclasses.fields(batch)}
    )


def worst(got, expected):
    return (got - torch.from_numpy(np.asarray(expected))).abs().max().item()


@pytest.fixture(scope="module", params=CASES)
def golden_model(request, test_golden):
    """A released model, and the case that its numbers are of."""
    tag = request.param.rsplit("_", 1)[0]
    config = golden.text_config(test_golden)
    return load_released(golden.state(test_golden, tag), text_config=config, **golden.MODELS[tag]), request.param


@torch.no_grad()
def test_golden_outputs_and_fused_levels(golden_model, test_golden):
    model, case = golden_model
    inputs = case.rsplit("_", 1)[1]
    expected = np.load(test_golden / f"{case}.npz")
    fused = []
    hook = model.transformer.register_forward_pre_hook(lambda module, inputs: fused.extend(inputs[0]))
    output = model(*golden.batches(test_golden, inputs), with_aux=True)
    hook.remove()

    for level, got in enumerate(fused):
        tap = f"tap/transformer.in.0.{level}"
        assert list(got.shape) == expected[f"{tap}/shape"].tolist()
        assert worst(got.flatten()[expected[f"{tap}/sample_idx"]], expected[f"{tap}/sample"]) < 5e-5
    names = {
        "logits": "pred_logits",
        "boxes": "pred_boxes",
        "masks": "pred_masks",
        "reference_points": "reference_points",
    }
    for ours, theirs in names.items():
        assert getattr(output, ours).shape == expected[f"out/{theirs}"].shape
        assert worst(getattr(output, ours), expected[f"out/{theirs}"]) < golden.TOLERANCES[ours], ours
    for layer, aux in enumerate(output.aux):
        assert worst(aux.logits, expected[f"out/aux{layer}/pred_logits"]) < golden.TOLERANCES["logits"]
        assert worst(aux.boxes, expected[f"out/aux{layer}/pred_boxes"]) < golden.TOLERANCES["boxes"]
        masks = aux.masks.flatten()[expected[f"tap/aux{layer}_pred_masks/sample_idx"]]
        assert worst(masks, expected[f"tap/aux{layer}_pred_masks/sample"]) < golden.TOLERANCES["masks"]
    assert output.logits.sigmoid().mean(dim=1).argmax() == expected["out/selected_query"]


def test_golden_losses_and_gradients(golden_model, test_golden):
    model, case = golden_model
    inputs = case.rsplit("_", 1)[1]
    expected = np.load(test_golden / f"{case}.npz")
    output = model(*golden.batches(test_golden, inputs), with_aux=True)
    losses = Criterion()(output, [golden.target(test_golden, inputs)])
    losses["total"].backward()

    for name, loss in losses.items():
        released = expected[f"loss/{'total_weighted' if name == 'total' else name}"]
        assert loss.item() == pytest.approx(released.item(), rel=1e-4, abs=1e-6), name
    norms = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    released = dict(zip(map(golden.canonical, expected["grad/names"]), expected["grad/norms"].tolist(), strict=True))
    assert {golden.canonical(name): norm for name, norm in norms.items()} == pytest.approx(released, rel=2e-3, abs=1e-5)
    without = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert without == set(expected["grad/none"].tolist())


@pytest.mark.parametrize("tag", golden.MODELS)
def test_names_shapes_and_what_is_trained_equal_the_released_model(tag, test_golden):
    arguments = golden.MODELS[tag]
    with torch.device("meta"):
        model = CMA(ModelConfig(**arguments, text=golden.text_config(test_golden).to_diff_dict()))
    released = golden.entries(test_golden, tag)
    ours = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == {entry["name"]: entry["shape"] for entry in released}
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters(remove_duplicate=False)}
    assert trained == {entry["name"]: entry["requires_grad"] for entry in released if entry["kind"] == "param"}


@pytest.mark.parametrize("affinity", AFFINITIES)
@torch.no_grad()
def test_each_clip_of_a_batch_gets_what_it_gets_alone(affinity):
    model = small_model(affinity=affinity, dab=affinity == "cross")
    query, support = random_batches(clips=2)
    query.padding[1, :, 33:] = True
    query.frames[1, :, :, 33:] = 0
    query.sizes[1, 0] = 33
    query.token_ids[1, 4:] = 1
    query.token_padding[1, 4:] = True
    together = model(query, support)
    for clip in range(2):
        alone = model(one_clip(query, clip), one_clip(support, clip))
        for name in golden.TOLERANCES:
            torch.testing.assert_close(getattr(together, name)[clip], getattr(alone, name)[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize(("frames", "shots"), [(1, 1), (1, 3), (3, 1)])
@torch.no_grad()
def test_any_number_of_frames_on_either_side(affinity, frames, shots):
    query, support = random_batches(frames=frames, shots=shots, size=(37, 53))
    output = small_model(affinity=affinity)(query, support)
    assert output.logits.shape == (1, frames, 5, 1)
    assert output.masks.shape == (1, frames, 5, 10, 14)
    assert torch.isfinite(output.masks).all()


@torch.no_grad()
def test_a_support_encoded_once_serves_several_queries():
    model = small_model()
    query, support = random_batches()
    other, _ = random_batches(frames=1, size=(50, 34), seed=7)
    encoded = model.encode_support(support)
    for each in (query, other):
        torch.testing.assert_close(model.forward_with(each, encoded).masks, model(each, support).masks, atol=0, rtol=0)


@pytest.mark.parametrize("backbone", ["resnet_small", "video_swin_t_p4w7"])
@torch.no_grad()
def test_only_the_middle_support_frame_matters_unless_all_are_asked_for(backbone):
    query, support = random_batches(shots=3)
    changed = dataclasses.replace(support, masks=support.masks.clone())
    changed.masks[:, 0] = 1 - changed.masks[:, 0]
    for frames, is_equal in (("middle", True), ("all", False)):
        model = small_model(support_frames=frames, backbone=backbone)
        assert torch.equal(model(query, support).masks, model(query, changed).masks) is is_equal


@torch.no_grad()
def test_video_backbones_see_all_support_frames_before_the_middle_is_taken():
    query, support = random_batches(shots=3)
    changed = dataclasses.replace(support, frames=support.frames.clone())
    changed.frames[:, 0] += 1
    video = small_model(backbone="video_swin_t_p4w7")
    assert not torch.equal(video(query, support).masks, video(query, changed).masks)
    image = small_model()
    assert torch.equal(image(query, support).masks, image(query, changed).masks)


def test_gradients_reach_what_the_variant_uses_and_nothing_else():
    cross = {"support_qkv.Key", "support_qkv.Value", "query_qkv", "conv_q", "layer_norm"}
    used = {
        "cross": cross,
        "prior": {*cross, "prior"},
        "self": {"query_qkv", "conv_q", "layer_norm"},
        "add": set(),
    }
    query, support = random_batches(frames=2)
    for affinity, parts in used.items():
        model = new_model(affinity=affinity)
        model(query, support).masks.sum().backward()
        ours = ("support_qkv", "query_qkv", "conv_q", "layer_norm", "prior")
        for name, parameter in model.named_parameters():
            if name.startswith(ours):
                is_used = name.startswith(tuple(parts)) if parts else False
                assert (parameter.grad is not None) is is_used, f"{affinity}: {name}"


def test_a_model_without_affinity_is_refused():
    with pytest.raises(ValueError, match="cross, self, add, prior"):
        CMA(small_config(affinity=None))
