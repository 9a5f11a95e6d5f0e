"""Which patches of a query frame are the support's object: matches of DINO's patch features that hold both ways.

The idea is that of Matcher (Liu et al., 2024) and, for the point off the object, of PerSAM (Zhang et al., 2024). `P` is
the patches of a frame, `n` those of all support frames, `D` the channels of a feature.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Literal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import Dinov2Model
from transformers import Dinov2WithRegistersModel
from transformers import DINOv3ViTModel

from fsbench.errors import DataError
from fsbench_baselines.hub.following import boxed
from fsbench_baselines.hub.following import Prompt
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.weights import load_model

__all__ = ["Matches", "PatchFeatures", "Patches", "match", "object_patches", "prompt_at"]

_MODELS: dict[str, Any] = {  # Any: their class in common knows nothing of features
    "dinov2": Dinov2Model,
    "dinov2_with_registers": Dinov2WithRegistersModel,
    "dinov3_vit": DINOv3ViTModel,
}
_LEAST_SHARE = 0.5  # of a support patch that the object covers, if it is to be the object's


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of support frames.

    Attributes:
        features: float32 [n, D], of unit length.
        is_object: bool [n]; true of one at least.
    """

    features: Tensor
    is_object: Tensor


class Matches(NamedTuple):
    """What of a query frame fits the support's object.

    Attributes:
        strength: Cosine of a patch and the object's patch that it is matched with, float32 [P]; -inf of no match.
        likeness: Cosine of a patch and the object's patch that is nearest to it, float32 [P].
        score: Mean of the strengths over the object's patches, where one without a match counts 0.
    """

    strength: Tensor
    likeness: Tensor
    score: float


class PatchFeatures:
    """A model of the DINOv2 or DINOv3 family and its weights.

    Args:
        folder: Of its weights.
        device: Where it computes.
        dtype: Of its weights and activations.
        short_side: Of the frames that it sees, in pixels.

    Raises:
        DataError: The weights cannot be read, or are of another model.
    """

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype, short_side: int) -> None:
        try:
            kind = json.loads((folder / "config.json").read_bytes())["model_type"]
        except (ValueError, KeyError, TypeError):
            kind = None
        if kind not in _MODELS:
            raise DataError(f"{folder}: config.json names the model type {kind!r}, not one of {', '.join(_MODELS)}.")
        self.model = load_model(_MODELS[kind], folder, device, dtype)
        config: Any = self.model.config  # Any: a patch's side has the type of two, too
        self.patch: int = config.patch_size
        self._skipped = 1 + getattr(config, "num_register_tokens", 0)  # the tokens of no patch come first
        self._short_side = short_side

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Returns how many patches there are of a frame, down and across."""
        scale = self._short_side / min(height, width) / self.patch
        return max(1, round(height * scale)), max(1, round(width * scale))

    def see(self, frame: npt.NDArray[np.uint8]) -> Tensor:
        """Returns the features of a frame, uint8 [H, W, 3]: float32 [P, D] of unit length, row by row.

        It is resized to whole patches, for what is beyond the last one the model would cut off.
        """
        rows, columns = self.grid(*frame.shape[:2])
        pixels = normalised(frame[np.newaxis], (rows * self.patch, columns * self.patch), IMAGENET)
        tokens = self.model(pixels.to(self.model.device, self.model.dtype)).last_hidden_state
        return functional.normalize(tokens[0, self._skipped :].float(), dim=1)


def object_patches(mask: npt.NDArray[np.bool_], grid: tuple[int, int]) -> Tensor:
    """Returns which patches are the object's by its mask, bool [H, W]: bool [P]; of a small one, where it is most."""
    whole = torch.from_numpy(mask.astype(np.float32))[None, None]
    share = functional.interpolate(whole, grid, mode="bilinear", align_corners=False, antialias=True).flatten()
    return share >= share.max().clamp(max=_LEAST_SHARE)


def match(query: Tensor, support: Patches) -> Matches:
    """Matches the object's patches with those of a frame, both ways.

    A patch of the object goes with the frame's nearest; that counts if of this one the nearest of all support patches
    is the object's in turn.

    Args:
        query: float32 [P, D], of unit length.
        support: Of all support frames.
    """
    cosines = query @ support.features.T
    of_object = cosines[:, support.is_object]
    comes_back = support.is_object[cosines.argmax(dim=1)]
    best, place = of_object.max(dim=0)
    kept = comes_back[place]
    strength = torch.full_like(query[:, 0], -torch.inf).scatter_reduce(0, place[kept], best[kept], "amax")
    return Matches(strength, of_object.amax(dim=1), float((best.clamp(min=0) * kept).mean()))


def prompt_at(matches: Matches, grid: tuple[int, int], kind: Literal["points", "box"], most: int) -> Prompt | None:
    """Returns what points at a match's patches; None if there are none.

    Args:
        matches: Of a frame.
        grid: Patches down and across.
        kind: The centres of the strongest patches and of the one that is least like the object, which is off it; or the
            box of all matched patches.
        most: Points on the object, at most.
    """
    kept = (matches.strength > -torch.inf).nonzero().flatten()
    if len(kept) == 0:
        return None
    if kind == "box":
        corners = torch.stack([kept % grid[1], kept // grid[1]], dim=1)
        sides = corners.new_tensor([grid[1], grid[0]])
        return boxed(torch.cat([corners.amin(dim=0) / sides, (corners.amax(dim=0) + 1) / sides]))
    strongest = kept[matches.strength[kept].argsort(descending=True, stable=True)][:most]
    chosen = torch.cat([strongest, matches.likeness.argmin().view(1)])
    labels = torch.ones(len(chosen), dtype=torch.int64)
    labels[-1] = 0
    places = torch.stack([(chosen % grid[1] + 0.5) / grid[1], (chosen // grid[1] + 0.5) / grid[0]], dim=1)
    return Prompt(places, labels)
