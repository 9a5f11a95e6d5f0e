"""An object followed by a video segmenter of the SAM family: shown in some frames, found in those that come after.

What SAM 2 and the tracker of SAM 3 have in common in transformers; neither processors nor torchvision are needed. A
model numbers frames as they come, whichever way that is through a video, and is streamed: then what it finds in a frame
depends on the frames before it alone, where in a session that holds its video it depends on the number of frames, too
(below 16). One session holds one object, for several touch each other.
"""

import copy
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import Sam2VideoModel
from transformers import Sam3TrackerVideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoInferenceSession

from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import encode_masks
from fsbench.methods import Clip
from fsbench.methods import Judged
from fsbench_baselines.hub.frames import HALF
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import Normalisation
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.weights import load_model

__all__ = [
    "SAM2",
    "SAM3",
    "Coded",
    "Family",
    "Found",
    "Memory",
    "Prompt",
    "Segmenter",
    "boxed",
    "coded",
    "follow",
    "judged",
    "nothing",
]

_OBJECT = 0  # the one that a session holds
_ALL = -1  # SAM 2's and SAM 3's word for as many frames as there are
_STREAMED = torch.empty(0)  # stands for a frame whose features are there: that one is given says that it is streamed

Features = tuple[Tensor, ...]


@dataclass(frozen=True)
class Family:
    """What models of a kind are made of: the model, its state for a video, and how it sees pictures."""

    model: type[Sam2VideoModel] | type[Sam3TrackerVideoModel]
    session: type[Sam2VideoInferenceSession] | type[Sam3TrackerVideoInferenceSession]
    pixels: Normalisation


SAM2 = Family(Sam2VideoModel, Sam2VideoInferenceSession, IMAGENET)
SAM3 = Family(Sam3TrackerVideoModel, Sam3TrackerVideoInferenceSession, HALF)


class Found(NamedTuple):
    """An object in a frame.

    Attributes:
        logits: Of its mask, float32 [h, w]; above 0 where it is.
        score: Logit of its being there at all.
    """

    logits: Tensor
    score: float


class Prompt(NamedTuple):
    """What points at an object in a frame.

    Attributes:
        points: x, y as shares of the frame, float [n, 2].
        labels: int [n]: 1 on the object, 0 off it, 2 and 3 the upper left and lower right corner of its box.
    """

    points: Tensor
    labels: Tensor


class Coded(NamedTuple):
    """An object in a frame, small enough for those of a long video.

    Attributes:
        mask: As a run-length code, at the size that is wanted.
        score: Logit of its being there at all.
    """

    mask: bytes
    score: float


def boxed(box: Tensor) -> Prompt:
    """Returns a box, x0, y0, x1, y1 as shares of the frame, float [4], as a prompt."""
    return Prompt(box.view(2, 2), torch.tensor([2, 3]))


class Segmenter:
    """A video segmenter and its weights.

    Args:
        family: Of which kind it is.
        folder: Of its weights.
        device: Where it computes.
        dtype: Of its weights and activations.

    Raises:
        DataError: The weights cannot be read, or are of another model.
    """

    def __init__(self, family: Family, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.family = family
        self.device = device
        self.dtype = dtype
        # Any: the model's class does not say that it takes a session, nor its configuration that both sides are one.
        model: Any = load_model(family.model, folder, device, dtype)
        self.model = model
        # By itself SAM 3's attends to the four shown frames that are nearest.
        self.config = model.config
        self.config.max_cond_frame_num = _ALL
        self.side: int = self.config.image_size
        self._name = (__name__, str(folder), str(dtype))

    def see(self, frame: npt.NDArray[np.uint8]) -> Features:
        """Returns the features of a frame, uint8 [H, W, 3]: of each level, the finest first, [pixels, 1, channels]."""
        return tuple(self._encode(frame).fpn_hidden_states)

    def see_in(self, clip: Clip, t: int) -> Features:
        """Returns the features of a frame of a clip, computed once for all support draws and sentences."""
        key: Hashable = (*self._name, t)
        return clip.memo(key, lambda: self.see(clip.frames[t]))

    def _encode(self, frame: npt.NDArray[np.uint8]) -> Any:  # Any: see `model`
        pixels = normalised(frame[np.newaxis], (self.side, self.side), self.family.pixels)
        return self.model.get_image_features(pixels.to(self.device, self.dtype), return_dict=True)

    @cached_property
    def positions(self) -> Tensor:
        """Encoded positions of the coarsest level, the only one at which they are used; the same for all frames."""
        coarsest: Tensor = self._encode(np.zeros((1, 1, 3), np.uint8)).fpn_position_encoding[-1]
        return coarsest


class Memory:
    """What a video segmenter knows of one object, from frames in which it was shown and those in which it was found.

    It holds what the next frame needs, and no more, however many frames there were.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        make = partial(segmenter.family.session, inference_device=segmenter.device, dtype=segmenter.dtype)
        self._session: Any = make(inference_state_device=segmenter.device)  # Any: its methods have no types
        self._index = self._session.obj_id_to_idx(_OBJECT)
        self._count = 0  # frames so far

    def copy(self) -> "Memory":
        """Returns a memory of the same that goes its own way."""
        other = copy.copy(self)
        other._session = copy.deepcopy(self._session)
        return other

    def show(self, seen: Features, mask: npt.NDArray[np.bool_]) -> None:
        """Shows the object in a frame.

        Args:
            seen: The frame's features.
            mask: bool [H, W], not empty. It is remembered as it is; what the model would make of it is not asked for.
        """
        side = self._segmenter.side
        self._session.add_mask_inputs(self._index, self._count, _shown(mask, side).to(self._segmenter.dtype))
        self._step(seen, is_shown=True)

    def point(self, seen: Features, prompt: Prompt) -> Found:
        """Points at the object in a frame, and returns what the model takes it for, which is remembered."""
        inputs = {
            # In bfloat16, pixels' numbers would be rounded by up to two.
            "point_coords": (prompt.points.float() * self._segmenter.side)[None, None],
            "point_labels": prompt.labels[None, None].to(torch.int32),
        }
        self._session.add_point_inputs(self._index, self._count, inputs)
        return self._step(seen, is_shown=True)

    def find(self, seen: Features) -> Found:
        """Returns the object in the next frame, and remembers it. It must have been shown, or pointed at, before."""
        return self._step(seen, is_shown=False)

    def _step(self, seen: Features, *, is_shown: bool) -> Found:
        session, t = self._session, self._count
        # What is shown reaches the model at once: of several that wait, it would take the first alone.
        session.obj_with_new_inputs = [_OBJECT] if is_shown else []
        known = {"vision_feats": list(seen), "vision_pos_embeds": [self._segmenter.positions]}
        session.cache.cache_vision_features(t, known)
        found = self._segmenter.model(inference_session=session, frame=_STREAMED, frame_idx=t)
        self._forget(t)
        self._count += 1
        return Found(found.pred_masks[0, 0].float(), float(found.object_score_logits[0, 0]))

    def _forget(self, t: int) -> None:
        """Lets go of what no later frame asks for: inputs, masks, and frames that are out of reach."""
        session, config = self._session, self._segmenter.config
        session.cache.clear_all()
        session.processed_frames.pop(t, None)
        session.mask_inputs_per_obj[self._index].pop(t, None)
        session.point_inputs_per_obj[self._index].pop(t, None)
        session.frames_tracked_per_obj[self._index].pop(t, None)
        outputs = session.output_dict_per_obj[self._index]
        for kept in outputs.values():
            for name in ("high_res_masks", "pred_masks"):
                kept.get(t, {}).pop(name, None)
        reach = max(config.max_object_pointers_in_encoder, config.num_maskmem) - 1
        outputs["non_cond_frame_outputs"].pop(t - reach, None)


def follow(segmenter: Segmenter, clip: Clip, prompts: Mapping[int, Prompt]) -> list[Coded]:
    """Follows an object from the first frame in which it is pointed at, back to the video's first and on to its last.

    Args:
        segmenter: What follows it.
        clip: T frames, of which it reads one after the other.
        prompts: By frame number. In the later of these frames the object is what they point at there.

    Returns:
        T masks; without any prompt, empty ones.
    """
    track = nothing(clip)
    if not prompts:
        return track
    start, memory, size = min(prompts), Memory(segmenter), clip.output_size
    track[start] = coded(memory.point(segmenter.see_in(clip, start), prompts[start]), size)
    back = memory.copy()
    for t in range(start - 1, -1, -1):
        track[t] = coded(back.find(segmenter.see_in(clip, t)), size)
    for t in range(start + 1, len(clip.frames)):
        seen = segmenter.see_in(clip, t)
        track[t] = coded(memory.point(seen, prompts[t]) if t in prompts else memory.find(seen), size)
    return track


def coded(found: Found, size: tuple[int, int]) -> Coded:
    """Returns what was found in a frame at a (height, width)."""
    (code,) = encode_masks(masks_from(found.logits[None], size, 0.0))
    return Coded(code, found.score)


def nothing(clip: Clip) -> list[Coded]:
    """Returns an empty mask for each frame of a clip."""
    (code,) = encode_masks(np.zeros((1, *clip.output_size), np.bool_))
    return [Coded(code, 0.0)] * len(clip.frames)


def judged(tracks: Sequence[Sequence[Coded]], size: tuple[int, int]) -> Iterator[Judged]:
    """Yields the masks of N objects, T each, frame by frame: bool [N, 1, H, W] of a size, and float [N, 1]."""
    for found in zip(*tracks, strict=True):
        masks = decode_masks([each.mask for each in found], *size)
        yield Judged(masks[:, np.newaxis], np.array([[each.score] for each in found]))


def _shown(mask: npt.NDArray[np.bool_], side: int) -> Tensor:
    """Returns a mask, bool [H, W], on the model's square, bool [1, 1, side, side]; thin as it is, something is left."""
    whole = torch.from_numpy(mask.astype(np.float32))[None, None]
    covered = functional.interpolate(whole, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return covered >= covered.max().clamp(max=0.5)
