"""SAM 3's concept by an exemplar from the support: support and query on one canvas, the object's box as the prompt."""

import math
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import Sam3Model

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Judged
from fsbench.methods import Support
from fsbench_baselines.hub.declarations import SAM3_EXEMPLAR
from fsbench_baselines.hub.declarations import SAM3ExemplarOptions
from fsbench_baselines.hub.frames import HALF
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.sam3 import concept_tokens
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import TOKENIZER_FILES
from fsbench_baselines.pixels import plain_sentence

__all__ = ["Exemplar", "SAM3Exemplar", "object_box", "pooled"]

_ANY = "visual"  # what SAM 3 is told where a box alone says what is meant


class Exemplar(NamedTuple):
    """A support frame that shows the object.

    Attributes:
        frame: uint8 [H, W, 3].
        box: Of the object: centre x, y, width and height as shares of the frame, float32 [4].
    """

    frame: npt.NDArray[np.uint8]
    box: Tensor


class SAM3Exemplar(HubMethod):
    """Everything in a query frame that SAM 3 takes for the same as the support's object, frame by frame."""

    info = SAM3_EXEMPLAR.info

    def __init__(self, options: SAM3ExemplarOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.sentences = options.sentences
        self.threshold = options.threshold

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        folder = find_folder(self.checkpoint, self.weights, self.revision, FILES + TOKENIZER_FILES)
        model: Any = load_model(Sam3Model, folder, self.device, self.dtype)  # Any: its configuration's parts may lack
        # What it does by itself asks for torchvision.
        model.geometry_encoder._encode_boxes = partial(_encoded_boxes, model.geometry_encoder)
        self.model = model
        self.side: int = model.config.image_size
        self.tokenizer = load_tokenizer(folder)

    def adapt(self, support: Support) -> Exemplar | None:
        """Returns the support frame in which the object is largest, the first of equals; None if none shows it."""
        shown = [each for shot in support.shots for each in zip(shot.frames, shot.masks, strict=True) if each[1].any()]
        if not shown:
            return None
        frame, mask = max(shown, key=lambda each: float(each[1].mean()))
        return Exemplar(frame.copy(), object_box(mask))

    @torch.inference_mode()
    def segment(self, adapted: Exemplar | None, clip: Clip, expressions: Sequence[str]) -> Iterator[Judged]:
        """Yields bool [N, 1, H, W], and the best score in each; all false if the support shows no object.

        If sentences are not read, all have the same masks.
        """
        concepts = [(plain_sentence(sentence) or _ANY) if self.sentences else _ANY for sentence in expressions]
        for t in range(len(clip.frames)):
            found = self._find(adapted, clip.frames[t], concepts, clip.output_size) if adapted is not None else {}
            nothing = np.zeros(clip.output_size, np.bool_), 0.0
            masks, scores = zip(*(found.get(concept, nothing) for concept in concepts), strict=True)
            yield Judged(np.stack(masks)[:, np.newaxis], np.array(scores)[:, np.newaxis])

    def _find(
        self, exemplar: Exemplar, frame: npt.NDArray[np.uint8], concepts: Sequence[str], size: tuple[int, int]
    ) -> dict[str, tuple[npt.NDArray[np.bool_], float]]:
        """Returns by concept the mask of all that fits in a frame, bool [H, W] of a size, and the best score of it."""
        pixels, box, is_tall = self.canvas(exemplar, frame)
        seen = self.model.get_vision_features(pixels.to(self.device, self.dtype))
        boxes = box.to(self.device, self.dtype).view(1, 1, 4)
        found = {}
        for concept in dict.fromkeys(concepts):
            tokens = concept_tokens(self.tokenizer, concept, self.model.config).to(self.device)
            outputs = self.model(vision_embeds=seen, input_boxes=boxes, **tokens)
            scores = (outputs.pred_logits.sigmoid() * outputs.presence_logits.sigmoid())[0].float()
            maps = outputs.pred_masks[0].unflatten(2 if is_tall else 1, (2, -1)).unbind(2 if is_tall else 1)[1]
            fits = (scores > self.threshold) & (maps > 0).any(dim=(1, 2))
            if fits.any():
                mask = np.logical_or.reduce(masks_from(maps[fits], size, 0.0))
                found[concept] = mask, float(scores[fits].max())
        return found

    def canvas(self, exemplar: Exemplar, frame: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor, bool]:
        """Puts support and query onto one square: side by side where the query is tall, else one above the other.

        Returns:
            Pixels, float32 [1, 3, side, side], whose second half is the query; the exemplar's box on it, as shares; and
            whether they are side by side.
        """
        is_tall = frame.shape[0] > frame.shape[1]
        half = (self.side, self.side // 2) if is_tall else (self.side // 2, self.side)
        pixels = torch.cat(
            [normalised(each[np.newaxis], half, HALF) for each in (exemplar.frame, frame)], dim=3 if is_tall else 2
        )
        return pixels, exemplar.box * torch.tensor([0.5, 1.0] * 2 if is_tall else [1.0, 0.5] * 2), is_tall


def object_box(mask: npt.NDArray[np.bool_]) -> Tensor:
    """Returns the box of a mask, bool [H, W], not empty: centre x, y, width and height as shares, float32 [4]."""
    starts, stops = [], []
    for axis in (0, 1):
        places = np.flatnonzero(mask.any(axis=axis))
        starts.append(places[0] / mask.shape[1 - axis])
        stops.append((places[-1] + 1) / mask.shape[1 - axis])
    first, last = torch.tensor(starts, dtype=torch.float32), torch.tensor(stops, dtype=torch.float32)
    return torch.cat([(first + last) / 2, last - first])


def _encoded_boxes(
    encoder: Any,  # Any: its layers are found by their names
    boxes: Tensor,
    valid: Tensor,
    labels: Tensor,
    features: Tensor,
) -> tuple[Tensor, Tensor]:
    """Returns what SAM 3's geometry encoder makes of an exemplar's box, without torchvision.

    Args:
        encoder: Whose layers are used.
        boxes: Centre, width and height as shares, [1, 1, 4].
        valid: bool [1, 1], returned as it is.
        labels: int [1, 1], 1 of an exemplar.
        features: Of the canvas, [1, D, h, w].

    Returns:
        [1, 1, D], and `valid`.
    """
    seen = encoder.boxes_pool_project(pooled(features, boxes.view(4), encoder.roi_size))
    place = encoder._encode_box_coordinates(*boxes.view(4, 1))
    encoded = encoder.boxes_direct_project(boxes) + seen.view(1, 1, -1) + encoder.boxes_pos_enc_project(place[None])
    return encoded + encoder.label_embed(labels.long()), valid


def pooled(features: Tensor, box: Tensor, cells: int) -> Tensor:
    """Returns the means of features over the cells of a box, as torchvision's `roi_align` by itself takes them.

    Args:
        features: [1, D, h, w]; a feature's place is its index, without half a pixel's offset.
        box: Centre x, y, width and height as shares of the picture, within it.
        cells: Down and across the box.

    Returns:
        [1, D, cells, cells].
    """
    places, counts = [], []
    for side, centre, extent in zip(features.shape[:1:-1], box[:2].tolist(), box[2:].tolist(), strict=True):
        length = max(extent * side, 1.0)  # a box is at least a pixel long, from where it starts
        count = math.ceil(length / cells)
        steps = (torch.arange(cells * count, device=features.device) + 0.5) / (cells * count)
        places.append(((centre - extent / 2) * side + steps * length) * 2 / (side - 1) - 1)
        counts.append(count)
    across, down = places
    grid = torch.stack(torch.meshgrid(down, across, indexing="ij")[::-1], dim=-1)[None]
    samples = functional.grid_sample(features.float(), grid, padding_mode="border", align_corners=True)
    return functional.avg_pool2d(samples, counts[::-1]).to(features.dtype)
