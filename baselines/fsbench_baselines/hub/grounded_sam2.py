"""Grounded SAM 2, zero-shot: Grounding DINO finds the sentence's box in some frame, SAM 2 follows it from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import GroundingDinoForObjectDetection
from transformers import Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.hub.declarations import GROUNDED_SAM2
from fsbench_baselines.hub.declarations import GroundedSAM2Options
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.frames import pieces
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import TOKENIZER_FILES

__all__ = ["GroundedSAM2", "detector_size"]

_LONGEST = 1333 / 800  # of a frame's sides to `short_side`, at most, as the published processor has it
_BOX_CORNERS = (2, 3)  # SAM 2's labels of the points that are a box's upper left and lower right corner


@dataclass(frozen=True, eq=False)
class _Prompt:
    """What a piece of the video starts from: a frame, and in it a box or a mask.

    Attributes:
        frame: Its number.
        box: x0, y0, x1, y1 as shares of the frame, float32 [4]; None with a mask.
        mask: Logits, float32 [h, w]; None with a box.
    """

    frame: int
    box: Tensor | None = None
    mask: Tensor | None = None


class GroundedSAM2(HubMethod):
    """The box of the highest score in any frame, followed to both ends of the video; the support is ignored."""

    info = GROUNDED_SAM2.info

    def __init__(self, options: GroundedSAM2Options) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.tracker_weights = options.tracker_weights
        self.tracker_revision = options.tracker_revision
        self.short_side = options.short_side
        self.max_frames = options.max_frames

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        detector = find_folder(self.checkpoint, self.weights, self.revision, FILES + TOKENIZER_FILES, "detector")
        tracker = find_folder(self.checkpoint, self.tracker_weights, self.tracker_revision, FILES, "tracker")
        self.tokenizer = load_tokenizer(detector)
        self.detector = load_model(GroundingDinoForObjectDetection, detector, self.device, DTYPES["float32"])
        self.tracker = load_model(Sam2VideoModel, tracker, self.device, self.dtype)

    def find(self, adapted: None, clip: Clip, sentence: str) -> npt.NDArray[np.bool_]:
        """Returns bool [T, H, W]; computed once for all support draws."""
        return clip.memo(("masks", sentence), lambda: self._follow(clip, sentence))

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

    def best_box(self, clip: Clip, sentence: str) -> _Prompt:
        """Returns the box of the highest score in any frame, the first of equals, however low its score is."""
        tokens, best, top = self.tokens(sentence), _Prompt(0), -1.0
        height, width = clip.frames.shape[1:3]
        size = detector_size(height, width, self.short_side)
        for t, frame in enumerate(clip.frames):
            pixels = normalised(frame[None], size, IMAGENET).to(self.device)
            found = self.detector(pixels, tokens, attention_mask=torch.ones_like(tokens))
            scores = found.logits[0].sigmoid().amax(dim=1)
            if scores.max() > top:
                top = float(scores.max())
                centre, extent = found.pred_boxes[0, scores.argmax()].view(2, 2)
                best = _Prompt(t, box=torch.cat([centre - extent / 2, centre + extent / 2]).clamp(0, 1))
        return best

    def _follow(self, clip: Clip, sentence: str) -> npt.NDArray[np.bool_]:
        best = self.best_box(clip, sentence)
        maps = {}
        for order in (range(best.frame, -1, -1), range(best.frame, len(clip.frames))):
            maps.update(self.track(clip.frames, order, best))
        return np.concatenate([masks_from(maps[t][None], clip.output_size, 0.0) for t in range(len(clip.frames))])

    def track(self, frames: npt.NDArray[np.uint8], order: Sequence[int], prompt: _Prompt) -> dict[int, Tensor]:
        """Follows an object through frames, piece by piece.

        Args:
            frames: uint8 [T, H, W, 3].
            order: Numbers of the frames in the order in which to go through them; the prompt is in the first.
            prompt: A box or a mask.
        Returns:
            By frame number the logits of its mask, float32 [h, w].
        """
        maps: dict[int, Tensor] = {}
        for piece in pieces(order, self.max_frames):
            numbers = [prompt.frame, *piece[1:]]
            session = self._session(frames[numbers], prompt)
            for number, seen in zip(numbers, self.tracker.propagate_in_video_iterator(session, 0), strict=True):
                logits = maps.setdefault(number, seen.pred_masks[0, 0].float())
                if (logits > 0).any():
                    prompt = _Prompt(number, mask=logits)
        return maps

    def _session(self, frames: npt.NDArray[np.uint8], prompt: _Prompt) -> Sam2VideoInferenceSession:
        """Returns SAM 2's state for some frames, uint8 [t, H, W, 3], of which the first has the prompt."""
        config: Any = self.tracker.config  # Any: of a square, its type has both sides
        side = config.image_size
        session = Sam2VideoInferenceSession(
            video=normalised(frames, (side, side), IMAGENET),
            video_height=side,
            video_width=side,
            inference_device=self.device,
            inference_state_device=self.device,
            dtype=self.dtype,
        )
        index = session.obj_id_to_idx(0)
        if prompt.mask is not None:
            full = functional.interpolate(prompt.mask[None, None], (side, side), mode="bilinear", align_corners=False)
            session.add_mask_inputs(index, 0, (full > 0).to(self.dtype))
        else:
            assert prompt.box is not None, "a prompt has one of both"
            corners = (prompt.box * side).view(1, 1, 2, 2).to(self.dtype)
            labels = torch.tensor(_BOX_CORNERS, dtype=torch.int32).view(1, 1, 2)
            session.add_point_inputs(index, 0, {"point_coords": corners, "point_labels": labels})
        session.obj_with_new_inputs = [0]
        return session


def detector_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Returns the (h, w) of a frame whose shorter side becomes `short_side`, or less for the longer one's sake."""
    shorter, longer = min(height, width), max(height, width)
    scaled = min(short_side, short_side * _LONGEST * shorter / longer)
    short, long = round(scaled), int(scaled * longer / shorter)
    return (short, long) if height <= width else (long, short)
