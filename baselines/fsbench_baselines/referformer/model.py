"""ReferFormer: language as queries for referring video object segmentation (Wu et al., 2022), by its steps.

Axes: B clips, T frames, H W pixels, D channels, C channels of a backbone map, L levels, h_l w_l positions on a level,
S tokens, Q queries. The frames of all clips in one axis, as the transformer sees them, are N = B * T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import cast
from typing import TypeVar

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

from fsbench_baselines.backbones import Backbone
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.fusion import VisionLanguageFusion
from fsbench_baselines.referformer.heads import box_heads
from fsbench_baselines.referformer.heads import class_heads
from fsbench_baselines.referformer.heads import projections
from fsbench_baselines.referformer.mask_head import MaskHead
from fsbench_baselines.referformer.pixel_decoder import Adapted
from fsbench_baselines.referformer.pixel_decoder import Glance
from fsbench_baselines.referformer.pixel_decoder import PixelDecoder
from fsbench_baselines.referformer.positions import map_positions
from fsbench_baselines.referformer.positions import word_positions
from fsbench_baselines.referformer.text import build_text_encoder
from fsbench_baselines.referformer.text import FeatureResizer
from fsbench_baselines.referformer.text import SentenceCache
from fsbench_baselines.referformer.text import Text
from fsbench_baselines.referformer.transformer import Decoded
from fsbench_baselines.referformer.transformer import Queries
from fsbench_baselines.referformer.transformer import Transformer

__all__ = ["FamilyModel", "Features", "Model", "ReferFormer"]

_FPN_STAGES = 4  # strides 4, 8, 16, 32


@dataclass(frozen=True)
class Features:
    """What the model knows of frames before it reads a sentence.

    Attributes:
        finest: the backbone's map of stride 4, [B, T, C, h, w].
        levels: projected maps, [B, T, D, h_l, w_l] of strides 8, 16, 32, 64.
        paddings: bool [B, T, h, w] of strides 4, 8, 16, 32, 64, True on padding.
        positions: [B, T, D, h, w] of strides 4, 8, 16, 32, 64.
    """

    finest: Tensor
    levels: tuple[Tensor, ...]
    paddings: tuple[Tensor, ...]
    positions: tuple[Tensor, ...]


class FamilyModel(nn.Module):
    """Text and frames are encoded and fused, queries are decoded, each query writes its mask head.

    These are the steps; a model of the family says in `forward` which it takes.

    Attributes:
        sentence_cache: set while the text encoder neither trains nor drops out, so that it reads a sentence once.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.hidden_dim
        body = build_backbone(config.backbone)
        self.backbone = nn.ModuleList([nn.ModuleDict({"body": body})])
        self.input_proj = projections(body.channels[1:], dim, config.num_levels)
        self.text_encoder = build_text_encoder(config.text)
        self.sentence_cache: SentenceCache | None = None
        self.resizer = FeatureResizer(self.text_encoder.config.hidden_size, dim, config.dropout)
        self.fusion_module = VisionLanguageFusion(dim, config.heads)
        self.transformer = Transformer(config)
        if config.dab:
            self.tgt_embed = nn.Embedding(config.num_queries, dim)
            self.refpoint_embed = nn.Embedding(config.num_queries, 4)
        else:
            self.query_embed = nn.Embedding(config.num_queries, dim)
        self.class_embed = class_heads(dim, config.dec_layers)
        self.bbox_embed = box_heads(dim, config.dec_layers)
        self.transformer.decoder.bbox_embed = self.bbox_embed
        self.pixel_decoder = PixelDecoder(config, body.channels[0])
        self.controller = MaskHead(dim, config.mask_dim, config.dynamic_mask_channels, config.controller_layers)
        self._trainable = frozenset(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        self.text_encoder.requires_grad_(False)  # as released

    @property
    def max_tokens(self) -> int:
        """Returns the tokens of the longest sentence that the text encoder takes; a RoBERTa's positions start at 2."""
        return self.text_encoder.config.max_position_embeddings - 2

    @property
    def body(self) -> Backbone:
        """Returns the backbone, which the released names have in a list and a dictionary."""
        return cast("Backbone", cast("nn.ModuleDict", self.backbone[0])["body"])

    def thaw(self) -> None:
        """Lets everything train, but for what never does, such as the first levels of a ResNet.

        What is frozen in a new model is that which the released training freezes: the text encoder, in CMA also the
        backbone.
        """
        for name, parameter in self.named_parameters():
            if name in self._trainable:
                parameter.requires_grad_(True)

    def encode_text(self, token_ids: Tensor, token_padding: Tensor) -> Text:
        """Encodes sentences.

        Args:
            token_ids: int [B, S].
            token_padding: bool [B, S], True on padding.
        """
        if self.sentence_cache is not None:
            tokens, sentence = self.sentence_cache(self.text_encoder, token_ids, token_padding)
        else:
            encoded = self.text_encoder(input_ids=token_ids, attention_mask=(~token_padding).long())
            tokens, sentence = encoded.last_hidden_state, encoded.pooler_output
        words = self.resizer(tokens)
        positions = word_positions(token_padding, words.shape[-1]).to(words.dtype)
        return Text(words, token_padding, self.resizer(sentence), positions)

    def encode_frames(self, frames: Tensor, padding: Tensor) -> Features:
        """Encodes frames: backbone, projections, and the padding and positions of each map.

        Args:
            frames: [B, T, 3, H, W].
            padding: bool [B, T, H, W], True on padding.
        """
        maps = self.run_backbone(frames)
        levels = self.project(maps[1:])
        for one in (padding[:1, :1], padding[:, :1]):  # one frame speaks for all of equal size, or for its clip
            if torch.equal(padding, one.expand_as(padding)):
                padding = one
                break
        paddings, positions = [], []
        for level in (maps[0], *levels):
            shrunk = functional.interpolate(padding.float(), size=level.shape[-2:]).bool()
            sines = map_positions(shrunk.flatten(0, 1), self.config.hidden_dim).unflatten(0, shrunk.shape[:2])
            paddings.append(shrunk.expand(level.shape[:2] + shrunk.shape[2:]))
            positions.append(sines.to(level.dtype).expand(level.shape[:2] + sines.shape[2:]))
        return Features(maps[0], levels, tuple(paddings), tuple(positions))

    def run_backbone(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Returns the maps of frames [B, T, 3, H, W] at strides 4, 8, 16, 32: [B, T, C_l, h_l, w_l]."""
        maps = self.body(frames.flatten(0, 1), num_frames=frames.shape[1])
        return tuple(each.unflatten(0, frames.shape[:2]) for each in maps)

    def project(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Brings maps to the width of the model; the levels that the backbone lacks come from its last map.

        Args:
            maps: [B, T, C_l, h_l, w_l] of strides 8, 16, 32.
        Returns:
            [B, T, D, h_l, w_l] of strides 8, 16, 32, 64.
        """
        levels: list[Tensor] = []
        for number, projection in enumerate(self.input_proj):
            below = maps[number] if number < len(maps) else maps[-1] if number == len(maps) else levels[-1]
            levels.append(projection(below.flatten(0, 1)).unflatten(0, below.shape[:2]))
        return tuple(levels)

    def fuse_text(self, levels: Sequence[Tensor], text: Text) -> tuple[Tensor, ...]:
        """Multiplies each level [B, T, D, h_l, w_l] by what it reads from the words; shapes stay."""
        return tuple(self.fusion_module(level, text) for level in levels)

    def decode(self, levels: Sequence[Tensor], features: Features, text: Text) -> Decoded:
        """Encodes the fused levels and decodes the queries.

        Args:
            levels: [B, T, D, h_l, w_l] of strides 8, 16, 32, 64.
            features: of the same frames, for paddings and positions.
            text: of the same clips.
        Returns:
            memory, states, references and boxes with N = B * T, clip by clip.
        """
        decoded: Decoded = self.transformer(
            [level.flatten(0, 1) for level in levels],
            [padding.flatten(0, 1) for padding in features.paddings[1:]],
            [positions.flatten(0, 1) for positions in features.positions[1:]],
            self._queries(text, num_frames=levels[0].shape[1]),
        )
        return decoded

    def _queries(self, text: Text, *, num_frames: int) -> Queries:
        """Returns the same queries for each frame; they start from the sentence, or with DAB from learned targets."""
        shape = (len(text.sentence) * num_frames, self.config.num_queries, -1)
        if self.config.dab:
            return Queries(self.tgt_embed.weight.expand(shape), anchors=self.refpoint_embed.weight)
        targets = text.sentence.repeat_interleave(num_frames, dim=0)[:, None].expand(shape)
        return Queries(targets, positions=self.query_embed.weight)

    def predict(
        self, decoded: Decoded, features: Features, text: Text, sizes: Tensor, *, with_aux: bool | None = None
    ) -> Output:
        """Returns scores, boxes and masks of all queries.

        Args:
            decoded: what `decode` returns.
            features, text: of the same clips.
            sizes: [B, 2], unpadded height and width.
            with_aux: also for the decoder layers before the last; by default in training only.
        """
        finest, coarser = self.adapt_finest(features), self.adapt(decoded, features)
        seen = self.see_finest(finest, *self.attend_finest([finest.glance]))
        (attended,) = self.attend([[each.glance for each in coarser]])
        maps = self.mask_features(self.read_finest(seen, features, text), coarser, attended, features, text)
        if not (self.training if with_aux is None else with_aux):
            return self._predict_layer(-1, decoded, maps, sizes, projected=False)
        maps = self.pixel_decoder.mask_features(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])  # once for all layers
        numbers = range(len(decoded.states))
        *aux, last = (self._predict_layer(number, decoded, maps, sizes, projected=True) for number in numbers)
        return replace(last, aux=tuple(aux))

    def _predict_layer(
        self, layer: int, decoded: Decoded, mask_features: Tensor, sizes: Tensor, *, projected: bool
    ) -> Output:
        frames = mask_features.shape[:2]
        return Output(
            logits=self.score(decoded, layer).unflatten(0, frames),
            boxes=decoded.boxes[layer].unflatten(0, frames),
            masks=self.segment(decoded, mask_features, sizes, layer=layer, projected=projected),
            reference_points=decoded.references[layer][..., :2].unflatten(0, frames),
        )

    def score(self, decoded: Decoded, layer: int = -1) -> Tensor:
        """Returns logits [N, Q, 1] that a query is the object, after a decoder layer."""
        logits: Tensor = self.class_embed[layer](decoded.states[layer])
        return logits

    def adapt_finest(self, features: Features) -> Adapted:
        """Returns what goes into the stride-4 stage; it depends neither on the sentence nor on other frames."""
        return self.pixel_decoder.adapt(1, features.finest, features.paddings[0], features.positions[0])

    def adapt(self, decoded: Decoded, features: Features) -> tuple[Adapted, ...]:
        """Returns what goes into the stages of strides 8, 16 and 32; no frame depends on another."""
        frames = features.finest.shape[:2]
        return tuple(
            self.pixel_decoder.adapt(
                stage,
                decoded.memory[stage - 2].unflatten(0, frames),
                features.paddings[stage - 1],
                features.positions[stage - 1],
            )
            for stage in range(2, _FPN_STAGES + 1)
        )

    def attend_finest(self, glances: Sequence[Glance]) -> tuple[Tensor, ...]:
        """Lets the frames of a clip look at each other in the stride-4 stage; see `attend`."""
        return self.pixel_decoder.attend(1, glances)

    def attend(self, glances: Sequence[Sequence[Glance]]) -> list[tuple[Tensor, ...]]:
        """Lets frames look at each other, as they do here, in `attend_finest` and in a backbone that sees clips alone.

        Args:
            glances: of each part of the clip, in the order of its frames, those of the stages of strides 8, 16 and 32.
        Returns:
            For each part what its frames see in all frames, [B, A, D] for each stage.
        """
        stages = enumerate(zip(*glances, strict=True), start=2)
        return list(zip(*(self.pixel_decoder.attend(stage, each) for stage, each in stages), strict=True))

    def see_finest(self, finest: Adapted, attended: Tensor) -> Tensor:
        """Returns the part of the stride-4 stage that does not depend on the sentence: [B, T, D, h, w]."""
        return self.pixel_decoder.see(1, finest, attended)

    def read_finest(self, seen: Tensor, features: Features, text: Text) -> Tensor:
        """Returns what of the stride-4 stage does not depend on the support, from `see_finest`'s: [B, T, D, h, w]."""
        return self.pixel_decoder.read(1, seen, features.positions[0], text)

    def mask_features(
        self, finest: Tensor, adapted: Sequence[Adapted], attended: Sequence[Tensor], features: Features, text: Text
    ) -> Tensor:
        """Returns what the masks are made from, [B, T, D, h, w] of stride 4; `segment` takes it.

        Args:
            finest: what `read_finest` returns.
            adapted: what `adapt` returns.
            attended: what `attend` returns for these frames.
            features, text: of the same clips.
        """
        maps: Tensor = self.pixel_decoder(finest, adapted, attended, features.positions[:_FPN_STAGES], text)
        return maps

    def segment(
        self,
        decoded: Decoded,
        mask_features: Tensor,
        sizes: Tensor,
        *,
        layer: int = -1,
        chosen: Tensor | None = None,
        projected: bool = False,
    ) -> Tensor:
        """Returns mask logits of all queries, or of chosen ones.

        Args:
            decoded: what `decode` returns.
            mask_features: [B, T, D, h, w], what `mask_features` returns; or [B, T, C, h, w], see `projected`.
            sizes: [B, 2], unpadded height and width.
            layer: the decoder layer.
            chosen: int [B], the query of each clip that is wanted; None for all Q.
            projected: whether the pixel decoder's last convolution has been applied to the mask features.
        Returns:
            [B, T, Q, h, w], or [B, T, 1, h, w] with `chosen`.
        """
        frames = mask_features.shape[:2]
        states, boxes = decoded.states[layer], decoded.boxes[layer]
        if chosen is not None:
            rows = torch.arange(len(states), device=states.device)
            columns = chosen.repeat_interleave(frames[1])
            states, boxes = states[rows, columns][:, None], boxes[rows, columns][:, None]
        frame_sizes = sizes.repeat_interleave(frames[1], dim=0)
        project = None if projected else self.pixel_decoder.mask_features
        masks = self.controller.segment(states, mask_features.flatten(0, 1), project, boxes, frame_sizes)
        return torch.unflatten(masks, 0, frames)


Model = TypeVar("Model", bound=FamilyModel)


class ReferFormer(FamilyModel):
    """The model without a support: language is all that says what to segment."""

    def forward(self, query: QueryBatch, *, with_aux: bool | None = None) -> Output:
        """Segments the object of each sentence in its clip.

        Args:
            query: clips and sentences.
            with_aux: also return what the decoder layers before the last predict; by default in training only.
        """
        text = self.encode_text(query.token_ids, query.token_padding)
        features = self.encode_frames(query.frames, query.padding)
        levels = self.fuse_text(features.levels, text)
        decoded = self.decode(levels, features, text)
        return self.predict(decoded, features, text, query.sizes, with_aux=with_aux)
