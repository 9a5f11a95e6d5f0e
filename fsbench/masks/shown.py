"""What a frame shows, in whichever form it comes, with what is computed of it at most once. Each is one thread's."""

from collections.abc import Collection
from functools import cached_property
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.masks.resize import at_size
from fsbench.masks.rle import Rle
from fsbench.metrics import labels_present
from fsbench.metrics import outline_labels
from fsbench.metrics import outline_rle
from fsbench.metrics import Outlines

__all__ = ["BinaryMask", "LabelMap", "Labels"]

Labels = npt.NDArray[np.unsignedinteger]

_ALL = range(1, 256)


class LabelMap:
    """All objects of a frame.

    Attributes:
        labels: [H, W].
        palette: The colours of its indices, three bytes each; none where it has no palette.
    """

    def __init__(self, labels: Labels, palette: bytes = b"") -> None:
        self.labels = labels
        self.palette = palette

    @cached_property
    def outlines(self) -> Outlines | None:
        """Each object cut out, by its id; None where the map has more than 8 bits."""
        return outline_labels(self.labels) if _is_plain(self.labels) else None

    @cached_property
    def ids(self) -> frozenset[int]:
        """The ids that it shows; found by the way where it was cut out."""
        outlines = vars(self).get("outlines")
        return _values(self.labels) if outlines is None else frozenset(outlines.present) - {0}


class BinaryMask:
    """A mask, predicted or true."""

    def __init__(self, content: npt.NDArray[np.integer] | Rle, object_ids: Collection[int] | None = None) -> None:
        """Takes what the mask is made of.

        Args:
            content: A label map [H, W], perhaps in layers [L, H, W], or a run-length code.
            object_ids: The labels that make the mask; None for all but 0.
        """
        if not isinstance(content, Rle) and content.ndim == 3 and len(content) == 1:
            content = content[0]
        self._content = content
        self._object_ids = object_ids
        self._outlines: dict[tuple[int, int], Outlines] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Its (height, width)."""
        if isinstance(self._content, Rle):
            return self._content.height, self._content.width
        height, width = self._content.shape[-2:]
        return height, width

    @cached_property
    def values(self) -> frozenset[int]:
        """What its label map shows besides 0; of a run-length code, at most 1."""
        if isinstance(self._content, Rle):
            return frozenset({1} if coco.area(self._coco) else ())
        if self.shape in self._outlines and _is_plain(self._content):
            return frozenset(self._outlines[self.shape].present) - {0}
        return _values(self._content)

    @property
    def is_empty(self) -> bool:
        """Whether it has no pixel."""
        if self._object_ids is None:
            return not self.values
        return not any(object_id in self.values for object_id in self._object_ids)

    @cached_property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The mask as 0 and 1, uint8 [H, W]."""
        if isinstance(self._content, Rle):
            self.outlines(self.shape)  # pycocotools trusts its input
            return np.asarray(coco.decode(self._coco))
        if self._object_ids is None:
            return np.asarray(self._content != 0).view(np.uint8)
        return union_of(layers_of(self._content), tuple(self._object_ids)).view(np.uint8)

    def outlines(self, size: tuple[int, int]) -> Outlines:
        """Returns the mask, number 0, cut out at a size; see `at_size`. Raises ValueError if its code is none."""
        if size not in self._outlines:
            self._outlines[size] = self._cut_out(size)
        return self._outlines[size]

    def _cut_out(self, size: tuple[int, int]) -> Outlines:
        if size == self.shape:
            if isinstance(self._content, Rle):
                return outline_rle(self._content.counts, *size)
            if _is_plain(self._content):
                members = _ALL if self._object_ids is None else [i for i in self._object_ids if 0 <= i < 256]
                return outline_labels(self._content, members)
        return outline_labels(at_size(self.labels, size), (1,))

    @property
    def _coco(self) -> dict[str, object]:
        assert isinstance(self._content, Rle), "asked for of codes alone"
        return {"size": list(self.shape), "counts": self._content.counts}


def _values(labels: npt.NDArray[np.integer]) -> frozenset[int]:
    found = labels_present(labels) if _is_plain(labels) else np.unique(labels).tolist()
    return frozenset(found) - {0}


def _is_plain(labels: npt.NDArray[np.integer]) -> TypeGuard[npt.NDArray[np.uint8]]:
    return labels.dtype == np.uint8 and labels.ndim == 2
