"""Early fusion of words into frames, and the two layouts of features.

Axes: B clips, T frames, D channels, h w positions on a map, S words.
"""

from __future__ import annotations

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.referformer.dropout import dropout
from fsbench_baselines.referformer.text import Text

__all__ = ["VisionLanguageFusion", "read_words", "to_maps", "to_tokens"]


def to_tokens(maps: Tensor) -> Tensor:
    """Returns maps [B, T, D, h, w] as tokens [B, T * h * w, D]."""
    return maps.permute(0, 1, 3, 4, 2).flatten(1, 3)


def to_maps(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns tokens [B, T * h * w, D] as maps [B, T, D, h, w], with size = (h, w)."""
    maps: Tensor = tokens.unflatten(1, (-1, *size)).permute(0, 1, 4, 2, 3)
    return maps


def read_words(attention: nn.MultiheadAttention, tokens: Tensor, text: Text) -> Tensor:
    """Returns what tokens [B, A, D] read from the words: [B, A, D], as `attention` itself would give it.

    Words are few and tokens many. So the projections of queries and results are folded into the words, and a token is
    multiplied with M * S columns for M heads instead of with D. Tokens are the last axis of the scores, because a
    softmax along few and adjacent numbers is slow on a CPU.
    """
    keys = text.words + text.positions
    heads, num_words = attention.num_heads, keys.shape[1]
    if heads * num_words > tokens.shape[-1] + num_words:
        read: Tensor = attention(tokens, keys, text.words, key_padding_mask=text.padding, need_weights=False)[0]
        return read
    into, bias = (part.chunk(3) for part in (attention.in_proj_weight, attention.in_proj_bias))
    keys = functional.linear(keys, into[1], bias[1]).unflatten(-1, (heads, -1)) * attention.head_dim**-0.5
    values = functional.linear(text.words, into[2], bias[2]).unflatten(-1, (heads, -1))
    rows = torch.einsum("bsmd,mdc->bmsc", keys, into[0].unflatten(0, (heads, -1))).flatten(1, 2)
    offsets = torch.einsum("bsmd,md->bms", keys, bias[0].unflatten(0, (heads, -1)))
    offsets = offsets.masked_fill(text.padding[:, None], -torch.inf).flatten(1)[..., None]
    results = torch.einsum("bsmd,cmd->bmsc", values, attention.out_proj.weight.unflatten(1, (heads, -1))).flatten(1, 2)

    scores = torch.baddbmm(offsets, rows, tokens.mT).unflatten(1, (heads, num_words))  # [B, M, S, A]
    shares = dropout(scores.softmax(2), attention.dropout, training=attention.training)
    return torch.baddbmm(attention.out_proj.bias, shares.flatten(1, 2).mT, results)


class VisionLanguageFusion(nn.Module):
    """Each position of each frame reads the words and is multiplied by what it read; there is no norm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, maps: Tensor, text: Text) -> Tensor:
        """Returns maps of the shape of the given ones, [B, T, D, h, w]."""
        tokens = to_tokens(maps)
        read = read_words(self.multihead_attn, tokens, text)
        return to_maps(tokens * read, (maps.shape[-2], maps.shape[-1]))
