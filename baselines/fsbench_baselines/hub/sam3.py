"""SAM 3, zero-shot: the sentence, or its noun phrase, as the concept to find and follow through the video."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import BatchEncoding
from transformers import PreTrainedTokenizerBase
from transformers import Sam3VideoModel
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench_baselines.hub import declarations
from fsbench_baselines.hub.declarations import SAM3Options
from fsbench_baselines.hub.frames import HALF
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.frames import pieces
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import TOKENIZER_FILES
from fsbench_baselines.pixels import plain_sentence

__all__ = ["SAM3", "Track", "concept_tokens", "join_tracks", "noun_phrase"]

_SAME = 0.5  # IoU in the shared frame above which tracks of two pieces are one object
# What ends the first noun phrase of a referring sentence; a verb in -ing does so, too.
_AFTER_NOUNS = frozenset(
    "above across against along among around at before behind below beneath beside between by carried carrying from "
    "held in inside into is near next of off on onto over that through to toward towards under upon walks wearing "
    "where which who whose with without while runs".split()
)


@dataclass(eq=False)
class Track:
    """One object through the video.

    Attributes:
        score: Of its detection, in [0, 1].
        maps: Logits by frame number, [h, w] each, of the frames that it was seen in.
    """

    score: float
    maps: dict[int, Tensor] = field(default_factory=dict)


class SAM3(HubMethod):
    """The object that fits the concept best, or all that fit; the support is ignored."""

    info = declarations.SAM3.info

    def __init__(self, options: SAM3Options) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.prompt = options.prompt
        self.objects = options.objects
        self.max_frames = options.max_frames

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        folder = find_folder(self.checkpoint, self.weights, self.revision, FILES + TOKENIZER_FILES)
        self.model = load_model(Sam3VideoModel, folder, self.device, self.dtype)
        self.tokenizer = load_tokenizer(folder)

    @torch.inference_mode()
    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Returns bool [N, T, H, W]: each sentence by itself, and once for all support draws."""
        concepts = [plain_sentence(sentence) for sentence in expressions]
        if self.prompt == "noun-phrase":
            concepts = [noun_phrase(concept) for concept in concepts]
        return np.stack([clip.memo(("masks", concept), partial(self._find, clip, concept)) for concept in concepts])

    def _find(self, clip: Clip, concept: str) -> npt.NDArray[np.bool_]:
        tracks: list[Track] = []
        for piece in pieces(range(len(clip.frames)), self.max_frames):
            tracks = join_tracks(tracks, self.follow(clip.frames, piece, concept), piece[0])
        if self.objects == "best" and tracks:
            tracks = [max(tracks, key=lambda track: track.score * len(track.maps))]  # the first of equals
        masks = np.zeros((len(clip.frames), *clip.output_size), dtype=np.bool_)
        for track in tracks:
            for t, logits in track.maps.items():
                masks[t] |= masks_from(logits[None], clip.output_size, 0.0)[0]
        return masks

    def follow(self, frames: npt.NDArray[np.uint8], piece: Sequence[int], concept: str) -> list[Track]:
        """Returns what fits a concept in a piece of the frames, uint8 [T, H, W, 3], in the order of first sight."""
        tracks: dict[int, Track] = {}
        session = self._session(frames[list(piece)], concept)
        for seen in self.model.propagate_in_video_iterator(session, 0, len(piece) - 1):
            hidden = set(seen.suppressed_obj_ids or ()) | session.hotstart_removed_obj_ids
            for number, logits in sorted(seen.obj_id_to_mask.items()):
                if number not in hidden and (logits > 0).any():
                    track = tracks.setdefault(number, Track(float(seen.obj_id_to_score[number])))
                    track.maps[piece[seen.frame_idx]] = logits[0].float()
        return list(tracks.values())

    def _session(self, frames: npt.NDArray[np.uint8], concept: str) -> Sam3VideoInferenceSession:
        """Returns the model's state for some frames, uint8 [t, H, W, 3], and a concept, without a processor.

        Of fewer frames than its tracker looks back over, what it finds would depend on how many there are: the last one
        is repeated, to be held and not visited.
        """
        config: Any = self.model.config  # Any: its type says that its parts may be missing
        side = config.image_size
        video = normalised(frames, (side, side), HALF)
        lacking = config.tracker_config.max_object_pointers_in_encoder - len(video)
        session = Sam3VideoInferenceSession(
            video=torch.cat([video, video[-1:].expand(max(lacking, 0), -1, -1, -1)]),
            video_height=side,
            video_width=side,
            inference_device=self.device,
            inference_state_device=self.device,
            dtype=self.dtype,
        )
        prompt = session.add_prompt(concept)
        tokens = concept_tokens(self.tokenizer, concept, config.detector_config).to(self.device)
        session.prompt_input_ids[prompt] = tokens["input_ids"]
        session.prompt_attention_masks[prompt] = tokens["attention_mask"]
        return session


def concept_tokens(tokenizer: PreTrainedTokenizerBase, concept: str, config: Any) -> BatchEncoding:
    """Returns a concept as the detector reads it, ids and mask int [1, S]; what is beyond its limit is cut off.

    Args:
        tokenizer: The model's.
        concept: Its words.
        config: The detector's. Any: its type says that its parts may be missing.
    """
    limit = config.text_config.max_position_embeddings
    encoding = tokenizer([concept], padding="max_length", truncation=True, max_length=limit, return_tensors="pt")
    return BatchEncoding({name: encoding[name] for name in ("input_ids", "attention_mask")})


def join_tracks(earlier: Sequence[Track], later: Sequence[Track], shared: int) -> list[Track]:
    """Joins the tracks of two pieces of a video that share a frame.

    Two tracks whose masks there have an IoU above one half are one object, the best pairs first, each in one pair at
    most: its score is the higher one, its mask in the shared frame the earlier one's. Others stay by themselves.

    Args:
        earlier: Tracks up to the shared frame; empty for the first piece.
        later: Tracks from it on.
        shared: Number of the frame.
    Returns:
        The earlier tracks, then those that are new.
    """
    pairs = {
        (i, j): _iou(one.maps[shared], other.maps[shared])
        for i, one in enumerate(earlier)
        for j, other in enumerate(later)
        if shared in one.maps and shared in other.maps
    }
    partners: dict[int, int] = {}
    for (i, j), iou in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        if iou > _SAME and i not in partners and j not in partners.values():
            partners[i] = j
    joined = [_joined(track, later[partners[i]]) if i in partners else track for i, track in enumerate(earlier)]
    return joined + [track for j, track in enumerate(later) if j not in partners.values()]


def _joined(one: Track, other: Track) -> Track:
    maps: Mapping[int, Tensor] = {**other.maps, **one.maps}
    return Track(max(one.score, other.score), dict(maps))


def _iou(one: Tensor, other: Tensor) -> float:
    """Returns the intersection over union of two masks given as logits, [h, w] each, neither empty."""
    a, b = one > 0, other > 0
    return float((a & b).sum() / (a | b).sum())


def noun_phrase(sentence: str) -> str:
    """Returns the words before the first preposition, relative pronoun or verb in -ing; all if the first is one."""
    words = re.findall(r"[\w'-]+", sentence)
    length = next((i for i, word in enumerate(words) if word in _AFTER_NOUNS or re.fullmatch(r"\w{3,}ing", word)), None)
    return " ".join(words[:length] or words)
