"""The affinity between support and query: where an annotated example of the class enters the model.

Three variants with one call: cross affinity (the paper), self affinity and plain addition (its ablations). The modules
that hold weights are the same in all three, because the released checkpoints have them all, used or not; they belong
to the model, where the checkpoints name them, and reach the variants as `AffinityParts`.

Axes: B clips, T query frames, K support frames, D channels of the model, C = D / 2 channels of the affinity, h w
positions of the query's map.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.linear import linear
from fsbench_baselines.referformer.dropout import Dropout
from fsbench_baselines.referformer.fusion import to_maps
from fsbench_baselines.referformer.fusion import to_tokens

__all__ = [
    "AFFINITIES",
    "AddSupport",
    "AffinityParts",
    "CrossAffinity",
    "QueryKeyValue",
    "SelfAffinity",
    "power_transform",
]

_CHUNK = 512  # tokens that ask together on a CPU: their answers from all keys should stay in the cache


class QueryKeyValue(nn.Module):
    """Three 3x3 convolutions that make the query, key and value maps of one side."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, out_channels, kernel_size=3, padding=1)
        self.Key = nn.Conv2d(channels, out_channels, kernel_size=3, padding=1)
        self.Value = nn.Conv2d(channels, out_channels, kernel_size=3, padding=1)


class AffinityParts(NamedTuple):
    """The modules with weights, which the four levels share.

    Attributes:
        support_qkv, query_qkv: Maps to queries, keys and values, of the support's and of the query's features.
        conv_q: From D to D / 2 channels, for the features that stand beside those that were attended to.
        layer_norm: After each attention, shared by all.
    """

    support_qkv: QueryKeyValue
    query_qkv: QueryKeyValue
    conv_q: nn.Conv2d
    layer_norm: nn.LayerNorm


class _Affinity(nn.Module):
    """What the variants share.

    Args:
        support_frames: Which frames the cross affinity takes keys and values from: "middle" (released) or "all". The
            other variants give each query frame a support frame of its own, whatever this says.
        mask_support: What the cross affinity does with keys off the object: "zero" (released) clears the features
            there but leaves them in the softmax, "exclude" takes them out.
        dropout: Rate after each attention, in training.
    """

    def __init__(self, *, support_frames: str = "middle", mask_support: str = "zero", dropout: float = 0.1) -> None:
        super().__init__()
        self.support_frames = support_frames
        self.mask_support = mask_support
        self.dropout = Dropout(dropout)

    def frames(self, num_frames: int) -> slice:
        """Returns which of K support frames the variant looks at; `forward` gets only these."""
        return slice(0, num_frames)

    def attend(self, parts: AffinityParts, tokens: Tensor, keys: Tensor, values: Tensor, keep: Tensor | None) -> Tensor:
        """Applies one attention with its residual and norm.

        Args:
            tokens: [B, N, C], what asks.
            keys, values: [B, M, C], what answers.
            keep: bool [B, 1, 1, M], True for keys that may answer; None for all.
        Returns:
            [B, N, C].
        """
        on_cpu = tokens.is_cpu and not torch.is_grad_enabled()
        found = (_answers_in_parts if on_cpu else _answers)(tokens, keys, values, keep)
        normed: Tensor = parts.layer_norm(tokens + self.dropout(found))
        return normed

    def attend_to_middle(self, parts: AffinityParts, query: Tensor) -> Tensor:
        """Has every position of the clip ask the clip's own middle frame; returns [B, T h w, C]."""
        tokens = to_tokens(_each_frame(parts.query_qkv.query, query))
        middle = query[:, query.shape[1] // 2][:, None]
        keys = to_tokens(_each_frame(parts.query_qkv.Key, middle))
        values = to_tokens(_each_frame(parts.query_qkv.Value, middle))
        return self.attend(parts, tokens, keys, values, None)


class CrossAffinity(_Affinity):
    """Every query position gathers first from its clip's middle frame, then from the object in the support."""

    def frames(self, num_frames: int) -> slice:
        """Returns the middle frame, or all (see `support_frames`)."""
        middle = num_frames // 2
        return slice(middle, middle + 1) if self.support_frames == "middle" else slice(0, num_frames)

    def forward(self, parts: AffinityParts, query: Tensor, support: Tensor, masks: Tensor) -> Tensor:
        """Puts the support into the query's features.

        Args:
            parts: The modules with weights.
            query: [B, T, D, h, w].
            support: [B, K, D, h', w'], of the frames that `frames` names.
            masks: [B, K, H', W'] in [0, 1], their masks at a resolution of their own.
        Returns:
            [B, T, D, h, w].
        """
        foreground, object_mask = _foreground(query, support, masks)
        keys = to_tokens(_each_frame(parts.support_qkv.Key, foreground))
        values = to_tokens(_each_frame(parts.support_qkv.Value, foreground))
        keep = _on_object(object_mask) if self.mask_support == "exclude" else None

        tokens = self.attend_to_middle(parts, query)
        tokens = self.attend(parts, tokens, keys, values, keep)
        height, width = query.shape[-2:]
        return torch.cat([to_maps(tokens, (height, width)), _each_frame(parts.conv_q, query)], dim=2)


class SelfAffinity(_Affinity):
    """Ablation: the query looks only at its own middle frame; the object in the support is set beside it."""

    def forward(self, parts: AffinityParts, query: Tensor, support: Tensor, masks: Tensor) -> Tensor:
        """Puts the support into the query's features: see `CrossAffinity.forward`."""
        foreground, _ = _foreground(query, support, masks)
        beside = _one_for_each(_each_frame(parts.conv_q, foreground), query.shape[1])
        height, width = query.shape[-2:]
        return torch.cat([to_maps(self.attend_to_middle(parts, query), (height, width)), beside], dim=2)


class AddSupport(_Affinity):
    """Ablation: the object in the support is added to the query, without any weights."""

    def forward(self, parts: AffinityParts, query: Tensor, support: Tensor, masks: Tensor) -> Tensor:
        """Puts the support into the query's features: see `CrossAffinity.forward`."""
        foreground, _ = _foreground(query, support, masks)
        return query + _one_for_each(foreground, query.shape[1])


AFFINITIES: dict[str, type[_Affinity]] = {
    "cross": CrossAffinity,
    "self": SelfAffinity,
    "add": AddSupport,
    "prior": CrossAffinity,  # with what `fsbench_cma.prior` adds to it
}


def power_transform(features: Tensor, exponent: float = 1.3) -> Tensor:
    """Lifts small activations: sign(x) * (g(|x|) - g(0)) with g(a) = 1 / log(1 / (a + 1e-5) + 1) ** exponent.

    The released models apply g to the positive and to the negative part and add the two; the part that is zero gives
    g(0), which is subtracted here.
    """

    def strength(magnitude: Tensor) -> Tensor:
        return 1 / torch.log(1 / (magnitude + 1e-5) + 1).pow(exponent)

    return torch.sign(features) * (strength(features.abs()) - strength(features.new_zeros(())))


def _answers(tokens: Tensor, keys: Tensor, values: Tensor, keep: Tensor | None) -> Tensor:
    """Returns what one head of attention reads, [B, N, C]: see `_Affinity.attend`."""
    # Tokens of a single frame are a view with the channels outermost, and only contiguous ones are spared the [N, M]
    # matrix, half a gigabyte at 10 frames of 360x640.
    query, key, value = (each.contiguous()[:, None] for each in (tokens, keys, values))
    return functional.scaled_dot_product_attention(query, key, value, keep)[:, 0]


def _answers_in_parts(tokens: Tensor, keys: Tensor, values: Tensor, keep: Tensor | None) -> Tensor:
    """Does what `_answers` does, on a CPU in little more than half of its time: some tokens ask together."""
    answers = torch.empty_like(tokens)
    keys = keys * keys.shape[-1] ** -0.5
    for number, clip in enumerate(tokens):
        value = values[number].T.contiguous()
        offsets = None if keep is None else keys.new_zeros(keys.shape[1]).masked_fill(~keep[number, 0, 0], -torch.inf)
        for part, answer in zip(clip.split(_CHUNK), answers[number].split(_CHUNK), strict=True):
            answer.copy_(linear(linear(part, keys[number], offsets).softmax(-1), value, None))
    return answers


def _foreground(query: Tensor, support: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the support features on the object, at the size of the query's maps.

    Returns:
        [B, K, D, h, w], zero off the object, and the masks [B, K, 1, h, w].
    """
    size = query.shape[-2:]
    features = functional.interpolate(support.flatten(0, 1), size, mode="bilinear", align_corners=True)
    resized = masks.flatten(0, 1)[:, None].to(features.dtype)
    resized = functional.interpolate(resized, size, mode="bilinear", align_corners=True)
    clips = support.shape[:2]
    return (features * resized).unflatten(0, clips), resized.unflatten(0, clips)


def _on_object(masks: Tensor) -> Tensor:
    """Returns which keys to keep, [B, 1, 1, K h w]; all where a clip's masks are empty, for a softmax needs one."""
    keep = masks.flatten(1) > 0
    return (keep | ~keep.any(dim=1, keepdim=True))[:, None, None]


def _one_for_each(support: Tensor, num_frames: int) -> Tensor:
    """Returns support frame t for query frame t, from the start again where the query is longer: [B, T, D, h, w]."""
    return support[:, torch.arange(num_frames, device=support.device) % support.shape[1]]


def _each_frame(module: nn.Module, maps: Tensor) -> Tensor:
    """Applies a module of single maps to [B, T, D, h, w]."""
    applied: Tensor = module(maps.flatten(0, 1))
    return torch.unflatten(applied, 0, maps.shape[:2])
