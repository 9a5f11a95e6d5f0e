"""Sentences to features: RoBERTa and the projection to the width of the model.

Axes: B sentences, S tokens, D channels of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch import Tensor
from transformers import RobertaConfig
from transformers import RobertaModel

__all__ = ["FeatureResizer", "Text", "build_text_encoder"]

# roberta-base, written out: nothing is downloaded to build a model.
_ROBERTA_BASE = {
    "vocab_size": 50265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


@dataclass(frozen=True)
class Text:
    """Encoded sentences.

    Args:
        words: [B, S, D], one feature per token.
        padding: bool [B, S], True on padding.
        sentence: [B, D], one feature per sentence.
        positions: [B, S, D], positions of the tokens.
    """

    words: Tensor
    padding: Tensor
    sentence: Tensor
    positions: Tensor


def build_text_encoder(config: dict[str, Any] | None) -> RobertaModel:
    """A RoBERTa with random weights; they come from a checkpoint.

    Args:
        config: keyword arguments of RobertaConfig; None is roberta-base.
    """
    return RobertaModel(RobertaConfig(**(_ROBERTA_BASE if config is None else config)))


class FeatureResizer(nn.Module):
    """Linear map to the width of the model, then layer norm."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim)
        self.layer_norm = nn.LayerNorm(out_dim, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Features [..., in_dim] to [..., out_dim]."""
        return self.dropout(self.layer_norm(self.fc(features)))
