"""SAM 2 as a tracker: a mask in one frame, followed through the others."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from fsbench.methods import Clip
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device
from fsbench_baselines.hub import declarations
from fsbench_baselines.hub.declarations import SAM2Options
from fsbench_baselines.hub.following import Memory
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.method import count_parameters
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder

__all__ = ["SAM2Tracker"]


class SAM2Tracker:
    """Follows an object from the frame in which its mask is given.

    Raises:
        PluginError: There are no weights.
        DataError: They cannot be read.
    """

    info = declarations.SAM2_TRACKER.info

    def __init__(self, options: SAM2Options) -> None:
        folder = find_folder(options.checkpoint, options.weights, options.revision, FILES)
        self.segmenter = Segmenter(SAM2, folder, pick_device(options.device), DTYPES[options.dtype])
        self.num_parameters = count_parameters(self.segmenter.model)

    @torch.inference_mode()
    def follow(self, clip: Clip, mask: npt.NDArray[np.bool_], path: Sequence[int]) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields where the object is in each frame of `path[1:]`, bool [H, W]; of an empty mask, nothing anywhere."""
        if not mask.any():
            yield from (np.zeros_like(mask) for _ in path[1:])
            return
        memory = Memory(self.segmenter)
        memory.show(self.segmenter.see_in(clip, path[0]), mask)
        for t in path[1:]:
            found = memory.find(self.segmenter.see_in(clip, t))
            (followed,) = masks_from(found.logits[None], mask.shape, 0.0)
            yield followed
