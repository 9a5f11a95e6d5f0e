"""DINO and SAM 2 without training: patches that match the support's object point at it, SAM 2 follows it from there."""

from collections.abc import Iterator
from collections.abc import Sequence

import torch
from torch import Tensor

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Judged
from fsbench.methods import Support
from fsbench_baselines.hub.declarations import DINO_SAM2
from fsbench_baselines.hub.declarations import DINOSAM2Options
from fsbench_baselines.hub.following import Coded
from fsbench_baselines.hub.following import coded
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.following import judged
from fsbench_baselines.hub.following import Memory
from fsbench_baselines.hub.following import nothing
from fsbench_baselines.hub.following import Prompt
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.matching import match
from fsbench_baselines.hub.matching import object_patches
from fsbench_baselines.hub.matching import Patches
from fsbench_baselines.hub.matching import PatchFeatures
from fsbench_baselines.hub.matching import prompt_at
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder

__all__ = ["DINOSAM2"]


class DINOSAM2(HubMethod):
    """Points at the support's object by matches of patches; sentences are not read."""

    info = DINO_SAM2.info

    def __init__(self, options: DINOSAM2Options) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.options = options

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        options = self.options
        features = find_folder(self.checkpoint, self.weights, self.revision, FILES, "features")
        tracker = find_folder(self.checkpoint, options.tracker_weights, options.tracker_revision, FILES, "tracker")
        self.features = PatchFeatures(features, self.device, self.dtype, options.short_side)
        self.segmenter = Segmenter(SAM2, tracker, self.device, self.dtype)

    @torch.inference_mode()
    def adapt(self, support: Support) -> Patches | None:
        """Returns the patches of all support frames that show the object; None if none does."""
        features, is_object = [], []
        for shot in support.shots:
            grid = self.features.grid(*shot.masks.shape[1:])
            for frame, mask in zip(shot.frames, shot.masks, strict=True):
                if mask.any():
                    features.append(self.features.see(frame))
                    is_object.append(object_patches(mask, grid))
        return Patches(torch.cat(features), torch.cat(is_object).to(self.device)) if features else None

    @torch.inference_mode()
    def segment(self, adapted: Patches | None, clip: Clip, expressions: Sequence[str]) -> Iterator[Judged]:
        """Yields bool [N, 1, H, W], the same masks for every sentence, and how sure SAM 2 is.

        If the support shows no object, all masks are false.
        """
        track = self._track(adapted, clip) if adapted is not None else nothing(clip)
        yield from judged([track] * len(expressions), clip.output_size)

    def _track(self, adapted: Patches, clip: Clip) -> list[Coded]:
        prompts, scores = {}, {}
        for t in range(len(clip.frames)):
            prompt, score = self.point(adapted, clip, t)
            if prompt is not None:
                prompts[t], scores[t] = prompt, score
        if self.options.frames == "best":
            best = max(scores, key=lambda t: (scores[t], -t), default=0)  # the first of equals
            return follow(self.segmenter, clip, {t: prompt for t, prompt in prompts.items() if t == best})
        found = nothing(clip)
        for t, prompt in prompts.items():
            seen = self.segmenter.see_in(clip, t)
            found[t] = coded(Memory(self.segmenter).point(seen, prompt), clip.output_size)
        return found

    def point(self, adapted: Patches, clip: Clip, t: int) -> tuple[Prompt | None, float]:
        """Returns what points at the object in a frame, if anything does, and how well it is matched there."""
        matches = match(self._patches(clip, t), adapted)
        grid = self.features.grid(*clip.frames.shape[1:3])
        return prompt_at(matches, grid, self.options.prompt, self.options.points), matches.score

    def _patches(self, clip: Clip, t: int) -> Tensor:
        """Returns the features of a frame's patches, computed once for all draws."""
        return clip.memo(("dino", t), lambda: self.features.see(clip.frames[t]))
