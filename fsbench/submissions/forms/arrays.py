"""Masks that are in memory."""

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.errors import SubmissionError
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import Submission

__all__ = ["ArraySubmission", "Arrays"]

Clip = npt.NDArray[np.bool_ | np.integer[Any]]
Arrays = Clip | Mapping[str, Clip | Mapping[str, Clip]]
"""Masks [T, H, W] of one video, of videos by id, or of videos and in them of sentences by id.

Without sentences they are label maps (0 for background, else an object's id; bool is object 1), with sentences one mask
each (the object where it is not 0).
"""

_LONE_VIDEO = "video"
_LARGEST = np.iinfo(np.uint16).max


class ArraySubmission(Submission):
    """Masks in memory; frames are named by their numbers."""

    def __init__(self, arrays: Arrays, known: Known) -> None:
        found = Found(known)
        for video, expression, masks in _clips(arrays):
            where = "/".join(filter(None, (video, expression)))
            for number, labels in enumerate(_labels(masks, where)):
                name = f"{number:05d}"
                found.mask(MaskKey(None, video, expression, name), labels, f"{where}/{name}")
        super().__init__(Path("arrays"), found)

    def name(self, key: MaskKey) -> str:
        """Returns video, sentence and number of the frame."""
        return "/".join(filter(None, (key.video, key.expression, key.frame)))

    def read(self, key: MaskKey) -> npt.NDArray[np.unsignedinteger]:
        """Returns a label map or mask, unsigned [H, W]."""
        labels: npt.NDArray[np.unsignedinteger] = self._places[key]
        return labels


def _clips(arrays: Arrays) -> Iterator[tuple[str, str | None, Clip]]:
    if not isinstance(arrays, Mapping):
        yield _LONE_VIDEO, None, arrays
        return
    for video, content in arrays.items():
        if not isinstance(content, Mapping):
            yield str(video), None, content
            continue
        for expression, masks in content.items():
            yield str(video), str(expression), masks


def _labels(masks: Clip, where: str) -> npt.NDArray[np.unsignedinteger]:
    """Returns label maps as unsigned [T, H, W]. Raises SubmissionError if they are none."""
    array = np.asarray(masks)
    if array.ndim != 3 or array.dtype.kind not in "bui":
        raise SubmissionError(
            f"{where}: {array.dtype} {array.shape} is no clip of masks. Hand in bool or integer arrays [T, H, W]."
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= _LARGEST:
        raise SubmissionError(f"{where}: ids from {array.min()} to {array.max()}; use 0 to {_LARGEST}.")
    return array.astype(np.uint8 if not array.size or array.max() < 256 else np.uint16, copy=False)
