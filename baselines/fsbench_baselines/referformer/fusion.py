"""Early fusion of words into frames, and the two layouts of features.

Axes: B clips, T frames, D channels, h w positions on a map, S words.
"""

from __future__ import annotations

from torch import nn
from torch import Tensor

from fsbench_baselines.referformer.text import Text

__all__ = ["VisionLanguageFusion", "to_maps", "to_tokens"]


def to_tokens(maps: Tensor) -> Tensor:
    """Maps [B, T, D, h, w] to tokens [B, T * h * w, D]."""
    return maps.permute(0, 1, 3, 4, 2).flatten(1, 3)


def to_maps(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens [B, T * h * w, D] to maps [B, T, D, h, w], with size = (h, w)."""
    return tokens.unflatten(1, (-1, *size)).permute(0, 1, 4, 2, 3)


class VisionLanguageFusion(nn.Module):
    """Each position of each frame reads the words and is multiplied by what it read; there is no norm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, maps: Tensor, text: Text) -> Tensor:
        """Maps [B, T, D, h, w] to maps of the same shape."""
        tokens = to_tokens(maps)
        keys = text.words + text.positions
        read, _ = self.multihead_attn(tokens, keys, text.words, key_padding_mask=text.padding, need_weights=False)
        return to_maps(tokens * read, (maps.shape[-2], maps.shape[-1]))
