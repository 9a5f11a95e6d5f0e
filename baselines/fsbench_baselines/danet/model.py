"""DANet: the query asks the support by way of one agent, its own middle frame.

Attention of every query frame to every support frame would cost T * K maps; the middle frame asks the support, and all
frames ask the middle one.

Axes: B clips, T query frames, K support frames, H W pixels, h w cells of the last level, D channels.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.danet.config import DANetConfig
from fsbench_baselines.danet.decoder import Decoder
from fsbench_baselines.danet.encoder import build_encoder

__all__ = ["DANet", "LowMaps", "QueryMaps", "SupportMaps"]


@dataclass(frozen=True)
class LowMaps:
    """What the levels below the last one give of frames, N = B * T; nothing here depends on the support.

    Attributes:
        level: [N, D, h, w], the input of the last level.
        middle, fine: [N, D, h', w'], what the decoder adds.
    """

    level: Tensor
    middle: Tensor
    fine: Tensor


@dataclass(frozen=True)
class QueryMaps:
    """Projections of query frames.

    Attributes:
        queries: [B, T, D, h, w].
        agent_keys: [B, D, h, w], of the middle frame.
        own: [B, T, D, h, w], features that go on beside what the attention finds.
    """

    queries: Tensor
    agent_keys: Tensor
    own: Tensor


@dataclass(frozen=True)
class SupportMaps:
    """Keys and values of support frames, [B, K, D, h, w]."""

    keys: Tensor
    values: Tensor


class Projections(nn.Module):
    """Queries, keys and values: 3x3 convolutions. Those of the support's queries and the query's values are not used.

    They are kept for the released names, and no gradient reaches them.
    """

    def __init__(self, inputs: int, key_dim: int, value_dim: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(inputs, key_dim, 3, padding=1)
        self.Key = nn.Conv2d(inputs, key_dim, 3, padding=1)
        self.Value = nn.Conv2d(inputs, value_dim, 3, padding=1)


class DANet(nn.Module):
    """Few-shot video object segmentation with a domain agent; parameters have the released names."""

    def __init__(self, config: DANetConfig) -> None:
        """Draws its weights at random. Raises ValueError for an unknown backbone."""
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config.backbone)
        fine, middle, last = self.encoder.channels
        self.support_qkv = Projections(last, config.key_dim, config.value_dim)
        self.query_qkv = Projections(last, config.key_dim, config.value_dim)
        self.conv_q = nn.Conv2d(last, config.value_dim, 1)
        self.Decoder = Decoder(2 * config.value_dim, (middle, fine), config.width)

    def forward(self, frames: Tensor, support_frames: Tensor, support_masks: Tensor) -> Tensor:
        """Segments what the support shows.

        Args:
            frames: float [B, T, 3, H, W], normalised.
            support_frames: float [B, K, 3, H, W], normalised, of the same size.
            support_masks: float [B, K, H, W] in [0, 1].
        Returns:
            Probabilities [B, T, H, W].
        """
        clips, (height, width) = frames.shape[:2], frames.shape[-2:]
        count = clips.numel()
        # In one pass: in train mode the batch norms of the backbone take query and support together.
        fine, middle, last = self.encoder(torch.cat([frames.flatten(0, 1), support_frames.flatten(0, 1)]))
        query = self.project_query(last[:count].unflatten(0, clips))
        support = self.project_support(last[count:].unflatten(0, support_frames.shape[:2]), support_masks)
        low = self.read_levels(fine[:count], middle[:count])
        return self.decode(low, query, support, (height, width)).sigmoid()

    def read_levels(self, fine: Tensor, middle: Tensor) -> LowMaps:
        """Returns what is needed of the encoder's first two levels, [N, D, h', w'] each."""
        return LowMaps(middle, middle=self.Decoder.RF3.read(middle), fine=self.Decoder.RF2.read(fine))

    def project_query(self, features: Tensor) -> QueryMaps:
        """Projects the last level of query frames, [B, T, D, h, w]; the agent is frame T // 2."""
        clips = features.shape[:2]
        flat = features.flatten(0, 1)
        return QueryMaps(
            queries=self.query_qkv.query(flat).unflatten(0, clips),
            agent_keys=self.query_qkv.Key(features[:, clips[1] // 2]),
            own=self.conv_q(flat).unflatten(0, clips),
        )

    def project_support(self, features: Tensor, masks: Tensor) -> SupportMaps:
        """Projects the last level of support frames where their object is.

        Args:
            features: [B, K, D, h, w].
            masks: float [B, K, H, W] at any resolution. What is off the object is zero, not left out of the attention.
        """
        clips = features.shape[:2]
        cells = functional.interpolate(
            masks.to(features).flatten(0, 1)[:, None], features.shape[-2:], mode="bilinear", align_corners=True
        )
        flat = features.flatten(0, 1) * cells
        return SupportMaps(
            self.support_qkv.Key(flat).unflatten(0, clips), self.support_qkv.Value(flat).unflatten(0, clips)
        )

    def decode(self, low: LowMaps, query: QueryMaps, support: SupportMaps, size: tuple[int, int]) -> Tensor:
        """Returns mask logits [B, T, H, W] for frames of size (H, W)."""
        clips = query.queries.shape[:2]
        agent = _attend(query.queries[:, clips[1] // 2, None], support.keys, support.values)
        found = _attend(query.queries, query.agent_keys[:, None], agent)
        features = torch.cat([found, query.own], dim=2).flatten(0, 1)
        logits: Tensor = self.Decoder(features, low.middle, low.fine, size)
        return torch.unflatten(logits, 0, clips)


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Has every cell of all T frames ask every cell of all K frames.

    Args:
        queries: [B, T, D, h, w].
        keys: [B, K, D, h', w'].
        values: [B, K, C, h', w'].
    Returns:
        [B, T, C, h, w].
    """
    found = functional.scaled_dot_product_attention(_as_words(queries), _as_words(keys), _as_words(values))
    frames, cells = queries.shape[1], queries.shape[-2:]
    return torch.unflatten(found.transpose(1, 2), 2, (frames, *cells)).transpose(1, 2)


def _as_words(maps: Tensor) -> Tensor:
    """Returns maps [B, T, D, h, w] as [B, T * h * w, D]."""
    return maps.transpose(2, 3).transpose(3, 4).flatten(1, 3)
