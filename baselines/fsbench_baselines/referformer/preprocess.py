"""From the frames and sentences of the harness to batches, as the released test script prepares them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer
from transformers import PreTrainedTokenizerFast

from fsbench.errors import DataError
from fsbench.protocol import short_side_size

__all__ = ["Tokenizer", "load_tokenizer", "normalised_frames", "normalised_pixels", "plain_sentence", "resized_frames"]

_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def normalised_frames(frames: npt.NDArray[np.uint8], short_side: int) -> Tensor:
    """Resizes frames as `resized_frames` and normalises them with ImageNet's mean and deviation.

    Args:
        frames: uint8 [T, H, W, 3], RGB.
        short_side: shorter side of the result.
    Returns:
        float32 [T, 3, h, w].
    """
    return normalised_pixels(resized_frames(frames, short_side))


def resized_frames(frames: npt.NDArray[np.uint8], short_side: int) -> npt.NDArray[np.uint8]:
    """Resizes frames, uint8 [T, H, W, 3], with Pillow (bilinear, antialiased) to a shorter side: [T, h, w, 3]."""
    height, width = short_side_size(*frames.shape[1:3], short_side)
    resized = [Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR) for frame in frames]
    return np.stack([np.asarray(image) for image in resized])


def normalised_pixels(frames: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> Tensor:
    """Normalises frames of the right size: RGB in 0..255, [T, h, w, 3], to float32 [T, 3, h, w]."""
    return (torch.from_numpy(frames).permute(0, 3, 1, 2).float().div(255) - _MEAN) / _DEVIATION


def plain_sentence(sentence: str) -> str:
    """Returns a sentence in lower case with single spaces."""
    return " ".join(sentence.lower().split())


class Tokenizer:
    """A Hugging Face tokenizer over cleaned sentences."""

    def __init__(self, source: str | PreTrainedTokenizerFast, max_tokens: int) -> None:
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


def load_tokenizer(source: str) -> PreTrainedTokenizerFast:
    """Loads a tokenizer from a folder, or by its name on the hub, such as roberta-base.

    Raises:
        DataError: It is neither.
    """
    try:
        return AutoTokenizer.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError) as error:
        if Path(source).exists():
            raise DataError(
                f"{source}: is no tokenizer ({error}). It needs tokenizer.json, or vocabulary and merges."
            ) from error
    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The tokenizer {source!r} is neither a folder here nor to be had from the hub. Save its files "
            "(tokenizer.json, tokenizer_config.json) in a folder and pass --option tokenizer=FOLDER."
        ) from error
