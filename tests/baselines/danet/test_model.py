import numpy as np
import pytest
import torch

from fsbench_baselines.danet import DANet
from fsbench_baselines.danet import DANetConfig
from fsbench_baselines.danet import load_released
from tests import golden
from tests.baselines.danet.samples import small_model
from tests.baselines.danet.samples import tensors

# Output of a module -> its golden tap.
TAPS = {
    "support_qkv.Key": "support_qkv#0.1",
    "support_qkv.Value": "support_qkv#0.2",
    "conv_q": "conv_q#0",
    "Decoder.ResMM": "Decoder.ResMM#0",
    "Decoder.RF3": "Decoder.RF3#0",
    "Decoder.RF2": "Decoder.RF2#0",
    "Decoder": "Decoder#0",
}
# Released models have these, and use them for nothing.
IDLE = ("support_qkv.query.", "query_qkv.Value.")


def worst(got, expected):
    return (got - torch.from_numpy(expected)).abs().max().item()


@torch.no_grad()
def test_golden_output_and_what_leads_to_it(test_golden):
    model = load_released(golden.state(test_golden, "danet"))
    query, support = golden.batches(test_golden, "A")
    expected = np.load(test_golden / "danet_A.npz")
    found = {}
    for name in (*TAPS, "encoder"):
        model.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: found.update({name: output}))
    probabilities = model(query.frames, support.frames, support.masks)
    fine, middle, last = found.pop("encoder")
    maps = {"encoder#0.3": fine, "encoder#0.2": middle, "encoder#0.0": last}
    for tap, tensor in {**maps, **{TAPS[name]: tensor for name, tensor in found.items()}}.items():
        places = expected[f"tap/{tap}/sample_idx"]
        assert worst(tensor.flatten()[torch.from_numpy(places)], expected[f"tap/{tap}/sample"]) < 1e-4, tap
    assert worst(probabilities[:, :, None], expected["out/pred_map"]) < 1e-5


def test_names_shapes_and_order_equal_the_released_model(test_golden):
    with torch.device("meta"):
        own = DANet(DANetConfig()).state_dict()
    released = {entry["name"]: tuple(entry["shape"]) for entry in golden.entries(test_golden, "danet")}
    assert list(own) == list(released)
    assert {name: tuple(tensor.shape) for name, tensor in own.items()} == released


@torch.no_grad()
def test_each_clip_of_a_batch_gets_what_it_gets_alone():
    model = small_model()
    frames, support_frames, masks = tensors(clips=2)
    masks[1] = masks[1].flip(-1)
    together = model(frames, support_frames, masks)
    for one in range(2):
        alone = model(*(tensor[one : one + 1] for tensor in (frames, support_frames, masks)))
        torch.testing.assert_close(together[one : one + 1], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("frames", "shots", "size"), [(1, 1, (32, 48)), (4, 7, (30, 41)), (5, 1, (17, 25))])
@torch.no_grad()
def test_any_number_of_frames_on_either_side_and_any_size(frames, shots, size):
    output = small_model()(*tensors(2, frames, shots, size))
    assert output.shape == (2, frames, *size)
    assert ((output >= 0) & (output <= 1)).all()


@torch.no_grad()
def test_the_order_of_the_support_frames_does_not_matter():
    model = small_model()
    frames, support_frames, masks = tensors(shots=4)
    masks[:, 1] = masks[:, 1].flip(-2)
    one = model(frames, support_frames, masks)
    torch.testing.assert_close(one, model(frames, support_frames.flip(1), masks.flip(1)), rtol=0, atol=1e-6)


@torch.no_grad()
def test_frames_learn_of_the_support_by_the_middle_frame_alone():
    model = small_model()
    frames, support_frames, masks = tensors(frames=4)
    plain = model(frames, support_frames, masks)
    for changed in range(4):
        other = frames.clone()
        other[:, changed] += torch.randn(3, 32, 48, generator=torch.Generator().manual_seed(9))
        moved = (model(other, support_frames, masks) - plain).abs().amax((0, 2, 3)) > 1e-6
        assert moved.tolist() == ([True] * 4 if changed == 2 else [index == changed for index in range(4)])


@torch.no_grad()
def test_what_is_off_the_object_in_the_support_is_not_seen():
    model = small_model()
    maps = torch.randn(1, 2, 96, 12, 18, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(1, 2, 96, 144)
    masks[..., :24, :24] = 1
    plain = model.project_support(maps, masks)
    off, on = maps.clone(), maps.clone()
    off[..., 4:, 4:] += 1
    on[..., :2, :2] += 1
    assert torch.equal(model.project_support(off, masks).values, plain.values)
    assert torch.equal(model.project_support(off, masks).keys, plain.keys)
    assert not torch.allclose(model.project_support(on, masks).values, plain.values)


@pytest.mark.parametrize("backbone", ["resnet_small", "resnet50"])
def test_gradients_reach_all_that_is_used(backbone):
    model = small_model(backbone=backbone).train()
    output = model(*tensors(frames=2, shots=2))
    (output * torch.rand_like(output)).sum().backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert without == {name for name, _ in model.named_parameters() if name.startswith(IDLE)}


def test_the_last_level_keeps_the_stride_of_the_second():
    with torch.no_grad():
        for backbone in ("resnet_small", "resnet50"):
            encoder = small_model(backbone=backbone).encoder
            fine, middle, last = encoder(torch.randn(1, 3, 64, 96))
            assert (fine.shape[-2:], middle.shape[-2:], last.shape[-2:]) == ((16, 24), (8, 12), (8, 12))
            assert (fine.shape[1], middle.shape[1], last.shape[1]) == encoder.channels


def test_impossible_configurations_are_refused_by_name():
    with pytest.raises(ValueError, match="no backbone 'resnet51'; known: resnet50, resnet_small"):
        DANet(DANetConfig(backbone="resnet51"))
    for changes in ({"width": 0}, {"size": (3,)}, {"size": ("a", "b")}, {"key_dim": 1.5}):
        with pytest.raises(ValueError, match="positive whole numbers"):
            DANetConfig(**changes)
    with pytest.raises(ValueError, match="has no entry hidden_dim"):
        DANetConfig.from_json('{"hidden_dim": 3}')
    with pytest.raises(ValueError, match="JSON object"):
        DANetConfig.from_json("[]")
    config = DANetConfig(size=[3, 4])
    assert DANetConfig.from_json(config.to_json()) == config
