"""Sentences to features: RoBERTa and the projection to the width of the model.

Axes: B sentences, S tokens, D channels of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import RobertaConfig
from transformers import RobertaModel

from fsbench_baselines.referformer.dropout import Dropout

__all__ = ["FeatureResizer", "SentenceCache", "Text", "build_text_encoder", "join_texts"]

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

    Attributes:
        words: [B, S, D], one feature per token.
        padding: bool [B, S], True on padding.
        sentence: [B, D], one feature per sentence.
        positions: [B, S, D], positions of the tokens.
    """

    words: Tensor
    padding: Tensor
    sentence: Tensor
    positions: Tensor


def join_texts(texts: Sequence[Text]) -> Text:
    """Returns sentences that were encoded by themselves, B = 1 each, as one batch; one is returned as it is."""
    if len(texts) == 1:
        return texts[0]

    def joined(name: str, value: float) -> Tensor:
        rows = [getattr(each, name)[0] for each in texts]
        return pad_sequence(rows, batch_first=True, padding_value=value)

    sentence = torch.cat([each.sentence for each in texts])
    return Text(joined("words", 0), joined("padding", 1), sentence, joined("positions", 0))


def build_text_encoder(config: dict[str, Any] | None) -> RobertaModel:
    """Returns a RoBERTa with random weights; others come from a checkpoint.

    Args:
        config: keyword arguments of RobertaConfig; None is roberta-base.
    """
    return RobertaModel(RobertaConfig(**(_ROBERTA_BASE if config is None else config)))


class SentenceCache:
    """What a frozen text encoder in eval mode makes of sentences, kept for those that were last asked for."""

    def __init__(self, limit: int) -> None:
        """Starts empty; `limit` is the number of sentences that are kept."""
        self.limit = limit
        self._kept: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    @torch.no_grad()
    def __call__(self, encoder: RobertaModel, token_ids: Tensor, token_padding: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes sentences, each by itself, so that the result does not depend on its company.

        Args:
            encoder: The same at each call.
            token_ids: int [B, S].
            token_padding: bool [B, S], True on padding, which is at the end.
        Returns:
            [B, S, H], the tokens' features with zeros on padding, and [B, H], the sentences'.
        """
        lengths = (~token_padding).sum(1).tolist()
        keys = [tuple(ids[:length]) for ids, length in zip(token_ids.tolist(), lengths, strict=True)]
        found = [self._encode(encoder, key, token_ids.device) for key in keys]
        tokens = pad_sequence([each for each, _ in found], batch_first=True)
        missing = token_ids.shape[1] - tokens.shape[1]
        return functional.pad(tokens, (0, 0, 0, missing)), torch.stack([sentence for _, sentence in found])

    def _encode(self, encoder: RobertaModel, key: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
        features = self._kept.pop(key, None)
        if features is None:
            encoded = encoder(input_ids=torch.tensor([key], device=device))
            features = encoded.last_hidden_state[0], encoded.pooler_output[0]
            if len(self._kept) >= self.limit:
                del self._kept[next(iter(self._kept))]
        self._kept[key] = features  # at the end: the first are those asked for longest ago
        return features


class FeatureResizer(nn.Module):
    """Linear map to the width of the model, then layer norm."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim)
        self.layer_norm = nn.LayerNorm(out_dim, eps=1e-12)
        self.dropout = Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Returns [..., out_dim] of features [..., in_dim]."""
        resized: Tensor = self.dropout(self.layer_norm(self.fc(features)))
        return resized
