"""Deformable encoder and decoder with box refinement.

Axes: N frames (all frames of all clips), D channels, L levels, h w positions on a map, Q queries, A all positions of
all levels, the levels one after the other, each row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.linear import Linear
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.deformable import DeformableAttention
from fsbench_baselines.referformer.dropout import Dropout
from fsbench_baselines.referformer.positions import box_positions
from fsbench_baselines.referformer.positions import grid_references
from fsbench_baselines.referformer.positions import valid_ratio

__all__ = ["MLP", "Decoded", "Encoder", "Pyramid", "Queries", "Transformer", "feed_forward", "inverse_sigmoid"]

# Tokens that pass a feed-forward part together, which bounds its memory; on a CPU they should stay in the cache.
_CHUNK, _CPU_CHUNK = 16384, 512


@dataclass(frozen=True)
class Pyramid:
    """Maps of all levels as one row of tokens.

    Attributes:
        tokens: [N, A, D].
        padding: bool [N, A], True on padding.
        positions: [N, A, D], with the level embedding.
        shapes: height and width of each level.
        valid_ratios: [N, L, 2], the part of width and height that is not padding.
    """

    tokens: Tensor
    padding: Tensor
    positions: Tensor
    shapes: tuple[tuple[int, int], ...]
    valid_ratios: Tensor

    def frames(self) -> Iterator[Pyramid]:
        """Yields the pyramid of each frame, N = 1."""
        for number in range(len(self.tokens)):
            row = slice(number, number + 1)
            yield Pyramid(self.tokens[row], self.padding[row], self.positions[row], self.shapes, self.valid_ratios[row])


@dataclass(frozen=True)
class Queries:
    """What the decoder starts from; either `positions` or `anchors` is given.

    Attributes:
        targets: [N, Q, D], the first states.
        positions: [Q, D], learned positions, which also give the first reference points.
        anchors: [Q, 4], learned boxes before the sigmoid (DAB).
    """

    targets: Tensor
    positions: Tensor | None = None
    anchors: Tensor | None = None


@dataclass(frozen=True)
class Decoded:
    """What the transformer returns.

    Attributes:
        memory: encoded maps, [N, D, h_l, w_l] for each level.
        states: [N, Q, D] after each decoder layer.
        references: where each decoder layer started, [N, Q, 2] or [N, Q, 4], in [0, 1]; no gradient but for the first.
        boxes: [N, Q, 4] after each decoder layer: centre x, centre y, width, height in [0, 1].
    """

    memory: tuple[Tensor, ...]
    states: tuple[Tensor, ...]
    references: tuple[Tensor, ...]
    boxes: tuple[Tensor, ...]


class MLP(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, num_layers: int) -> None:
        super().__init__()
        dims = [in_dim, *[hidden_dim] * (num_layers - 1), out_dim]
        self.layers = nn.ModuleList(Linear(before, after) for before, after in pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        """Returns [..., out_dim] of [..., in_dim]."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


def inverse_sigmoid(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Returns the logit of x in [0, 1], bounded near both ends."""
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=epsilon) / (1 - x).clamp(min=epsilon))


def feed_forward(tokens: Tensor, into: nn.Linear, dropout: nn.Dropout, out: nn.Linear) -> Tensor:
    """Applies two linear layers with ReLU to tokens [N, A, D], a part of the tokens at a time."""
    size = _CPU_CHUNK if tokens.is_cpu else _CHUNK
    parts = [out(dropout(functional.relu(into(part)))) for part in tokens.flatten(0, 1).split(size)]
    return torch.cat(parts).view_as(tokens)


class EncoderLayer(nn.Module):
    """Each position of each level reads all levels, then a feed-forward part."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.self_attn = DeformableAttention(dim, config.heads, config.num_levels, config.num_points)
        self.dropout1 = Dropout(config.dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.linear1 = Linear(dim, config.dim_feedforward)
        self.dropout2 = Dropout(config.dropout)
        self.linear2 = Linear(config.dim_feedforward, dim)
        self.dropout3 = Dropout(config.dropout)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, references: Tensor, pyramid: Pyramid) -> Tensor:
        """Returns tokens [N, A, D] from tokens [N, A, D] and reference points [N, A, L, 2]."""
        queries = tokens + pyramid.positions
        read = self.self_attn(queries, references, tokens, pyramid.padding, pyramid.shapes)
        tokens = self.norm1(tokens + self.dropout1(read))
        out: Tensor = self.norm2(
            tokens + self.dropout3(feed_forward(tokens, self.linear1, self.dropout2, self.linear2))
        )
        return out


class Encoder(nn.Module):
    """Encoder layers, and the reference points that they share."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.enc_layers))

    def forward(self, pyramid: Pyramid) -> Tensor:
        """Returns encoded tokens [N, A, D]."""
        references = grid_references(pyramid.shapes, pyramid.valid_ratios)
        tokens = pyramid.tokens
        for layer in self.layers:
            tokens = layer(tokens, references, pyramid)
        return tokens


class DecoderLayer(nn.Module):
    """The queries of a frame read each other, then the maps of the frame, then a feed-forward part."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.cross_attn = DeformableAttention(dim, config.heads, config.num_levels, config.num_points)
        self.dropout1 = Dropout(config.dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.self_attn = nn.MultiheadAttention(dim, config.heads, dropout=config.dropout, batch_first=True)
        self.dropout2 = Dropout(config.dropout)
        self.norm2 = nn.LayerNorm(dim)
        self.linear1 = Linear(dim, config.dim_feedforward)
        self.dropout3 = Dropout(config.dropout)
        self.linear2 = Linear(config.dim_feedforward, dim)
        self.dropout4 = Dropout(config.dropout)
        self.norm3 = nn.LayerNorm(dim)

    def forward(
        self, states: Tensor, positions: Tensor, references: Tensor, memory: Tensor, pyramid: Pyramid
    ) -> Tensor:
        """Takes one step of the queries.

        Args:
            states, positions: [N, Q, D].
            references: [N, Q, L, 2 or 4], on every level.
            memory: [N, A, D].
            pyramid: shapes and padding of the memory.
        Returns:
            states [N, Q, D].
        """
        queries = states + positions
        read, _ = self.self_attn(queries, queries, states, need_weights=False)
        states = self.norm2(states + self.dropout2(read))
        read = self.cross_attn(states + positions, references, memory, pyramid.padding, pyramid.shapes)
        states = self.norm1(states + self.dropout1(read))
        out: Tensor = self.norm3(
            states + self.dropout4(feed_forward(states, self.linear1, self.dropout3, self.linear2))
        )
        return out


class Decoder(nn.Module):
    """Decoder layers with box refinement.

    `bbox_embed`, one MLP per layer, is set by the model, which shares it.
    """

    bbox_embed: nn.ModuleList

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.dim = dim
        self.first_layer_boxes = config.first_layer_boxes
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.dec_layers))
        if config.dab:
            self.query_scale = MLP(dim, dim, dim, 2)
            self.ref_point_head = MLP(2 * dim, dim, dim, 2)

    def forward(
        self, queries: Queries, first: Tensor, memory: Tensor, pyramid: Pyramid
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Refines states and boxes layer by layer.

        Args:
            queries: where the states start.
            first: first references, points [N, Q, 2] or boxes [N, Q, 4].
            memory: [N, A, D].
            pyramid: shapes, padding and valid ratios of the memory.
        Returns:
            states, references and boxes of every layer; see Decoded.
        """
        states, reference = queries.targets, first
        all_states, references, boxes = [], [], []
        for number, layer in enumerate(self.layers):
            on_levels = self._on_levels(reference, pyramid.valid_ratios, is_first=number == 0)
            positions = self._positions(queries, states, on_levels, is_first=number == 0)
            states = layer(states, positions, on_levels, memory, pyramid)
            box = self._refine(self.bbox_embed[number](states), reference)
            all_states.append(states)
            references.append(reference)
            boxes.append(box)
            reference = box.detach()
        return tuple(all_states), tuple(references), tuple(boxes)

    def _on_levels(self, reference: Tensor, valid_ratios: Tensor, *, is_first: bool) -> Tensor:
        """Returns references without padding, [N, Q, 2 or 4], on the padded maps of the levels: [N, Q, L, 2 or 4].

        With 4 coordinates the released first layer has no batch axis on its boxes, and broadcasting puts the
        coordinates on the levels: level l sees four times coordinate l. `first_layer_boxes="broadcast"` keeps this.
        """
        if reference.shape[-1] == 2:
            return reference[:, :, None] * valid_ratios[:, None]
        ratios = torch.cat([valid_ratios, valid_ratios], dim=-1)[:, None]  # [N, 1, L, 4]
        if is_first and self.first_layer_boxes == "broadcast":
            return reference[:, :, :, None] * ratios
        return reference[:, :, None] * ratios

    def _positions(self, queries: Queries, states: Tensor, on_levels: Tensor, *, is_first: bool) -> Tensor:
        """Returns query positions [N, Q, D]: learned, or (DAB) from boxes on the first level, scaled by the states."""
        if queries.positions is not None:
            return queries.positions.expand_as(states)
        positions: Tensor = self.ref_point_head(box_positions(on_levels[:, :, 0], self.dim).to(states.dtype))
        if not is_first:
            positions = self.query_scale(states) * positions
        return positions

    @staticmethod
    def _refine(change: Tensor, reference: Tensor) -> Tensor:
        """Returns boxes [N, Q, 4]: the reference, changed by [N, Q, 4] before the sigmoid; a point has no size."""
        missing = 4 - reference.shape[-1]
        return (change + functional.pad(inverse_sigmoid(reference), (0, missing))).sigmoid()


class Transformer(nn.Module):
    """Encoder over the maps of a frame, decoder over its queries."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.empty(config.num_levels, config.hidden_dim))
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        if not config.dab:
            self.reference_points = nn.Linear(config.hidden_dim, 2)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for module in self.modules():
            if isinstance(module, DeformableAttention):
                module.reset_parameters()
        if hasattr(self, "reference_points"):
            nn.init.zeros_(self.reference_points.bias)
        nn.init.normal_(self.level_embed)

    def forward(
        self, maps: Sequence[Tensor], paddings: Sequence[Tensor], positions: Sequence[Tensor], queries: Queries
    ) -> Decoded:
        """Encodes the maps and decodes the queries.

        Args:
            maps, positions: [N, D, h_l, w_l] for each level.
            paddings: bool [N, h_l, w_l] for each level, True on padding.
            queries: where the decoder starts.
        """
        pyramid = self._flatten(maps, paddings, positions)
        memory = self._encode(pyramid)
        first = self._first_references(queries)
        states, references, boxes = self.decoder(queries, first, memory, pyramid)
        levels = memory.split([height * width for height, width in pyramid.shapes], dim=1)
        encoded = [
            part.transpose(1, 2).unflatten(-1, shape) for part, shape in zip(levels, pyramid.shapes, strict=True)
        ]
        return Decoded(tuple(encoded), states, references, boxes)

    def _encode(self, pyramid: Pyramid) -> Tensor:
        """Returns encoded tokens [N, A, D]; on a CPU, without gradients, a frame at a time stays in the cache."""
        if torch.is_grad_enabled() or not pyramid.tokens.is_cpu:
            encoded: Tensor = self.encoder(pyramid)
            return encoded
        return torch.cat([self.encoder(frame) for frame in pyramid.frames()])

    def _flatten(self, maps: Sequence[Tensor], paddings: Sequence[Tensor], positions: Sequence[Tensor]) -> Pyramid:
        embedded = [p.flatten(2).transpose(1, 2) + e for p, e in zip(positions, self.level_embed, strict=True)]
        return Pyramid(
            tokens=torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1),
            padding=torch.cat([padding.flatten(1) for padding in paddings], dim=1),
            positions=torch.cat(embedded, dim=1),
            shapes=tuple((level.shape[-2], level.shape[-1]) for level in maps),
            valid_ratios=torch.stack([valid_ratio(padding) for padding in paddings], dim=1),
        )

    def _first_references(self, queries: Queries) -> Tensor:
        """Returns points [N, Q, 2] from the learned positions, or the learned boxes [N, Q, 4], in [0, 1]."""
        if queries.anchors is not None:
            return queries.anchors.sigmoid().expand(len(queries.targets), -1, -1)
        points: Tensor = self.reference_points(queries.positions)
        return points.sigmoid().expand(len(queries.targets), -1, -1)
