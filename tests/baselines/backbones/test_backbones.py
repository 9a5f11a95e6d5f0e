"""Backbones against the released numbers, against the transformers library, and against slow versions written here."""

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch import Tensor
from transformers import ResNetBackbone
from transformers import ResNetConfig
from transformers import SwinBackbone
from transformers import SwinConfig

from fsbench.errors import PluginError
from fsbench_baselines.backbones import BACKBONES
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.backbones import fold_batch_norm
from fsbench_baselines.backbones import ResNet
from fsbench_baselines.backbones import Swin
from fsbench_baselines.backbones import VideoSwin
from fsbench_baselines.backbones.swin import Block
from fsbench_baselines.backbones.swin import DropPath
from fsbench_baselines.backbones.swin import Stage
from tests import golden
from tests.baselines.backbones.naming import resnet_name
from tests.baselines.backbones.naming import swin_tensor
from tests.baselines.backbones.naming import SWIN_UNUSED

PREFIX = "backbone.0.body."
GOLDENS = {
    "referformer_r50": "resnet50",
    "referformer_swin_t": "swin_t_p4w7",
    "referformer_vswin_t": "video_swin_t_p4w7",
}
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SMALL = {"dim": 16, "depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "drop_path": 0.2}
ODD_SIZES = [(61, 83), (64, 96), (33, 130)]


def _fill(module: nn.Module) -> nn.Module:
    """Give every weight, bias and running statistic a value that matters; return the module in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(noise.mul(0.2).exp())
            elif tensor.dim() > 1:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(0.1 * noise + name.endswith("weight"))
    return module.eval()


def _frames(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def _maps(module: nn.Module, frames: Tensor, num_frames: int = 1) -> list[Tensor]:
    return module(frames, num_frames)


def _assert_close(maps: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> None:
    for actual, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(actual, wanted, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------------------------------ the released models


@pytest.mark.parametrize(("tag", "name"), GOLDENS.items())
def test_state_has_the_released_names_shapes_types_and_trainable_parts(test_golden: Path, tag: str, name: str) -> None:
    entries = json.loads((test_golden / f"names_{tag}.json").read_text())
    module = build_backbone(name)
    trainable = {key for key, parameter in module.named_parameters() if parameter.requires_grad}
    actual = [
        (PREFIX + key, list(tensor.shape), str(tensor.dtype).removeprefix("torch."), key in trainable)
        for key, tensor in module.state_dict().items()
    ]
    assert actual == [
        (entry["name"], entry["shape"], entry["dtype"], entry["requires_grad"])
        for entry in entries
        if entry["name"].startswith(PREFIX)
    ]


@pytest.mark.parametrize(("tag", "name"), GOLDENS.items())
def test_maps_are_those_of_the_released_model(test_golden: Path, tag: str, name: str) -> None:
    module = build_backbone(name).eval()
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(golden.filled(test_golden, PREFIX + key, tuple(tensor.shape)))
    frames = torch.from_numpy(np.load(test_golden / "inputs_A.npz")["q0_int8"]) / 64
    expected = np.load(test_golden / f"{tag}_A.npz")
    for level, features in enumerate(_maps(module, frames, len(frames))):
        tap = f"tap/backbone#0.0.{level}.tensors"
        assert features.shape == tuple(expected[f"{tap}/shape"])
        flat = features.flatten().double().numpy()
        np.testing.assert_allclose([flat.mean(), flat.std()], expected[f"{tap}/mean_std"], atol=1e-6)
        np.testing.assert_allclose(flat[:16], expected[f"{tap}/first16"], atol=1e-5)
        np.testing.assert_allclose(flat[expected[f"{tap}/sample_idx"]], expected[f"{tap}/sample"], atol=1e-5)


# ------------------------------------------------------------------------------------------------- all backbones


@pytest.mark.parametrize("name", BACKBONES)
def test_maps_have_the_promised_channels_and_sizes(name: str) -> None:
    with torch.device("meta"):
        module = build_backbone(name)
        maps = _maps(module, torch.empty(4, 3, 61, 83), 2)
    assert module.strides == (4, 8, 16, 32)
    assert [features.shape for features in maps] == [
        (4, channels, -(-61 // stride), -(-83 // stride))
        for channels, stride in zip(module.channels, module.strides, strict=True)
    ]


def test_unknown_name_is_answered_with_the_near_ones() -> None:
    with pytest.raises(PluginError, match="resnet50"):
        build_backbone("resnet_50")


@pytest.mark.parametrize("kind", [Swin, VideoSwin])
def test_gradient_reaches_every_parameter_of_a_transformer(kind: type[nn.Module]) -> None:
    module = _fill(kind(**SMALL))
    sum(features.square().sum() for features in module(_frames(2, 3, 64, 64), 2)).backward()
    assert [name for name, parameter in module.named_parameters() if not parameter.grad.any()] == []


def test_gradient_of_resnet_stops_before_the_first_stage() -> None:
    module = _fill(ResNet(depths=(1, 1, 1, 1)))
    sum(features.sum() for features in module(_frames(2, 3, 32, 32), 2)).backward()
    reached = {name.split(".")[0] for name, parameter in module.named_parameters() if parameter.grad is not None}
    assert reached == {"layer2", "layer3", "layer4"}


@pytest.mark.parametrize("module", [ResNet(depths=(1, 1, 1, 1)), Swin(**SMALL)], ids=["resnet", "swin"])
def test_image_backbones_see_each_frame_on_its_own(module: nn.Module) -> None:
    frames = _frames(3, 3, 45, 70)
    alone = [_maps(_fill(module), frame[None]) for frame in frames]
    _assert_close(_maps(module, frames, 3), [torch.cat(level) for level in zip(*alone, strict=True)])


# -------------------------------------------------------------------------------------------------------- ResNet


@pytest.mark.parametrize("size", ODD_SIZES)
def test_resnet_equals_that_of_transformers(size: tuple[int, int]) -> None:
    module = _fill(ResNet(depths=(1, 2, 1, 1)))
    oracle = ResNetBackbone(ResNetConfig(depths=[1, 2, 1, 1], out_features=STAGES)).eval()
    state = {resnet_name(key): tensor for key, tensor in module.state_dict().items()}
    loaded = oracle.load_state_dict(state, strict=False)
    assert loaded.unexpected_keys == []
    assert all(key.endswith("num_batches_tracked") for key in loaded.missing_keys)
    frames = _frames(2, 3, *size)
    with torch.no_grad():
        expected = oracle(frames).feature_maps
    _assert_close(_maps(module, frames), list(expected), 2e-5)


def test_folded_batch_norm_changes_nothing_but_rounding() -> None:
    module = _fill(ResNet(depths=(1, 2, 1, 1)))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    folded = fold_batch_norm(nn.ModuleList([module]))[0]
    frames = _frames(2, 3, 61, 83)
    _assert_close(_maps(folded, frames), _maps(module, frames), 2e-5)
    assert not [name for name in folded.state_dict() if "running" in name]
    assert not [name for name, parameter in folded.named_parameters() if parameter.requires_grad]
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_frozen_batch_norm_learns_nothing_in_training() -> None:
    module = _fill(ResNet(depths=(1, 1, 1, 1)))
    frames = _frames(2, 3, 32, 32)
    expected = _maps(module, frames)
    _assert_close(_maps(module.train(), frames), expected, 0)
    _assert_close(_maps(module.eval(), frames), expected, 0)


# ---------------------------------------------------------------------------------------------------------- Swin


@pytest.mark.parametrize("size", [*ODD_SIZES, (9, 13)])
def test_swin_equals_that_of_transformers(size: tuple[int, int]) -> None:
    module = _fill(Swin(**SMALL))
    oracle = SwinBackbone(
        SwinConfig(embed_dim=16, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8], out_features=STAGES)
    ).eval()
    ours = module.state_dict()
    state = {key: swin_tensor(key, ours) for key in oracle.state_dict() if not key.endswith(SWIN_UNUSED)}
    loaded = oracle.load_state_dict(state, strict=False)
    assert all(key.endswith(SWIN_UNUSED) for key in loaded.missing_keys)
    frames = _frames(2, 3, *size)
    with torch.no_grad():
        expected = oracle(frames).feature_maps
    _assert_close(_maps(module, frames), list(expected), 2e-5)


# ---------------------------------------------------------------------------------------------------- Video-Swin


def test_video_swin_on_one_frame_of_large_maps_equals_swin_without_output_norms() -> None:
    """With one frame the window shrinks in time alone, so what is left is the part of the bias with no step in time."""
    video, image = _fill(VideoSwin(**SMALL)), _fill(Swin(**SMALL))
    state = {re.sub(r"^downsamples\.(\d)", r"layers.\1.downsample", k): v for k, v in video.state_dict().items()}
    for key, tensor in image.state_dict().items():
        if key.endswith("bias_table"):
            state[key] = state[key].unflatten(0, (15, 169))[7]
        elif key.endswith("index") or re.match(r"norm\d", key):
            state[key] = torch.ones_like(tensor) if key.endswith("weight") else tensor
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"][:, :, 0]
    state |= {f"norm{level}.bias": torch.zeros(16 * 2**level) for level in range(4)}
    image.load_state_dict(state)
    frames = _frames(1, 3, 260, 300)  # 9 x 10 patches at stride 32, so no window shrinks in height or width
    expected = [
        F.layer_norm(features.movedim(1, -1), features.shape[1:2]).movedim(-1, 1) for features in _maps(video, frames)
    ]
    _assert_close(_maps(image, frames), expected, 2e-5)


@pytest.mark.parametrize("num_frames", [1, 3, 8, 11])
def test_batch_of_clips_equals_single_clips(num_frames: int) -> None:
    module = _fill(VideoSwin(**SMALL))
    frames = _frames(2 * num_frames, 3, 41, 50)
    alone = [_maps(module, clip, num_frames) for clip in frames.split(num_frames)]
    _assert_close(_maps(module, frames, num_frames), [torch.cat(level) for level in zip(*alone, strict=True)])


def test_frames_of_a_clip_see_each_other() -> None:
    module = _fill(VideoSwin(**SMALL))
    frames = _frames(5, 3, 61, 83)
    changed = frames.clone()
    changed[4] += 1
    for together, other in zip(_maps(module, frames, 5), _maps(module, changed, 5), strict=True):
        assert (together[0] != other[0]).any()


def test_frames_that_do_not_fill_clips_are_refused() -> None:
    with pytest.raises(RuntimeError, match="unflatten"):
        _maps(VideoSwin(**SMALL), _frames(5, 3, 32, 32), 2)


# ------------------------------------------------------------------------------------------- windowed attention


@pytest.mark.parametrize("shrinks", [True, False])
@pytest.mark.parametrize("sides", [(6, 5, 7), (4, 6, 3), (9, 4, 8)])
def test_windows_equal_attention_over_the_whole_clip_with_far_positions_left_out(
    sides: tuple[int, int, int], shrinks: bool
) -> None:
    window = (4, 3, 3)
    stage = _fill(Stage(8, 2, window, [0.0, 0.0], shrinks=shrinks, merges=False))
    x = _frames(2, *sides, 8)
    # Shrinking to the map's own side does not change the size here, but it ends the shift.
    shift = tuple(0 if shrinks and side <= full else full // 2 for side, full in zip(sides, window, strict=True))
    with torch.no_grad():
        expected = _dense_block(stage.blocks[1], _dense_block(stage.blocks[0], x, window, (0, 0, 0)), window, shift)
        torch.testing.assert_close(stage(x), expected, rtol=1e-5, atol=1e-5)


def _dense_block(block: Block, x: Tensor, window: tuple[int, ...], shift: tuple[int, ...]) -> Tensor:
    """One block that compares every position with every other: no rolling, no cutting."""
    _, T, h, w, C = x.shape
    padded = [-(-side // size) * size for side, size in zip((T, h, w), window, strict=True)]
    normed = F.pad(block.norm1(x), (0, 0, 0, padded[2] - w, 0, padded[1] - h, 0, padded[0] - T)).flatten(1, 3)
    place = torch.tensor(list(product(*(range(side) for side in padded))))  # [P, 3]
    # Shifted windows start at `shift`; what lies before it is a window of its own.
    cell = (place - torch.tensor(shift)).div(torch.tensor(window), rounding_mode="floor")
    together = (cell[:, None] == cell[None]).all(-1)
    step = (place[:, None] - place[None] + torch.tensor(window) - 1) * together[..., None]
    row = (step[..., 0] * (2 * window[1] - 1) + step[..., 1]) * (2 * window[2] - 1) + step[..., 2]
    query, key, value = block.attn.qkv(normed).unflatten(-1, (3, 2, C // 2)).permute(2, 0, 3, 1, 4)
    logits = query @ key.mT / (C // 2) ** 0.5 + block.attn.relative_position_bias_table[row].movedim(-1, 0)
    attended = logits.masked_fill(~together, -torch.inf).softmax(-1) @ value
    attended = block.attn.proj(attended.transpose(1, 2).flatten(2)).unflatten(1, padded)
    x = x + attended[:, :T, :h, :w]
    return x + block.mlp(block.norm2(x))


# ---------------------------------------------------------------------------------------------- stochastic depth


@pytest.mark.parametrize("name", ["swin_t_p4w7", "video_swin_b_p4w7"])
def test_drop_rates_rise_to_the_released_value(name: str) -> None:
    with torch.device("meta"):
        module = build_backbone(name)
    rates = [part.probability for part in module.modules() if isinstance(part, DropPath)]
    np.testing.assert_allclose(rates, np.linspace(0, 0.2, len(rates)), rtol=1e-12)


def test_drop_path_drops_whole_clips_in_training_only() -> None:
    drop = DropPath(0.25)
    x = torch.ones(4000, 2, 3)
    torch.manual_seed(0)
    dropped = drop(x)
    assert dropped.flatten(1).unique(dim=1).shape == (4000, 1)
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 1 / 0.75]))
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(x), x)


@torch.no_grad()
def test_the_small_resnet_is_a_stem_and_four_blocks() -> None:
    backbone = _fill(build_backbone("resnet_small"))
    frames = _frames(2, 3, 61, 83)

    def normed(x: Tensor, conv: nn.Conv2d, norm: nn.GroupNorm, stride: int = 1) -> Tensor:
        x = F.conv2d(x, conv.weight, stride=stride, padding=conv.kernel_size[0] // 2)
        groups = x.unflatten(1, (8, -1)).flatten(2)
        x = (
            (x.unflatten(1, (8, -1)) - groups.mean(2)[..., None, None, None])
            / (groups.var(2, unbiased=False)[..., None, None, None] + 1e-5).sqrt()
        ).flatten(1, 2)
        return x * norm.weight[:, None, None] + norm.bias[:, None, None]

    x, maps = normed(frames, backbone.conv1, backbone.norm1, 2).relu(), []
    for block in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4):
        inner = normed(x, block.conv1, block.norm1, 2).relu()
        x = (normed(inner, block.conv2, block.norm2) + normed(x, *block.shortcut, 2)).relu()
        maps.append(x)
    _assert_close(_maps(backbone, frames), maps)


def test_the_small_resnet_is_small_and_all_of_it_trains() -> None:
    backbone = build_backbone("resnet_small")
    assert backbone.channels == (24, 48, 96, 96)
    assert sum(parameter.numel() for parameter in backbone.parameters()) < 400_000
    torch.stack([each.sum() for each in backbone(_frames(2, 3, 64, 64), 1)]).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@torch.no_grad()
def test_folding_batch_norm_leaves_the_small_resnet_alone() -> None:
    backbone = _fill(build_backbone("resnet_small"))
    frames = _frames(1, 3, 40, 56)
    for actual, expected in zip(_maps(fold_batch_norm(backbone), frames), _maps(backbone, frames), strict=True):
        assert torch.equal(actual, expected)
