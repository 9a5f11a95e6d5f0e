"""Label maps of objects that may overlap: several layers, in each of which no two do."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["layered", "layers_of", "stack_layers", "union_of"]

_Labels = npt.NDArray[np.integer[Any]]


def layered(masks: Mapping[int, npt.NDArray[np.bool_]], size: tuple[int, int]) -> _Labels:
    """Lays masks into as few layers as come of it when each, in turn, goes into the first one that has room for it.

    Args:
        masks: By id, from 1 to 65535, bool [H, W].
        size: (H, W), of which there may be no mask.

    Returns:
        A label map, uint8 or uint16 [H, W]; where masks overlap, layers [L, H, W].
    """
    dtype = np.uint8 if max(masks, default=0) < 256 else np.uint16
    layers: list[_Labels] = [np.zeros(size, dtype)]
    for object_id, mask in masks.items():
        free = next((layer for layer in layers if not layer[mask].any()), None)
        if free is None:
            free = np.zeros(size, dtype)
            layers.append(free)
        free[mask] = object_id
    return layers[0] if len(layers) == 1 else np.stack(layers)


def layers_of(label_map: _Labels) -> _Labels:
    """Returns the layers [L, H, W] of a label map, [H, W] or [L, H, W]."""
    return label_map if label_map.ndim == 3 else label_map[np.newaxis]


def stack_layers(label_maps: Sequence[_Labels]) -> _Labels:
    """Returns T label maps, each [H, W] or [L, H, W], as integer [T, L, H, W], with the layers of the deepest."""
    found = [layers_of(label_map) for label_map in label_maps]
    depth = max(map(len, found))
    if any(len(each) < depth for each in found):
        found = [np.pad(each, ((0, depth - len(each)), (0, 0), (0, 0))) for each in found]
    return np.stack(found)


def union_of(layers: _Labels, object_ids: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Returns where any of some objects is, bool [..., H, W], in layers [..., L, H, W]."""
    shown: npt.NDArray[np.bool_] = np.zeros(layers.shape, np.bool_)
    for object_id in object_ids:  # several times as fast as numpy's isin
        shown |= layers == object_id
    return np.logical_or.reduce(shown, axis=-3) if layers.shape[-3] > 1 else shown[..., 0, :, :]
