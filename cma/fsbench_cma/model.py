"""CMA: ReferFormer with an affinity between support and query (Li et al., ICCV 2023), by its steps.

Axes: B clips, T query frames, K support frames, H W pixels, D channels, h_l w_l positions on level l.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch import Tensor

from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.batch import SupportBatch
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import FamilyModel
from fsbench_cma.affinity import AFFINITIES
from fsbench_cma.affinity import AffinityParts
from fsbench_cma.affinity import power_transform
from fsbench_cma.affinity import QueryKeyValue
from fsbench_cma.prior import NUM_LEVELS
from fsbench_cma.prior import ObjectPrior

__all__ = ["CMA", "SupportFeatures"]


@dataclass(frozen=True)
class SupportFeatures:
    """What the model keeps of a support set; it serves any number of queries.

    Attributes:
        levels: [B, K, D, h_l, w_l] of strides 8, 16, 32, 64, fused with the support's sentence. K counts only the
            frames that the affinity looks at.
        masks: [B, K, h, w] of these frames, as they came.
        plain: [B, K, D, h_l, w_l] of the levels that a prior compares, without the sentence; none without a prior.
        padding: bool [B, K, H, W] of these frames, True on padding; None where there is none.
    """

    levels: tuple[Tensor, ...]
    masks: Tensor
    plain: tuple[Tensor, ...] = ()
    padding: Tensor | None = None


class CMA(FamilyModel):
    """Query and support pass through the same encoders; the affinity puts the support into the query's levels."""

    def __init__(self, config: ModelConfig) -> None:
        if config.affinity not in AFFINITIES:
            raise ValueError(f"CMA needs an affinity ({', '.join(AFFINITIES)}), not {config.affinity!r}")
        super().__init__(config)
        self.backbone.requires_grad_(False)  # as released; ReferFormer trains it
        dim = config.hidden_dim
        self.support_qkv = QueryKeyValue(dim, dim // 2)
        self.query_qkv = QueryKeyValue(dim, dim // 2)
        self.conv_q = nn.Conv2d(dim, dim // 2, kernel_size=1)
        self.layer_norm = nn.LayerNorm(dim // 2)
        self.affinity = AFFINITIES[config.affinity](
            support_frames=config.support_frames, mask_support=config.mask_support, dropout=config.dropout
        )
        self.prior = ObjectPrior(dim) if config.affinity == "prior" else None

    def forward(self, query: QueryBatch, support: SupportBatch, *, with_aux: bool | None = None) -> Output:
        """Segments the object of each sentence in its clip, by the example of its own support.

        Args:
            query: clips and sentences.
            support: one annotated clip and sentence of the same class for each query clip.
            with_aux: also return what the decoder layers before the last predict; by default in training only.
        """
        return self.forward_with(query, self.encode_support(support), with_aux=with_aux)

    def forward_with(self, query: QueryBatch, support: SupportFeatures, *, with_aux: bool | None = None) -> Output:
        """Does what `forward` does, with a support that is encoded already."""
        text = self.encode_text(query.token_ids, query.token_padding)
        features = self.encode_frames(query.frames, query.padding)
        levels = self.fuse_text(features.levels, text)
        levels = self.fuse_support(levels, features.levels, support)
        decoded = self.decode(levels, features, text)
        return self.predict(decoded, features, text, query.sizes, with_aux=with_aux)

    def encode_support(self, support: SupportBatch) -> SupportFeatures:
        """Encodes of the support all that does not depend on the query, for the frames that the affinity looks at."""
        text = self.encode_text(support.token_ids, support.token_padding)
        wanted = self.affinity.frames(support.frames.shape[1])
        if self.body.sees_clips:
            maps = tuple(level[:, wanted] for level in self.run_backbone(support.frames))
        else:
            maps = self.run_backbone(support.frames[:, wanted])
        plain = self.project(maps[1:])
        *lower, top = plain
        levels = [*(power_transform(level) for level in lower), top]
        compared = () if self.prior is None else plain[:NUM_LEVELS]
        padding = support.padding[:, wanted]
        return SupportFeatures(self.fuse_text(levels, text), support.masks[:, wanted], compared, padding)

    def fuse_support(
        self, levels: Sequence[Tensor], plain: Sequence[Tensor], support: SupportFeatures
    ) -> tuple[Tensor, ...]:
        """Puts the support into each level of the query.

        Args:
            levels: [B, T, D, h_l, w_l], joined with the sentence.
            plain: The same before that, which a prior compares with the support's.
            support: What `encode_support` returns.

        Returns:
            [B, T, D, h_l, w_l].
        """
        parts = AffinityParts(self.support_qkv, self.query_qkv, self.conv_q, self.layer_norm)
        joined = tuple(
            self.affinity(parts, level, example, support.masks)
            for level, example in zip(levels, support.levels, strict=True)
        )
        if self.prior is not None:
            joined = self.prior(joined, plain, support.plain, support.masks, support.padding)
        return joined
