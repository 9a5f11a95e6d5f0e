"""The support as a video segmenter's memory: its frames and masks go before the query, which is followed from there."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import torch

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Judged
from fsbench.methods import Support
from fsbench_baselines.hub import declarations
from fsbench_baselines.hub.following import Family
from fsbench_baselines.hub.following import Memory
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import SAM3
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder

__all__ = ["SAM2Support", "SAM3Support"]


class _SupportMemory(HubMethod):
    """Follows the support's object into the query; sentences are not read."""

    family: Family

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        folder = find_folder(self.checkpoint, self.weights, self.revision, FILES)
        self.segmenter = Segmenter(self.family, folder, self.device, self.dtype)

    @torch.inference_mode()
    def adapt(self, support: Support) -> Memory | None:
        """Returns a memory of all support frames that show the object, in their order; None if none does."""
        memory, is_empty = Memory(self.segmenter), True
        for shot in support.shots:
            for frame, mask in zip(shot.frames, shot.masks, strict=True):
                if mask.any():  # an empty one would be remembered as the object's absence
                    memory.show(self.segmenter.see(frame), mask)
                    is_empty = False
        return None if is_empty else memory

    @torch.inference_mode()
    def segment(self, adapted: Memory | None, clip: Clip, expressions: Sequence[str]) -> Iterator[Judged]:
        """Yields bool [N, 1, H, W], the same masks for every sentence, and the logits of the object's being there.

        If the support shows no object, all masks are false.
        """
        memory = None if adapted is None else adapted.copy()
        for t in range(len(clip.frames)):
            masks, score = np.zeros((1, *clip.output_size), np.bool_), 0.0
            if memory is not None:
                found = memory.find(self.segmenter.see_in(clip, t))
                masks, score = masks_from(found.logits[None], clip.output_size, 0.0), found.score
            yield Judged(
                np.broadcast_to(masks, (len(expressions), *masks.shape)), np.full((len(expressions), 1), score)
            )


class SAM2Support(_SupportMemory):
    """With SAM 2."""

    info = declarations.SAM2_SUPPORT.info
    family = SAM2


class SAM3Support(_SupportMemory):
    """With the tracker of SAM 3."""

    info = declarations.SAM3_SUPPORT.info
    family = SAM3
