"""A tokenizer of whole words, for models whose text encoder is trained from random weights."""

from collections.abc import Iterable

from tokenizers import models
from tokenizers import normalizers
from tokenizers import pre_tokenizers
from tokenizers import processors
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

__all__ = ["build_tokenizer"]

# RoBERTa's special tokens in the order of their ids.
_START, _PADDING, _END, _UNKNOWN = _SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def build_tokenizer(sentences: Iterable[str]) -> PreTrainedTokenizerFast:
    """Returns a tokenizer that knows the words of sentences, in lower case, and takes every other for `<unk>`.

    The ids of words follow from which words there are, not from the order or number of the sentences.
    """
    normalizer, splitter = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    cleaned = (normalizer.normalize_str(sentence) for sentence in sentences)
    words = {word for sentence in cleaned for word, _ in splitter.pre_tokenize_str(sentence)}
    numbers = {word: number for number, word in enumerate((*_SPECIAL, *sorted(words)))}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=_UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    ends = [(token, numbers[token]) for token in (_START, _END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{_START} $A {_END}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=_START, pad_token=_PADDING, eos_token=_END, unk_token=_UNKNOWN
    )
