"""CLIPSeg (Lüddecke and Ecker, 2022), frame by frame: from the sentence alone, or from sentence and support."""

from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import CLIPSegForImageSegmentation

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Support
from fsbench_baselines.hub.declarations import CLIPSEG
from fsbench_baselines.hub.declarations import CLIPSEG_SUPPORT
from fsbench_baselines.hub.declarations import CLIPSegOptions
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import TOKENIZER_FILES
from fsbench_baselines.pixels import plain_sentence

__all__ = ["CLIPSeg", "CLIPSegSupport"]

# How the paper (section 5.2) shows a support object: cut out with some room, its surroundings dark and blurred.
_BACKGROUND = 0.1  # of its brightness
_BLUR = 0.01  # standard deviation, in diagonals of the picture
_MARGIN = 0.1  # around the object, in longer sides of its box


class CLIPSeg(HubMethod):
    """Zero-shot: what in each frame fits the sentence."""

    info = CLIPSEG.info

    def __init__(self, options: CLIPSegOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.side = options.side
        self.threshold = options.threshold

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        folder = find_folder(self.checkpoint, self.weights, self.revision, FILES + TOKENIZER_FILES)
        self.model = load_model(CLIPSegForImageSegmentation, folder, self.device, self.dtype)
        self.tokenizer = load_tokenizer(folder)

    @torch.inference_mode()
    def segment(
        self, adapted: Tensor | None, clip: Clip, expressions: Sequence[str]
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, 1, H, W], frame by frame and each sentence by itself."""
        sentences = [plain_sentence(sentence) for sentence in expressions]
        texts = [clip.memo(("text", sentence), partial(self.embed_text, sentence)) for sentence in sentences]
        conditions = [self.condition(adapted, text) for text in texts]
        for activations in self._activations(clip):
            yield np.stack([self._masks(activations, condition, clip.output_size) for condition in conditions])

    def _masks(
        self, activations: tuple[Tensor, ...], condition: Tensor, size: tuple[int, int]
    ) -> npt.NDArray[np.bool_]:
        probabilities = self.model.decoder(activations, condition).logits.float().sigmoid()
        return masks_from(probabilities.view(1, self.side, self.side), size, self.threshold)

    def condition(self, adapted: Tensor | None, text: Tensor) -> Tensor:
        """Returns what conditions the decoder, [1, D]: here the sentence's embedding, [1, D]."""
        return text

    def embed_text(self, sentence: str) -> Tensor:
        """Returns the embedding of a sentence, [1, D]; what is beyond the text encoder's limit is cut off."""
        config: Any = self.model.config.text_config  # Any: its type says that it may be missing
        limit = config.max_position_embeddings
        tokens = self.tokenizer([sentence], truncation=True, max_length=limit, return_tensors="pt").to(self.device)
        return self.model.get_conditional_embeddings(1, tokens["input_ids"], tokens["attention_mask"])

    def _activations(self, clip: Clip) -> Iterator[tuple[Tensor, ...]]:
        """Yields each frame's activations of the layers that the decoder reads, [1, 1 + patches, channels] each."""
        for t in range(len(clip.frames)):
            yield clip.memo(("activations", self.side, t), partial(self._encode, clip, t))

    def _encode(self, clip: Clip, t: int) -> tuple[Tensor, ...]:
        pixels = normalised(clip.frames[t : t + 1], (self.side, self.side), IMAGENET).to(self.device, self.dtype)
        states = self.model.clip.get_image_features(pixels, output_hidden_states=True).hidden_states
        return tuple(states[layer + 1] for layer in self.model.extract_layers)  # the first state is the embedding


class CLIPSegSupport(CLIPSeg):
    """One-shot: the sentence's embedding and the mean embedding of the support's pictures, averaged."""

    info = CLIPSEG_SUPPORT.info

    @torch.inference_mode()
    def adapt(self, support: Support) -> Tensor | None:
        """Returns the mean embedding of the support frames that show the object, [1, D]; None if none does."""
        pictures = [
            highlighted(frame, mask)
            for shot in support.shots
            for frame, mask in zip(shot.frames, shot.masks, strict=True)
            if mask.any()
        ]
        if not pictures:
            return None
        size = (self.side, self.side)
        pixels = torch.cat([normalised(picture[None], size, IMAGENET) for picture in pictures])
        seen = pixels.to(self.device, self.dtype)
        embeddings = self.model.get_conditional_embeddings(len(seen), conditional_pixel_values=seen)
        return embeddings.mean(dim=0, keepdim=True)

    def condition(self, adapted: Tensor | None, text: Tensor) -> Tensor:
        """Returns the mean of both, [1, D]; of a support that shows no object, the sentence's alone."""
        return text if adapted is None else (text + adapted) / 2


def highlighted(frame: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Returns an object as CLIPSeg's paper shows it: cut out, its surroundings blurred and darkened.

    Args:
        frame: uint8 [H, W, 3].
        mask: bool [H, W], not empty.
    Returns:
        uint8 [h, w, 3], within the frame.
    """
    height, width = mask.shape
    blurred = cv2.GaussianBlur(frame, (0, 0), _BLUR * float(np.hypot(height, width)))
    shown = np.where(mask[..., None], frame, (blurred * _BACKGROUND).astype(np.uint8))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    margin = round(_MARGIN * max(np.ptp(rows), np.ptp(columns)) + 1)
    down, across = (slice(max(0, found[0] - margin), found[-1] + margin + 1) for found in (rows, columns))
    return shown[down, across]
