"""SegGPT (Wang et al., 2023): few-shot segmentation by picture and mask prompts, frame by frame, without sentences."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import SegGptForImageSegmentation

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Support
from fsbench_baselines.hub.declarations import SEGGPT
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model

__all__ = ["Prompts", "SegGPT"]

_GREY = 0.5  # the support's masks are painted white on black; a pixel brighter than this is the object's


@dataclass(frozen=True, eq=False)
class Prompts:
    """Support frames that show the object, as the model sees them: pictures and masks, [K, 3, h, w] each."""

    pictures: Tensor
    masks: Tensor


class SegGPT(HubMethod):
    """Paints the query as the support is painted, all support frames at once (the paper's feature ensemble)."""

    info = SEGGPT.info

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        folder = find_folder(self.checkpoint, self.weights, self.revision, FILES)
        self.model = load_model(SegGptForImageSegmentation, folder, self.device, self.dtype)
        config: Any = self.model.config  # Any: its sides have the type of one number
        height, width = config.image_size
        self.size = (height // 2, width)  # the model sees prompt and query one above the other

    def adapt(self, support: Support) -> Prompts | None:
        """Returns the support frames that show the object; None if none does."""
        pictures, masks = [], []
        for shot in support.shots:
            shows = shot.masks.any(axis=(1, 2))
            if shows.any():
                painted = np.repeat(shot.masks[shows, :, :, None].view(np.uint8) * np.uint8(255), 3, axis=3)
                pictures.append(self._see(shot.frames[shows]))
                masks.append(normalised(painted, self.size, IMAGENET, Image.Resampling.NEAREST))
        if not masks:
            return None
        return Prompts(torch.cat(pictures), torch.cat(masks).to(self.device, self.dtype))

    @torch.inference_mode()
    def segment(
        self, adapted: Prompts | None, clip: Clip, expressions: Sequence[str]
    ) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields bool [N, t, H, W], the same masks for every sentence; all false if the support shows no object."""
        if adapted is None:
            yield np.broadcast_to(np.False_, (len(expressions), len(clip.frames), *clip.output_size))
            return
        for frame in clip.frames:
            masks = masks_from(self.paint(adapted, frame), clip.output_size, _GREY)
            yield np.broadcast_to(masks, (len(expressions), *masks.shape))

    def paint(self, prompts: Prompts, frame: npt.NDArray[np.uint8]) -> Tensor:
        """Returns how bright the model paints a frame, uint8 [H, W, 3]: float32 [1, h, w], 0 black to 1 white."""
        seen = self._see(frame[None]).expand_as(prompts.pictures)
        painted = self.model(
            pixel_values=seen,
            prompt_pixel_values=prompts.pictures,
            prompt_masks=prompts.masks,
            feature_ensemble=len(seen) > 1,
            embedding_type="instance",
        ).pred_masks
        # Lower half: the query. First row: the ensemble makes all rows one, as in the authors' inference.
        half = painted[:1, :, painted.shape[2] // 2 :].float()
        mean, deviation = (half.new_tensor(values).view(3, 1, 1) for values in (IMAGENET.mean, IMAGENET.deviation))
        colours: Tensor = (half * deviation + mean).clip(0, 1)
        return colours.mean(dim=1)

    def _see(self, frames: npt.NDArray[np.uint8]) -> Tensor:
        return normalised(frames, self.size, IMAGENET, Image.Resampling.BICUBIC).to(self.device, self.dtype)
