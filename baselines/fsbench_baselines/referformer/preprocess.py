"""From the frames and sentences of the harness to batches, as the released test script prepares them."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from transformers import AutoTokenizer
from transformers import PreTrainedTokenizerBase
from transformers import PreTrainedTokenizerFast
from transformers import RobertaTokenizerFast

from fsbench.errors import DataError
from fsbench_baselines.pixels import plain_sentence

__all__ = ["Tokenizer", "load_tokenizer"]

# RoBERTa's special tokens.
_SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>"}
_SPECIAL |= {"sep_token": "</s>", "mask_token": "<mask>"}


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
        """Writes the tokenizer's files to a folder that can be loaded; they do not depend on what it was asked."""
        if isinstance(self._tokenizer, PreTrainedTokenizerFast):  # else the last call's options would be kept
            self._tokenizer.backend_tokenizer.no_truncation()
            self._tokenizer.backend_tokenizer.no_padding()
        self._tokenizer.save_pretrained(str(folder))


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """Loads a tokenizer from a folder, or by its name on the hub, such as roberta-base.

    Raises:
        DataError: It is neither, has no token to pad with, or fails on a sentence.
    """
    tokenizer = _load(source)
    known = tokenizer.get_vocab()
    for kind, token in _SPECIAL.items():  # which files without config.json do not always tell
        if getattr(tokenizer, kind) is None and token in known:
            setattr(tokenizer, kind, token)
    if tokenizer.pad_token is None:
        raise DataError(
            f"{source}: this tokenizer has no padding token, and no {_SPECIAL['pad_token']!r}. Name one "
            "as 'pad_token' in tokenizer_config.json."
        )
    try:
        tokenizer(["a"])  # what is damaged may be read, and fail only here
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the parts in Rust is no Exception
        raise DataError(
            f"{source}: this tokenizer fails on a sentence ({' '.join(str(error).split())}). Save its files again."
        ) from error
    return tokenizer


def _load(source: str) -> PreTrainedTokenizerBase:
    folder = Path(source)
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, local_files_only=True)
        return found
    except Exception as error:  # the parts in Rust raise bare exceptions, the others what a wrong type comes to
        if all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
            return _load_vocabulary(folder)
        if folder.exists():
            reason = " ".join(str(error).split())
            raise DataError(
                f"{source}: is no tokenizer ({reason}). It needs tokenizer.json, or vocab.json and merges.txt."
            ) from error
    try:
        downloaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source)
        return downloaded
    except (OSError, ValueError) as error:
        raise DataError(
            f"The tokenizer {source!r} is neither a folder here nor to be had from the hub. Save its files "
            "(tokenizer.json, tokenizer_config.json) in a folder and pass --option tokenizer=FOLDER."
        ) from error


def _load_vocabulary(folder: Path) -> PreTrainedTokenizerBase:
    """Returns RoBERTa's tokenizer with a folder's vocabulary and merges."""
    try:
        found: PreTrainedTokenizerBase = RobertaTokenizerFast.from_pretrained(str(folder), local_files_only=True)
        return found
    except Exception as error:  # the parts in Rust raise bare exceptions
        raise DataError(f"{folder}: vocab.json and merges.txt make no tokenizer ({error}). Save them again.") from error
