"""Grounded SAM 2, zero-shot: Grounding DINO finds the sentence's box in some frame, SAM 2 follows it from there."""

from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import GroundingDinoForObjectDetection

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Judged
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.hub.declarations import GROUNDED_SAM2
from fsbench_baselines.hub.declarations import GroundedSAM2Options
from fsbench_baselines.hub.following import boxed
from fsbench_baselines.hub.following import Coded
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.following import judged
from fsbench_baselines.hub.following import Prompt
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import TOKENIZER_FILES
from fsbench_baselines.pixels import plain_sentence

__all__ = ["GroundedSAM2", "detector_size"]

_LONGEST = 1333 / 800  # of a frame's sides to `short_side`, at most, as the published processor has it


class GroundedSAM2(HubMethod):
    """The box of the highest score in any frame, followed to both ends of the video; the support is ignored."""

    info = GROUNDED_SAM2.info

    def __init__(self, options: GroundedSAM2Options) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.tracker_weights = options.tracker_weights
        self.tracker_revision = options.tracker_revision
        self.short_side = options.short_side

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        detector = find_folder(self.checkpoint, self.weights, self.revision, FILES + TOKENIZER_FILES, "detector")
        tracker = find_folder(self.checkpoint, self.tracker_weights, self.tracker_revision, FILES, "tracker")
        self.tokenizer = load_tokenizer(detector)
        self.detector = load_model(GroundingDinoForObjectDetection, detector, self.device, DTYPES["float32"])
        self.segmenter = Segmenter(SAM2, tracker, self.device, self.dtype)

    @torch.inference_mode()
    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Judged]:
        """Yields bool [N, 1, H, W] and how sure SAM 2 is; what a sentence names is found once for all draws."""
        tracks = [
            clip.memo(("grounded", sentence), partial(self._track, clip, sentence))
            for sentence in map(plain_sentence, expressions)
        ]
        yield from judged(tracks, clip.output_size)

    def _track(self, clip: Clip, sentence: str) -> list[Coded]:
        return follow(self.segmenter, clip, dict([self.best_box(clip, sentence)]))

    def tokens(self, sentence: str) -> Tensor:
        """Returns a sentence as the detector wants it, int [1, S]: one phrase that ends with a full stop.

        Stops and question marks inside would cut it into phrases; a phrase that no stop ends would not be read. What
        is beyond the text encoder's limit is cut off before the stop.
        """
        config: Any = self.detector.config  # Any: its type says that its parts may be missing
        limit = min(config.max_text_len, config.text_config.max_position_embeddings)
        phrase = sentence.replace(".", " ").replace("?", " ")
        ids = self.tokenizer(phrase, add_special_tokens=False)["input_ids"][: limit - 3]
        stop = self.tokenizer.convert_tokens_to_ids(".")
        marked = [self.tokenizer.cls_token_id, *ids, stop, self.tokenizer.sep_token_id]
        return torch.tensor([marked], device=self.device)

    def best_box(self, clip: Clip, sentence: str) -> tuple[int, Prompt]:
        """Returns the box of the highest score in any frame, the first of equals, however low it is, and its frame."""
        tokens, top = self.tokens(sentence), -1.0
        height, width = clip.frames.shape[1:3]
        size = detector_size(height, width, self.short_side)
        for t, frame in enumerate(clip.frames):
            pixels = normalised(frame[None], size, IMAGENET).to(self.device)
            found = self.detector(pixels, tokens, attention_mask=torch.ones_like(tokens))
            scores = found.logits[0].sigmoid().amax(dim=1)
            if scores.max() > top:
                top = float(scores.max())
                centre, extent = found.pred_boxes[0, scores.argmax()].view(2, 2)
                best = t, boxed(torch.cat([centre - extent / 2, centre + extent / 2]).clamp(0, 1))
        return best


def detector_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Returns the (h, w) of a frame whose shorter side becomes `short_side`, or less for the longer one's sake."""
    shorter, longer = min(height, width), max(height, width)
    scaled = min(short_side, short_side * _LONGEST * shorter / longer)
    short, long = round(scaled), int(scaled * longer / shorter)
    return (short, long) if height <= width else (long, short)
