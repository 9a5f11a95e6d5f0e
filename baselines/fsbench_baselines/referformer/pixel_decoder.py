"""Cross-modal feature pyramid: encoded maps to one map of stride 4, reading the words at every level.

Axes: B clips, T frames, D channels, h w positions on a map, S words.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from functools import partial
from typing import cast

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.linear import Conv2d
from fsbench_baselines.linear import Linear
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.dropout import Dropout
from fsbench_baselines.referformer.fusion import read_words
from fsbench_baselines.referformer.fusion import to_maps
from fsbench_baselines.referformer.fusion import to_tokens
from fsbench_baselines.referformer.text import Text
from fsbench_baselines.referformer.transformer import feed_forward

__all__ = ["Adapted", "Glance", "PixelDecoder", "VisionLanguageBlock"]

_SHRINK = (8, 4, 2, 1)  # of the maps in the self-attention over frames, stride 4 first
_CHUNK = 16384  # tokens of a clip that are made together; bounds the memory, changes no result


@dataclass(frozen=True)
class Glance:
    """What the frames of a clip show each other in a stage: a token for each position of their shrunk maps.

    Attributes:
        values, keys: [B, A, D], frame after frame.
        padding: bool [B, A], True on padding.
    """

    values: Tensor
    keys: Tensor
    padding: Tensor


@dataclass(frozen=True)
class Adapted:
    """What goes into a stage.

    Attributes:
        maps: [B, T, D, h, w].
        glance: of these maps, and small beside them.
    """

    maps: Tensor
    glance: Glance


class NormedConv(Conv2d):
    """Convolution without bias, then group norm, then ReLU if asked for."""

    def __init__(self, in_dim: int, out_dim: int, kernel_size: int, *, relu: bool) -> None:
        super().__init__(in_dim, out_dim, kernel_size, padding=kernel_size // 2, bias=False)
        nn.init.kaiming_uniform_(self.weight, a=1)
        self.norm = nn.GroupNorm(8, out_dim)
        self.relu = relu

    def forward(self, maps: Tensor) -> Tensor:
        """Returns [N, out_dim, h, w] of maps [N, in_dim, h, w]."""
        maps = self.norm(super().forward(maps))
        return functional.relu(maps) if self.relu else maps


class VisionLanguageBlock(nn.Module):
    """All frames of a clip attend to each other on shrunk maps, then each position reads the words.

    Frames meet in `attend` alone, which takes what `glance` returns of each; `see` puts its result into the maps. So a
    long clip can go through a few frames at a time. Of the four only `read` depends on the sentence.
    """

    def __init__(self, config: ModelConfig, shrink: int) -> None:
        super().__init__()
        dim, dropout = config.hidden_dim, config.dropout
        self.shrink = shrink
        self.self_attn = nn.MultiheadAttention(dim, config.heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(dim, config.heads, dropout=dropout, batch_first=True)
        self.linear1 = Linear(dim, config.dim_feedforward)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(config.dim_feedforward, dim)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def glance(self, maps: Tensor, padding: Tensor, positions: Tensor) -> Glance:
        """Returns what frames show each other.

        Args:
            maps, positions: [B, T, D, h, w].
            padding: bool [B, T, h, w], True on padding.
        """
        size = self._shrunk(maps)
        values = to_tokens(_resize(maps, size))
        keys = values + to_tokens(_resize(positions, size))
        return Glance(values, keys, functional.interpolate(padding.float(), size=size).bool().flatten(1))

    def attend(self, glance: Glance) -> Tensor:
        """Returns what the frames of a clip see in each other, [B, A, D]."""
        attended: Tensor = self.self_attn(
            glance.keys, glance.keys, glance.values, key_padding_mask=glance.padding, need_weights=False
        )[0]
        return attended

    def see(self, maps: Tensor, attended: Tensor) -> Tensor:
        """Puts what frames see in each other, [B, A, D], into their maps; these and the result are [B, T, D, h, w]."""
        return _in_parts(self._see_tokens, maps, to_maps(attended, self._shrunk(maps)))

    def _see_tokens(self, maps: Tensor, attended: Tensor) -> Tensor:
        """Returns what `see` returns, as tokens [B, A, D]; what was attended to is maps, too."""
        seen = _resize(attended, (maps.shape[-2], maps.shape[-1]), mode="bilinear")
        tokens: Tensor = self.norm1(to_tokens(maps) + self.dropout1(to_tokens(seen)))
        return tokens

    def _shrunk(self, maps: Tensor) -> tuple[int, int]:
        """Returns height and width of the shrunk maps."""
        height, width = maps.shape[-2:]
        return max(height // self.shrink, 1), max(width // self.shrink, 1)

    def read(self, maps: Tensor, positions: Tensor, text: Text) -> Tensor:
        """Attends to the words, and feeds forward; maps and positions are [B, T, D, h, w], and so is the result."""
        return _in_parts(partial(self._read_tokens, text), maps, positions)

    def _read_tokens(self, text: Text, maps: Tensor, positions: Tensor) -> Tensor:
        """Returns what `read` returns, as tokens [B, A, D]."""
        tokens = to_tokens(maps)
        read = read_words(self.multihead_attn, tokens + to_tokens(positions), text)
        tokens = self.norm2(tokens + self.dropout2(read))
        out: Tensor = self.norm3(tokens + self.dropout3(feed_forward(tokens, self.linear1, self.dropout, self.linear2)))
        return out


class PixelDecoder(nn.Module):
    """From the encoded maps of strides 32, 16, 8 and the backbone's map of stride 4 to mask features.

    Stage 1 is stride 4, stage 4 is stride 32.
    """

    def __init__(self, config: ModelConfig, finest_dim: int) -> None:
        super().__init__()
        dim = config.hidden_dim
        for stage, (in_dim, shrink) in enumerate(zip((finest_dim, dim, dim, dim), _SHRINK, strict=True), start=1):
            self.add_module(f"adapter_{stage}", NormedConv(in_dim, dim, 1, relu=False))
            self.add_module(f"layer_{stage}", NormedConv(dim, dim, 3, relu=True))
            self.add_module(f"cross_attn_{stage}", VisionLanguageBlock(config, shrink))
        self.mask_features = nn.Conv2d(dim, config.mask_dim, 3, padding=1)
        nn.init.kaiming_uniform_(self.mask_features.weight, a=1)
        nn.init.zeros_(cast("Tensor", self.mask_features.bias))

    def adapt(self, stage: int, maps: Tensor, padding: Tensor, positions: Tensor) -> Adapted:
        """Returns what goes into a stage; no frame depends on another.

        Args:
            stage: 1 to 4.
            maps: [B, T, C, h, w]; the backbone's map for stage 1, encoded maps for the others.
            padding: bool [B, T, h, w], True on padding.
            positions: [B, T, D, h, w].
        """
        adapted = _per_frame(self.get_submodule(f"adapter_{stage}"), maps)
        return Adapted(adapted, self._block(stage).glance(adapted, padding, positions))

    def attend(self, stage: int, glances: Sequence[Glance]) -> tuple[Tensor, ...]:
        """Returns what the frames of a clip see in each other, [B, A_i, D] for each part i of the clip."""
        together = Glance(*(torch.cat([getattr(each, f.name) for each in glances], dim=1) for f in fields(Glance)))
        sizes = [each.values.shape[1] for each in glances]
        parts: tuple[Tensor, ...] = self._block(stage).attend(together).split(sizes, dim=1)
        return parts

    def see(self, stage: int, adapted: Adapted, attended: Tensor) -> Tensor:
        """Returns the part of a stage that does not depend on the sentence: [B, T, D, h, w]."""
        return self._block(stage).see(adapted.maps, attended)

    def read(self, stage: int, seen: Tensor, positions: Tensor, text: Text) -> Tensor:
        """Returns what a stage has `seen`, after it has read the words; both and positions are [B, T, D, h, w]."""
        return self._block(stage).read(seen, positions, text)

    def _block(self, stage: int) -> VisionLanguageBlock:
        return cast("VisionLanguageBlock", self.get_submodule(f"cross_attn_{stage}"))

    def forward(
        self,
        finest: Tensor,
        adapted: Sequence[Adapted],
        attended: Sequence[Tensor],
        positions: Sequence[Tensor],
        text: Text,
    ) -> Tensor:
        """Returns what the mask features of every frame are made from; the mask head applies `mask_features` itself.

        Args:
            finest: [B, T, D, h, w], what `see` and then `read` return for stage 1; it does not depend on the others.
            adapted: what `adapt` returns for stages 2 to 4.
            attended: what `attend` returns for them, of these frames.
            positions: [B, T, D, h_l, w_l] of strides 4, 8, 16, 32.
            text: the words to read.
        Returns:
            [B, T, D, h, w] of stride 4.
        """
        coarser: Tensor | None = None
        for stage in (4, 3, 2):
            seen = self.see(stage, adapted[stage - 2], attended[stage - 2])
            coarser = self._join(stage, self.read(stage, seen, positions[stage - 1], text), coarser)
        return self._join(1, finest, coarser)

    def _join(self, stage: int, maps: Tensor, coarser: Tensor | None) -> Tensor:
        """Returns a stage's result, [B, T, D, h, w], from its maps and the result of the stage before."""
        if coarser is not None:
            maps = maps + _resize(coarser, (maps.shape[-2], maps.shape[-1]))
        return _per_frame(self.get_submodule(f"layer_{stage}"), maps)


def _per_frame(module: nn.Module, maps: Tensor) -> Tensor:
    """Applies a module for [N, C, h, w] to maps [B, T, C, h, w].

    Without gradients one frame at a time, because the scratch memory of a convolution is as large as its input. The
    maps have their channels last, as tokens of them have.
    """
    frames = maps.flatten(0, 1)
    if torch.is_grad_enabled():
        together: Tensor = module(frames)
        return torch.unflatten(together, 0, maps.shape[:2])
    first: Tensor = module(frames[:1])
    done = first.new_empty(len(frames), *first.shape[2:], first.shape[1]).permute(0, 3, 1, 2)
    done[:1] = first
    for number in range(1, len(frames)):
        done[number] = module(frames[number : number + 1])[0]
    return torch.unflatten(done, 0, maps.shape[:2])


def _in_parts(make: Callable[..., Tensor], maps: Tensor, *others: Tensor) -> Tensor:
    """Returns maps [B, T, D, h, w] of the tokens that `make` gives for a few frames of such maps and of others."""
    size = (maps.shape[-2], maps.shape[-1])
    frames = max(_CHUNK // (size[0] * size[1]), 1)
    parts = zip(*(each.split(frames, dim=1) for each in (maps, *others)), strict=True)
    return to_maps(torch.cat([make(*part) for part in parts], dim=1), size)


def _resize(maps: Tensor, size: tuple[int, int], mode: str = "nearest") -> Tensor:
    """Returns maps [B, T, D, h, w] at another size."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    resized = functional.interpolate(maps.flatten(0, 1), size=size, mode=mode)
    return torch.unflatten(resized, 0, maps.shape[:2])
