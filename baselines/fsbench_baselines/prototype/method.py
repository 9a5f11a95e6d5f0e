"""Prototypes of frozen features, without any training: cosine map, cut, borders by GrabCut, choice by the sentence."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Support
from fsbench_baselines.cutting import enlarge
from fsbench_baselines.cutting import grab_cut
from fsbench_baselines.cutting import shrink
from fsbench_baselines.cutting import strong_parts
from fsbench_baselines.devices import pick_device
from fsbench_baselines.prototype.declarations import PROTOTYPE
from fsbench_baselines.prototype.declarations import PrototypeOptions
from fsbench_baselines.prototype.evidence import cosine_map
from fsbench_baselines.prototype.evidence import Prototypes
from fsbench_baselines.prototype.evidence import support_prototypes
from fsbench_baselines.prototype.weights import load_features
from fsbench_baselines.prototype.weights import load_words
from fsbench_baselines.prototype.weights import STRIDE
from fsbench_baselines.prototype.words import Candidate
from fsbench_baselines.prototype.words import measure
from fsbench_baselines.prototype.words import SentenceReader

__all__ = ["Prototype"]

CORE, PROBABLE, POSSIBLE = 0.5, 1.0, 3.0  # times the odds of an object's pixel that the cut gives
LEAST_CANDIDATE = 0.3  # of the strongest candidate's evidence


class Prototype:
    """Segments what is nearer to the support's object than to its background and the query's border."""

    info = PROTOTYPE.info

    def __init__(self, options: PrototypeOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        self.feature_size = options.feature_size
        self.cut_size = options.cut_size
        self.border_weight = options.border_weight
        self.cut = options.cut
        self.iterations = options.iterations
        self.device = pick_device(options.device)
        self.sentences = options.sentences

    def prepare(self, fold: Fold) -> None:
        """Loads the weights.

        Raises:
            PluginError: A package of the extra [weights] is missing.
        """
        self.features = load_features(self.device)
        self.reader = SentenceReader(load_words()) if self.sentences else None

    def adapt(self, support: Support) -> Prototypes | None:
        """Returns the prototypes; None if no support frame shows an object."""
        return support_prototypes([(self._layers(shot.frames), shot.masks) for shot in support.shots])

    def segment(
        self, adapted: Prototypes | None, clip: Clip, expressions: Sequence[str]
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, t, H, W]; all false if the support shows no object."""
        if adapted is None:
            yield np.broadcast_to(np.False_, (len(expressions), len(clip.frames), *clip.output_size))
            return
        layers = clip.memo(("prototype", self.feature_size), lambda: self._layers(clip.frames))
        frames = clip.memo(("prototype frames", self.cut_size), lambda: shrink(clip.frames, self.cut_size))
        score = cosine_map(adapted, layers, self.border_weight, frames.shape[1:3]).cpu().numpy()
        found = self._objects(frames, score, adapted.odds)
        candidates = _candidates(found, score, frames) if self.reader else []
        shown = []
        for sentence in expressions:
            choice = self.reader.choose(sentence, candidates) if self.reader and len(candidates) > 1 else None
            shown.append(choice.mask if choice else found)
        distinct = {id(masks): masks for masks in shown}  # most sentences share a choice
        for t in range(len(frames)):
            sized = {key: enlarge(masks[t], clip.output_size) for key, masks in distinct.items()}
            yield np.stack([sized[id(masks)] for masks in shown])[:, np.newaxis]

    def _layers(self, frames: Any) -> list[torch.Tensor]:  # Any: what a shot or a clip has
        """Returns the features of frames, uint8 [T, H, W, 3]."""
        height, width = frames.shape[1:3]
        scale = self.feature_size / min(height, width)
        # Four to one is as flat as the network sees a frame.
        size = [max(1, round(min(side * scale, 4 * self.feature_size) / STRIDE)) * STRIDE for side in (width, height)]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return self.features(np.stack([cv2.resize(frame, size, interpolation=way) for frame in frames]))

    def _objects(
        self, frames: npt.NDArray[np.uint8], score: npt.NDArray[np.float32], odds: float
    ) -> npt.NDArray[np.bool_]:
        """Returns what is of the class, bool [T, h, w], at the working size."""
        if self.cut == "nearest":
            share = np.clip((score > 0).mean(), 1 / score.size, 0.95)
            odds = float(share / (1 - share))
        levels = np.quantile(score, 1 / (1 + odds * np.array([CORE, PROBABLE, POSSIBLE])))
        parts = []
        for frame, frame_score in zip(frames, score, strict=True):
            mask = grab_cut(frame, frame_score, levels.tolist(), self.iterations)
            parts.append(strong_parts(mask, frame_score - np.float32(levels[1])))
        return np.stack(parts)


def _candidates(
    found: npt.NDArray[np.bool_], score: npt.NDArray[np.float32], frames: npt.NDArray[np.uint8]
) -> list[Candidate]:
    """Returns the parts of a video's mask that hang together in space and time and are not weak, strongest first.

    Args:
        found: bool [T, h, w].
        score: float32 [T, h, w].
        frames: uint8 [T, h, w, 3].
    """
    labels, count = ndimage.label(found)
    floor = np.quantile(score, 0.5)
    strengths = ndimage.sum_labels(np.maximum(score - floor, 0), labels, range(1, count + 1))
    order = np.argsort(-strengths, kind="stable")
    strong = [n for n in order if strengths[n] >= LEAST_CANDIDATE * strengths[order[0]]]
    return [measure(labels == n + 1, frames, float(strengths[n])) for n in strong]
