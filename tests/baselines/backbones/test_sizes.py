"""Backbones of the sizes for which there are no released numbers, at these sizes.

Names and shapes are held against the published definitions, written out here and themselves held against the released
names of ResNet-50, Swin-T and Video-Swin-T; ResNet and Swin against transformers with the same weights; Video-Swin
against a plain rendering. Models are made on the meta device, and weights are views of few numbers.
"""

import argparse
import functools
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch import Tensor
from transformers import ResNetBackbone
from transformers import ResNetConfig
from transformers import RobertaConfig
from transformers import SwinBackbone
from transformers import SwinConfig

from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.backbones import Swin
from fsbench_baselines.backbones import VideoSwin
from fsbench_baselines.referformer import load_released
from fsbench_baselines.referformer import ModelConfig
from fsbench_baselines.referformer import QueryBatch
from fsbench_baselines.referformer import ReferFormer
from fsbench_baselines.released import ALIAS
from tests.baselines.backbones.naming import resnet_name
from tests.baselines.backbones.naming import swin_tensor
from tests.baselines.backbones.naming import SWIN_UNUSED
from tests.baselines.referformer.test_model import TEXT

BODY = "backbone.0.body."
NUMBERS, MOST_OFFSET = 1 << 19, 1 << 16
STAGES = ["stage1", "stage2", "stage3", "stage4"]
PUBLISHED = ("resnet101", "swin_l_p4w7", "video_swin_s_p4w7", "video_swin_b_p4w7")  # of which there are weights


class Size(NamedTuple):
    """Width, depths and heads of the published `configs`; of a ResNet the depths of torchvision's."""

    depths: tuple[int, int, int, int]
    dim: int = 0
    heads: tuple[int, int, int, int] = (0, 0, 0, 0)


SIZES = {
    "resnet50": Size((3, 4, 6, 3)),
    "resnet101": Size((3, 4, 23, 3)),
    "swin_t_p4w7": Size((2, 2, 6, 2), 96, (3, 6, 12, 24)),
    "swin_s_p4w7": Size((2, 2, 18, 2), 96, (3, 6, 12, 24)),
    "swin_b_p4w7": Size((2, 2, 18, 2), 128, (4, 8, 16, 32)),
    "swin_l_p4w7": Size((2, 2, 18, 2), 192, (6, 12, 24, 48)),
    "video_swin_t_p4w7": Size((2, 2, 6, 2), 96, (3, 6, 12, 24)),
    "video_swin_s_p4w7": Size((2, 2, 18, 2), 96, (3, 6, 12, 24)),
    "video_swin_b_p4w7": Size((2, 2, 18, 2), 128, (4, 8, 16, 32)),
}
GOLDENS = {
    "resnet50": "referformer_r50",
    "swin_t_p4w7": "referformer_swin_t",
    "video_swin_t_p4w7": "referformer_vswin_t",
}


# ---- names and shapes ----


def published_shapes(name: str) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes of a backbone's state, in the order of the published definition."""
    size = SIZES[name]
    if name.startswith("resnet"):
        yield from _resnet_shapes(size)
    else:
        yield from _swin_shapes(size, is_video=name.startswith("video"))


def _resnet_shapes(size: Size) -> Iterator[tuple[str, list[int]]]:
    def norm(name: str, channels: int) -> Iterator[tuple[str, list[int]]]:
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{name}.{part}", [channels]

    yield "conv1.weight", [64, 3, 7, 7]
    yield from norm("bn1", 64)
    inputs = 64
    for stage, (depth, width) in enumerate(zip(size.depths, (64, 128, 256, 512), strict=True), start=1):
        for block in range(depth):
            place = f"layer{stage}.{block}"
            for number, (out, into, side) in enumerate(
                [(width, inputs, 1), (width, width, 3), (4 * width, width, 1)], 1
            ):
                yield f"{place}.conv{number}.weight", [out, into, side, side]
                yield from norm(f"{place}.bn{number}", out)
            if block == 0:
                yield f"{place}.downsample.0.weight", [4 * width, inputs, 1, 1]
                yield from norm(f"{place}.downsample.1", 4 * width)
            inputs = 4 * width


def _swin_shapes(size: Size, *, is_video: bool) -> Iterator[tuple[str, list[int]]]:
    window = (8, 7, 7) if is_video else (7, 7)
    offsets, positions = (int(np.prod(sides)) for sides in ([2 * side - 1 for side in window], window))
    widths = [size.dim * 2**level for level in range(4)]

    def linear(name: str, into: int, out: int) -> Iterator[tuple[str, list[int]]]:
        yield f"{name}.weight", [out, into]
        yield f"{name}.bias", [out]

    def norm(name: str, width: int) -> Iterator[tuple[str, list[int]]]:
        yield f"{name}.weight", [width]
        yield f"{name}.bias", [width]

    def merging(name: str, width: int) -> Iterator[tuple[str, list[int]]]:
        yield f"{name}.reduction.weight", [2 * width, 4 * width]
        yield from norm(f"{name}.norm", 4 * width)

    yield "patch_embed.proj.weight", [size.dim, 3, *([1] if is_video else []), 4, 4]
    yield "patch_embed.proj.bias", [size.dim]
    yield from norm("patch_embed.norm", size.dim)
    for level, width in enumerate(widths):
        for block in range(size.depths[level]):
            place = f"layers.{level}.blocks.{block}"
            yield from norm(f"{place}.norm1", width)
            yield f"{place}.attn.relative_position_bias_table", [offsets, size.heads[level]]
            yield f"{place}.attn.relative_position_index", [positions, positions]
            yield from linear(f"{place}.attn.qkv", width, 3 * width)
            yield from linear(f"{place}.attn.proj", width, width)
            yield from norm(f"{place}.norm2", width)
            yield from linear(f"{place}.mlp.fc1", width, 4 * width)
            yield from linear(f"{place}.mlp.fc2", 4 * width, width)
        if level < 3 and not is_video:
            yield from merging(f"layers.{level}.downsample", width)
    if is_video:
        for level in range(3):
            yield from merging(f"downsamples.{level}", widths[level])
    else:
        for level, width in enumerate(widths):
            yield from norm(f"norm{level}", width)


@pytest.mark.parametrize(("name", "tag"), GOLDENS.items())
def test_the_definitions_written_here_are_the_released_ones(test_golden: Path, name: str, tag: str) -> None:
    entries = json.loads((test_golden / f"names_{tag}.json").read_text())
    released = [(entry["name"], entry["shape"]) for entry in entries if entry["name"].startswith(BODY)]
    assert [(BODY + key, shape) for key, shape in published_shapes(name)] == released


@pytest.mark.parametrize("name", SIZES)
def test_every_tensor_has_the_published_name_and_shape(name: str) -> None:
    with torch.device("meta"):
        state = build_backbone(name).state_dict()
    assert [(key, list(tensor.shape)) for key, tensor in state.items()] == list(published_shapes(name))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_rest_of_a_model_differs_from_that_of_resnet50_in_what_reads_the_maps_alone(
    test_golden: Path, name: str
) -> None:
    with torch.device("meta"):
        model = ReferFormer(ModelConfig(backbone=name, text=TEXT))
    finest, *coarser = model.body.channels
    read = {f"input_proj.{level}.0.weight": [256, channels, 1, 1] for level, channels in enumerate(coarser)}
    read |= {"input_proj.3.0.weight": [256, coarser[-1], 3, 3], "pixel_decoder.adapter_1.weight": [256, finest, 1, 1]}
    entries = json.loads((test_golden / "names_referformer_r50.json").read_text())
    apart = (BODY, "text_encoder.", "resizer.")  # which depends on the text encoder
    expected = {e["name"]: read.get(e["name"], e["shape"]) for e in entries if not e["name"].startswith(apart)}
    own = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
    assert {key: shape for key, shape in own.items() if not key.startswith(apart)} == expected
    assert {key: own[key] for key in own if key.startswith(BODY)} == {BODY + k: s for k, s in published_shapes(name)}


# ---- maps ----


def views(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    """Weights by name that are views of few numbers: a large model takes little memory, and so does its file."""
    numbers = torch.randn(NUMBERS, generator=torch.Generator().manual_seed(0))
    near_one, near_zero = 1 + 0.1 * numbers, 0.1 * numbers
    pools: dict[int, Tensor] = {}
    found = {}
    for place, (name, shape) in enumerate(shapes.items()):
        offset, rows, columns = 7919 * place % MOST_OFFSET, shape[0], int(np.prod(shape[1:]))
        if len(shape) == 1:
            pool = near_one if name.endswith(("weight", "running_var")) else near_zero
            found[name] = pool[offset : offset + rows]
        else:
            pool = pools.setdefault(columns, numbers / columns**0.5)
            step = min(columns, (NUMBERS - MOST_OFFSET - columns) // rows)  # rows may overlap
            found[name] = pool.as_strided((rows, columns), (step, 1), offset).unflatten(1, shape[1:])
    return found


def weights(name: str) -> dict[str, Tensor]:
    """Weights of a backbone, without what follows from the size of a window."""
    return views({k: s for k, s in published_shapes(name) if not k.endswith("relative_position_index")})


def filled(name: str) -> nn.Module:
    """A backbone that has these weights, made without drawing others."""
    with torch.device("meta"):
        module = build_backbone(name)
    index = _index(name)
    state = {key: index if key.endswith("relative_position_index") else None for key in module.state_dict()}
    whole = {key: tensor.contiguous() for key, tensor in weights(name).items()}  # oneDNN takes no overlapping rows
    module.load_state_dict({**state, **whole}, assign=True)
    return module.eval()


@functools.cache
def _index(name: str) -> Tensor | None:
    if name.startswith("resnet"):
        return None
    kind = VideoSwin if name.startswith("video") else Swin
    small = kind(dim=1, depths=(2,), heads=(1,), drop_path=0.0)
    return small.state_dict()["layers.0.blocks.0.attn.relative_position_index"]


def assert_alike(maps: list[Tensor], expected: list[Tensor]) -> None:
    """Maps are as large as the weights make them, so the bound goes with their size."""
    for actual, wanted in zip(maps, expected, strict=True):
        assert wanted.std() > 0
        torch.testing.assert_close(actual / wanted.std(), wanted / wanted.std(), rtol=0, atol=1e-4)


def frames(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_resnet101_equals_that_of_transformers() -> None:
    module = filled("resnet101")
    with torch.device("meta"):
        oracle = ResNetBackbone(ResNetConfig(depths=[3, 4, 23, 3], out_features=STAGES)).eval()
    state = {resnet_name(key): tensor for key, tensor in module.state_dict().items()}
    counts = {key: torch.zeros((), dtype=torch.int64) for key in oracle.state_dict() if key.endswith("tracked")}
    oracle.load_state_dict({**state, **counts}, assign=True)
    given = frames(1, 3, 61, 83)
    assert_alike(module(given, 1), list(oracle(given).feature_maps))


@pytest.mark.parametrize("name", ["swin_s_p4w7", "swin_b_p4w7", "swin_l_p4w7"])
@torch.no_grad()
def test_swin_equals_that_of_transformers(name: str) -> None:
    module, size = filled(name), SIZES[name]
    small = SwinBackbone(SwinConfig(embed_dim=16, depths=[1], num_heads=[1]))
    (index,) = (buffer for key, buffer in small.named_buffers() if key.endswith("relative_position_index"))
    config = SwinConfig(embed_dim=size.dim, depths=size.depths, num_heads=size.heads, out_features=STAGES)
    with torch.device("meta"):
        oracle = SwinBackbone(config).eval()
    for part in oracle.modules():
        if "relative_position_index" in dict(part.named_buffers(recurse=False)):
            part.relative_position_index = index
    ours = module.state_dict()
    own = {key: tensor for key, tensor in oracle.state_dict().items() if not key.endswith("relative_position_index")}
    state = {
        key: torch.zeros(t.shape) if key.endswith(SWIN_UNUSED) else swin_tensor(key, ours) for key, t in own.items()
    }
    loaded = oracle.load_state_dict(state, strict=False, assign=True)
    assert all(key.endswith("relative_position_index") for key in loaded.missing_keys)
    given = frames(1, 3, 61, 83)
    assert_alike(module(given, 1), list(oracle(given).feature_maps))


# ---- Video-Swin ----


def plain_video_swin(state: dict[str, Tensor], size: Size, clip: Tensor) -> list[Tensor]:
    """The published Video-Swin on a clip [T, 3, H, W], window by window: four maps [T, C, h, w]."""

    def normed(x: Tensor, place: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{place}.weight"], state[f"{place}.bias"])

    def linear(x: Tensor, place: str) -> Tensor:
        return F.linear(x, state[f"{place}.weight"], state.get(f"{place}.bias"))

    kernel = state["patch_embed.proj.weight"][:, :, 0]
    padded = F.pad(clip, (0, -clip.shape[-1] % 4, 0, -clip.shape[-2] % 4))
    x = F.conv2d(padded, kernel, state["patch_embed.proj.bias"], stride=4).permute(0, 2, 3, 1)
    x, maps = normed(x, "patch_embed.norm"), []
    for level in range(4):
        for block in range(size.depths[level]):
            place, heads = f"layers.{level}.blocks.{block}", size.heads[level]
            x = x + _plain_attention(normed(x, f"{place}.norm1"), state, f"{place}.attn", heads, shifted=block % 2 == 1)
            x = x + linear(F.gelu(linear(normed(x, f"{place}.norm2"), f"{place}.mlp.fc1")), f"{place}.mlp.fc2")
        maps.append(x.permute(0, 3, 1, 2))
        if level < 3:
            x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
            x = linear(normed(x, f"downsamples.{level}.norm"), f"downsamples.{level}.reduction")
    return maps


def _plain_attention(x: Tensor, state: dict[str, Tensor], place: str, heads: int, *, shifted: bool) -> Tensor:
    """Attention of maps [T, h, w, C] in windows of 8 x 7 x 7, or of the map's own side where that is no larger."""
    full, sides = (8, 7, 7), x.shape[:3]
    window = tuple(side if side <= most else most for side, most in zip(sides, full, strict=True))
    shift = tuple(most // 2 if shifted and side > most else 0 for side, most in zip(sides, full, strict=True))
    whole = [-(-side // step) * step for side, step in zip(sides, window, strict=True)]
    padded = torch.zeros(*whole, x.shape[-1])
    padded[: sides[0], : sides[1], : sides[2]] = x
    result = torch.zeros_like(padded)
    number = window[0] * window[1] * window[2]
    # The bias of two places of a window is that of the first `number` places of a full one, whatever their ways are.
    spots = list(product(*map(range, full)))[:number]
    ways = torch.tensor(
        [[[a - b + most - 1 for a, b, most in zip(one, two, full, strict=True)] for two in spots] for one in spots]
    )
    rows = (ways[..., 0] * 13 + ways[..., 1]) * 13 + ways[..., 2]
    bias = state[f"{place}.relative_position_bias_table"][rows].permute(2, 0, 1)
    for corner in product(*(range(0, side, step) for side, step in zip(whole, window, strict=True))):
        # Places of the shifted grid, and where they come from; what comes from the other end is a region of its own.
        grid = torch.tensor(list(product(*(range(c, c + step) for c, step in zip(corner, window, strict=True)))))
        source = (grid + torch.tensor(shift)) % torch.tensor(whole)
        wrapped = (grid + torch.tensor(shift)) >= torch.tensor(whole)
        apart = (wrapped[:, None] != wrapped[None]).any(-1)
        tokens = padded[source[:, 0], source[:, 1], source[:, 2]]
        qkv = F.linear(tokens, state[f"{place}.qkv.weight"], state[f"{place}.qkv.bias"])
        query, key, value = qkv.view(number, 3, heads, -1).permute(1, 2, 0, 3)
        logits = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5 + bias - 100.0 * apart
        attended = (logits.softmax(-1) @ value).transpose(0, 1).flatten(1)
        result[source[:, 0], source[:, 1], source[:, 2]] = F.linear(
            attended, state[f"{place}.proj.weight"], state[f"{place}.proj.bias"]
        )
    return result[: sides[0], : sides[1], : sides[2]]


@pytest.mark.parametrize(
    ("name", "shape"),  # more frames than a window, and fewer; windows of the map's side, and more; both leave rests
    [("video_swin_s_p4w7", (9, 36, 52)), ("video_swin_s_p4w7", (3, 64, 36)), ("video_swin_b_p4w7", (9, 36, 36))],
)
@torch.no_grad()
def test_video_swin_equals_a_plain_rendering(name: str, shape: tuple[int, int, int]) -> None:
    clip = frames(shape[0], 3, *shape[1:])
    assert_alike(filled(name)(clip, shape[0]), plain_video_swin(weights(name), SIZES[name], clip))


# ---- whole models ----


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_as_the_training_script_saves_it_loads_and_runs(tmp_path: Path, name: str) -> None:
    with torch.device("meta"):
        model = ReferFormer(ModelConfig(backbone=name, text=TEXT))
    shapes = {key: list(tensor.shape) for key, tensor in model.state_dict().items() if not key.endswith("_index")}
    state = views({key: shape for key, shape in shapes.items() if not key.startswith(ALIAS)})
    state |= {key: state[key.removeprefix("transformer.decoder.")] for key in shapes if key.startswith(ALIAS)}
    index = {key: _index(name) for key in model.state_dict() if key.endswith("relative_position_index")}
    saved = {"model": {**state, **index}, "args": argparse.Namespace(backbone=name), "epoch": 5}
    torch.save(saved, tmp_path / "checkpoint.pth")
    assert (tmp_path / "checkpoint.pth").stat().st_size < 200 << 20
    del model
    loaded = load_released(tmp_path / "checkpoint.pth", backbone=name, text_config=RobertaConfig(**TEXT))
    own = loaded.state_dict()
    assert all(torch.equal(own[key], tensor) for key, tensor in state.items())
    clip = frames(1, 2, 3, 33, 50)
    ids = torch.tensor([[0, 5, 9, 2]])
    no = torch.zeros(1, 2, 33, 50, dtype=torch.bool), torch.zeros_like(ids, dtype=torch.bool)
    with torch.no_grad():
        output = loaded(QueryBatch(clip, no[0], ids, no[1], torch.tensor([[33, 50]])))
        other = loaded(QueryBatch(-clip, no[0], ids, no[1], torch.tensor([[33, 50]])))
    assert output.masks.shape == (1, 2, 5, 9, 13)
    assert output.masks.isfinite().all()
    assert not torch.equal(output.masks, other.masks)
