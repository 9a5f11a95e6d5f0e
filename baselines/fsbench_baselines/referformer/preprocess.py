"""From the frames and sentences of the harness to batches, as the released test script prepares them."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from transformers import AutoTokenizer
from transformers import PreTrainedTokenizerBase

from fsbench.errors import DataError
from fsbench_baselines.pixels import plain_sentence

__all__ = ["Tokenizer", "load_tokenizer"]


class Tokenizer:
    """A Hugging Face tokenizer over cleaned sentences."""

    def __init__(self, source: str | PreTrainedTokenizerBase, max_tokens: int) -> None:
        """Loads it.

        Args:
            source: What `load_tokenizer` takes, or what it returns.
            max_tokens: Longer sentences are cut.
        Raises:
            DataError: It cannot be loaded.
        """
        self._tokenizer = load_tokenizer(source) if isinstance(source, str) else source
        self._max_tokens = max_tokens

    def __call__(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Returns token ids [B, S] and padding [B, S] (bool, True on padding) of cleaned sentences."""
        cleaned = [plain_sentence(sentence) for sentence in sentences]
        options = {"padding": "longest", "truncation": True, "max_length": self._max_tokens, "return_tensors": "pt"}
        encoded = self._tokenizer(cleaned, **options)
        return encoded["input_ids"], encoded["attention_mask"] == 0

    def save(self, folder: Path) -> None:
        """Writes the tokenizer's files to a folder that can be loaded."""
        self._tokenizer.save_pretrained(str(folder))


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """Loads a tokenizer from a folder, or by its name on the hub, such as roberta-base.

    Raises:
        DataError: It is neither.
    """
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, local_files_only=True)
        return found
    except (OSError, ValueError) as error:
        if Path(source).exists():
            raise DataError(
                f"{source}: is no tokenizer ({error}). It needs tokenizer.json, or vocabulary and merges."
            ) from error
    try:
        downloaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source)
        return downloaded
    except (OSError, ValueError) as error:
        raise DataError(
            f"The tokenizer {source!r} is neither a folder here nor to be had from the hub. Save its files "
            "(tokenizer.json, tokenizer_config.json) in a folder and pass --option tokenizer=FOLDER."
        ) from error
