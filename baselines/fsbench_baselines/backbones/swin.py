"""Swin Transformer (Liu et al., 2021) for images of any size, and the windowed attention that Video-Swin shares.

Features are laid out [B, T, h, w, C]: an image is a clip of one frame, and its windows are one frame long. Windows and
shifts are triples (frames, height, width). `M` windows of `P` positions each cover a padded clip.
"""

from collections.abc import Iterable
from itertools import product
from typing import cast
from typing import NamedTuple

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.backbones.backbone import Backbone

__all__ = ["PatchEmbed", "PatchMerging", "Swin", "init_weights", "swin_stages"]

MASKED = -100.0  # added to the logit of a position from elsewhere; the released value, not minus infinity

Triple = tuple[int, int, int]


class Windows(NamedTuple):
    """How one stage cuts its maps: sides of a window, and the shift of every second block."""

    size: Triple
    shift: Triple


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a learnt bias for each relative position."""

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: Triple) -> None:
        super().__init__()
        self.heads = heads
        differences = torch.Size(2 * side - 1 for side in window).numel()
        self.relative_position_bias_table = nn.Parameter(torch.empty(differences, heads))
        self.register_buffer("relative_position_index", _relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attends within each window.

        Args:
            x: windows [B, M, P, C]; P may be smaller than the full window.
            mask: added to the logits, [M, P, P], or None.
        Returns:
            [B, M, P, C].
        """
        B, M, P, C = x.shape
        # A shrunken window takes the first P rows and columns, which is exact only if it shrank in time alone; the
        # released weights were trained so.
        index = self.relative_position_index[:P, :P].reshape(-1)
        bias = self.relative_position_bias_table[index].view(P, P, self.heads).permute(2, 0, 1)[None]
        if mask is not None:
            bias = bias + mask[:, None]  # [M, heads, P, P]
        qkv = self.qkv(x).view(B, M, P, 3, self.heads, C // self.heads).permute(3, 0, 1, 4, 2, 5)
        query, key, value = qkv.reshape(3, -1, len(bias) * self.heads, P, C // self.heads)
        x = functional.scaled_dot_product_attention(query, key, value, bias.flatten(0, 1)[None])
        joined: Tensor = self.proj(x.view(B, M, self.heads, P, -1).transpose(2, 3).reshape(B, M, P, C))
        return joined


class Mlp(nn.Module):
    """Two linear layers with GELU between; [..., C] to [..., C]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Applies both layers."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class DropPath(nn.Module):
    """Stochastic depth: in training, drops a whole residual branch of each clip with the given probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Drops and rescales; `x` is [B, ...]."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        return x * x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(keep).div_(keep)


class Block(nn.Module):
    """One transformer block; every second one (`shifted`) moves its windows by half a side."""

    def __init__(self, dim: int, heads: int, window: Triple, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor, windows: Windows, mask: Tensor | None) -> Tensor:
        """Applies the block to features [B, T, h, w, C]; `mask` [M, P, P] is that of shifted windows."""
        x = x + self.drop_path(self._attend(self.norm1(x), windows, mask))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out

    def _attend(self, x: Tensor, windows: Windows, mask: Tensor | None) -> Tensor:
        shift = windows.shift if self.shifted else (0, 0, 0)
        _, T, h, w, _ = x.shape
        x = _pad_to_multiples(x, windows.size)  # after the norm: padding is zero, and takes part in the attention
        padded = x.shape
        if any(shift):
            x = x.roll([-step for step in shift], dims=(1, 2, 3))
        x = self.attn(_partition(x, windows.size), mask if any(shift) else None)
        x = _merge(x, windows.size, padded)
        if any(shift):
            x = x.roll(shift, dims=(1, 2, 3))
        return x[:, :T, :h, :w]


class PatchMerging(nn.Module):
    """Joins patches two by two: [B, T, h, w, C] to [B, T, ceil(h / 2), ceil(w / 2), 2 C]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Halves height and width."""
        x = _pad_to_multiples(x, (1, 2, 2))
        corners = [x[:, :, row::2, column::2] for column, row in product((0, 1), repeat=2)]
        merged: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return merged


class Stage(nn.Module):
    """Blocks of one resolution.

    Args:
        dim: channels C.
        heads: attention heads.
        window: sides of a window.
        drop_paths: probability of dropping a branch, for each block.
        shrinks: a window that is no smaller than the map becomes the map, unshifted (Video-Swin); otherwise the map
            is padded to the window (Swin).
        merges: owns the `downsample` to the next stage (Swin; Video-Swin keeps it elsewhere).
    """

    def __init__(
        self, dim: int, heads: int, window: Triple, drop_paths: list[float], *, shrinks: bool, merges: bool
    ) -> None:
        super().__init__()
        self.window = window
        self.shrinks = shrinks
        self.blocks = nn.ModuleList(
            Block(dim, heads, window, shifted=number % 2 == 1, drop_path=drop_path)
            for number, drop_path in enumerate(drop_paths)
        )
        self.downsample = PatchMerging(dim) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        """Applies the blocks, not `downsample`, to features [B, T, h, w, C]."""
        windows = self._windows(x.shape[1:4])
        mask = _shift_mask(x, windows) if any(windows.shift) else None
        for block in self.blocks:
            x = block(x, windows, mask)
        return x

    def _windows(self, sides: torch.Size) -> Windows:
        shift = [side // 2 for side in self.window]
        if not self.shrinks:
            return Windows(self.window, _triple(shift))
        size = [min(side, full) for side, full in zip(sides, self.window, strict=True)]
        shift = [0 if side <= full else step for side, full, step in zip(sides, self.window, shift, strict=True)]
        return Windows(_triple(size), _triple(shift))


def _triple(sides: list[int]) -> Triple:
    frames, height, width = sides
    return frames, height, width


class PatchEmbed(nn.Module):
    """Cuts frames [..., H, W] into patches of 4x4, zero-padded right and bottom.

    Args:
        proj: convolution over frames [N, 3, H, W] or over clips [B, 3, T, H, W] that gives C channels.
    """

    def __init__(self, proj: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.proj = proj
        self.norm = nn.LayerNorm(proj.out_channels)

    def forward(self, frames: Tensor) -> Tensor:
        """Returns patches [N, h, w, C] or [B, T, h, w, C]."""
        H, W = frames.shape[-2:]
        patches: Tensor = self.norm(self.proj(functional.pad(frames, (0, -W % 4, 0, -H % 4))).movedim(1, -1))
        return patches


def swin_stages(
    dim: int,
    depths: tuple[int, ...],
    heads: tuple[int, ...],
    window: Triple,
    drop_path: float,
    *,
    shrinks: bool,
    merges: bool,
) -> nn.ModuleList:
    """Returns all stages; the channels double, and the drop rate rises from 0 to `drop_path` over the blocks."""
    blocks = sum(depths)
    rates = (drop_path * number / (blocks - 1) for number in range(blocks))
    return nn.ModuleList(
        Stage(
            dim * 2**level,
            heads[level],
            window,
            [next(rates) for _ in range(depth)],
            shrinks=shrinks,
            merges=merges and level < len(depths) - 1,
        )
        for level, depth in enumerate(depths)
    )


def init_weights(module: nn.Module) -> None:
    """Initialises one submodule as released; for `nn.Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Swin(Backbone):
    """Swin Transformer on single frames, with a layer norm on each output."""

    def __init__(self, dim: int, depths: tuple[int, ...], heads: tuple[int, ...], drop_path: float) -> None:
        super().__init__()
        self.channels = tuple(dim * 2**level for level in range(len(depths)))
        self.patch_embed = PatchEmbed(nn.Conv2d(3, dim, kernel_size=4, stride=4))
        self.layers = swin_stages(dim, depths, heads, (1, 7, 7), drop_path, shrinks=False, merges=True)
        for level, channels in enumerate(self.channels):
            self.add_module(f"norm{level}", nn.LayerNorm(channels))
        self.apply(init_weights)

    def forward(self, frames: Tensor, num_frames: int) -> list[Tensor]:
        """Returns the maps of every frame, each on its own.

        Args:
            frames: normalised float [N, 3, H, W].
            num_frames: T; not used.
        Returns:
            Four maps [N, C, h, w] at strides 4, 8, 16, 32.
        """
        x = self.patch_embed(frames)[:, None]  # [N, 1, h, w, C]
        maps = []
        for level, stage in enumerate(cast("Iterable[Stage]", self.layers)):
            x = stage(x)
            maps.append(self.get_submodule(f"norm{level}")(x[:, 0]).permute(0, 3, 1, 2).contiguous())
            if stage.downsample is not None:
                x = stage.downsample(x)
        return maps


def _relative_position_index(window: Triple) -> Tensor:
    """Returns for each pair of positions its row of the bias table, int64 [P, P]."""
    grid = torch.meshgrid(*(torch.arange(side) for side in window), indexing="ij")
    positions = torch.stack(grid).flatten(1)  # [3, P]
    index = torch.zeros((), dtype=torch.int64)
    for axis, side in zip(positions, window, strict=True):
        index = index * (2 * side - 1) + axis[:, None] - axis[None, :] + side - 1
    return index


def _shift_mask(x: Tensor, windows: Windows) -> Tensor:
    """Returns the mask [M, P, P] that keeps apart what a cyclic shift brought together, for features like `x`."""
    padded = [-(-side // size) * size for side, size in zip(x.shape[1:4], windows.size, strict=True)]
    region = torch.zeros((), device=x.device)
    for axis, (side, size, shift) in enumerate(zip(padded, windows.size, windows.shift, strict=True)):
        position = torch.arange(side, device=x.device)
        # Three bands: whole windows, the last window's own part, and what the shift brought from the other end.
        band = (position >= side - size).long() + (position >= side - shift).long()
        region = region * 3 + band.view([-1 if other == axis else 1 for other in range(3)])
    regions = _partition(region[None, ..., None], windows.size)[0, :, :, 0]  # [M, P]
    apart = regions[:, :, None] != regions[:, None, :]
    return torch.zeros(apart.shape, dtype=x.dtype, device=x.device).masked_fill_(apart, MASKED)


def _pad_to_multiples(x: Tensor, sides: Triple) -> Tensor:
    """Pads features [B, T, h, w, C] with zeros at the end of each axis."""
    frames, height, width = (-length % side for length, side in zip(x.shape[1:4], sides, strict=True))
    return functional.pad(x, (0, 0, 0, width, 0, height, 0, frames)) if frames or height or width else x


def _partition(x: Tensor, window: Triple) -> Tensor:
    """Cuts features [B, T, h, w, C] into windows [B, M, P, C]."""
    x = x.unflatten(3, (-1, window[2])).unflatten(2, (-1, window[1])).unflatten(1, (-1, window[0]))
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(1, 3)


def _merge(x: Tensor, window: Triple, shape: torch.Size) -> Tensor:
    """Undoes `_partition`; `shape` is that of the features."""
    counts = [side // size for side, size in zip(shape[1:4], window, strict=True)]
    return x.view(-1, *counts, *window, shape[-1]).permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(shape)
