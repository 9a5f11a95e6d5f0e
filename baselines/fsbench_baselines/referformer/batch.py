"""What goes into a model of the family, and what comes out.

Axes: B clips, T query frames, K support frames, H W pixels (of the padded batch), S tokens, Q object queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Output", "QueryBatch", "SupportBatch"]


@dataclass(frozen=True)
class QueryBatch:
    """Clips to segment, each with the sentence that names the object.

    Attributes:
        frames: float [B, T, 3, H, W], normalised; zero on the padding, which is at the right and the bottom.
        padding: bool [B, T, H, W], True on padding.
        token_ids: int [B, S].
        token_padding: bool [B, S], True on padding.
        sizes: [B, 2], height and width without padding.
    """

    frames: Tensor
    padding: Tensor
    token_ids: Tensor
    token_padding: Tensor
    sizes: Tensor


@dataclass(frozen=True)
class SupportBatch:
    """Annotated frames that show what to segment.

    Attributes:
        frames: float [B, K, 3, H, W], normalised; zero on the padding.
        padding: bool [B, K, H, W], True on padding.
        token_ids: int [B, S].
        token_padding: bool [B, S], True on padding.
        masks: float [B, K, h, w] in [0, 1], at a resolution of their own; unpadded as released, or, where the clips of
            a batch differ in size, zero on the padding.
    """

    frames: Tensor
    padding: Tensor
    token_ids: Tensor
    token_padding: Tensor
    masks: Tensor


@dataclass(frozen=True)
class Output:
    """Predictions of one decoder layer for every query of every frame.

    Attributes:
        logits: [B, T, Q, 1], the score that the query is the object, before the sigmoid.
        boxes: [B, T, Q, 4], centre x, centre y, width, height in [0, 1], relative to the unpadded frame.
        masks: [B, T, Q, H / 4, W / 4], mask logits of the padded frame.
        reference_points: [B, T, Q, 2], box centres of the last but one decoder layer (see MaskHead).
        aux: the same of decoder layers 0..n-2, where asked for.
    """

    logits: Tensor
    boxes: Tensor
    masks: Tensor
    reference_points: Tensor
    aux: tuple[Output, ...] = ()
