"""Clips to train on: frames, and where in them the object is that a sentence names.

Axes: T frames, H, W pixels. Places are in pixels from the left upper corner; pixel (y, x) covers y..y + 1, x..x + 1.
"""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
import numpy.typing as npt

__all__ = ["Boxes", "Frames", "Masks", "TrainingClip", "object_boxes", "released_boxes", "without_vanished"]

Boxes = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TrainingClip:
    """Frames of a video with the object that a sentence names.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB.
        masks: bool [T, H, W].
        boxes: float32 [T, 4], the edges x0, y0, x1, y1; zeros where not valid. An object that a crop cuts keeps the cut
            of its box, which may be wider than what is left of its mask, or hold none of it.
        valid: bool [T], whether the box has an area.
        sentence: The sentence.
        class_id: The object's class.
    """

    frames: Frames
    masks: Masks
    boxes: Boxes
    valid: npt.NDArray[np.bool_]
    sentence: str
    class_id: int


def object_boxes(masks: Masks) -> Boxes:
    """Returns the smallest boxes around masks, float32 [T, 4]; zeros where a mask is empty."""
    height, width = masks.shape[1:]
    rows, columns = np.any(masks, axis=2), np.any(masks, axis=1)
    x0, y0 = np.argmax(columns, axis=1), np.argmax(rows, axis=1)
    x1, y1 = width - np.argmax(columns[:, ::-1], axis=1), height - np.argmax(rows[:, ::-1], axis=1)
    boxes = np.stack([x0, y0, x1, y1], axis=1)
    return np.where(np.any(rows, axis=1)[:, np.newaxis], boxes, 0).astype(np.float32)


def released_boxes(masks: Masks) -> Boxes:
    """Returns the boxes of `object_boxes` as the released code has them, which differ in two ways.

    The right and lower edge are one pixel short. Then x is bounded by the height and y by the width: of a frame
    wider than high, objects beyond x = height lose their box, and with it their validity (`without_vanished`).
    """
    height, width = masks.shape[1:]
    boxes = object_boxes(masks)
    boxes[boxes[:, 2] > 0, 2:] -= 1
    return np.minimum(boxes, np.array([height, width, height, width], np.float32))


def without_vanished(clip: TrainingClip) -> TrainingClip:
    """Returns a clip whose frames are valid where the box has an area, and whose other boxes are zeros.

    As released this asks the box alone: it may be valid where a crop has left nothing of the mask.
    """
    x0, y0, x1, y1 = clip.boxes.T
    valid = (x1 > x0) & (y1 > y0)
    return replace(clip, boxes=np.where(valid[:, np.newaxis], clip.boxes, np.float32(0)), valid=valid)
