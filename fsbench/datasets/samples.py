"""Truth of A2D- and JHMDB-Sentences in COCO's form, as later repositories share it: a sample is called an image."""

import re
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fsbench.datasets.records import by_number
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import Records
from fsbench.datasets.records import UNKNOWN
from fsbench.datasets.records import Video
from fsbench.errors import DataError
from fsbench.masks.layers import layered
from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import Rle
from fsbench.masks.rle import valid_code

__all__ = ["Sample", "SampleDataset", "sample_of"]

_ID = re.compile(r"v_(.+)_f_([0-9]{1,9})(?:_i_([0-9]{1,9}))?")


class Sample(NamedTuple):
    """What one of the truth's images is of.

    Attributes:
        video_id, expression_id, frame: A sentence in one frame of a video.
    """

    video_id: str
    expression_id: str
    frame: str


class _Frame(NamedTuple):
    """A frame's (height, width), and the codes of its objects."""

    size: tuple[int, int]
    codes: dict[int, Rle]


def sample_of(image_id: object) -> Sample:
    """Returns what an image's id means: `v_<video>_f_<frame>_i_<instance>` of A2D, without `_i_...` of JHMDB."""
    found = _ID.fullmatch(str(image_id))
    if found is None:
        return Sample(str(image_id), "0", "00000")
    return Sample(found[1], str(int(found[3] or 0)), f"{int(found[2]):05d}")


class SampleDataset(OfRecords):
    """A file {"images", "annotations", "categories"}; a sentence is asked in the frames that have an image of it.

    What a sentence names has the number of the sentence plus 1. The file says no sentence's text.
    """

    def __init__(self, path: Path) -> None:
        """Says where it lies; nothing is read yet."""
        self.root = path
        self.name = path.stem

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Raises DataError: the file says nothing of pictures."""
        raise DataError(f"{self.root}: video {video_id!r}, frame {name!r}: there are no pictures with it.")

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's objects as integer [H, W], or [L, H, W] in layers."""
        size, codes = self._read[1][video_id, name]
        return layered({key: decode_masks([code.counts], *size)[0] for key, code in sorted(codes.items())}, size)

    @property
    def _records(self) -> Records:
        return self._read[0]

    @cached_property
    def _read(self) -> tuple[Records, dict[tuple[str, str], _Frame]]:
        from fsbench.datasets.metadata import read_sampled_masks  # pydantic, which telling a form does without

        content = read_sampled_masks(self.root)
        sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
        if len(sizes) < len(content["images"]):
            raise DataError(f"{self.root}: two images have one id. Fetch it again.")
        code_of: dict[str, Rle] = {}
        for item in content["annotations"]:
            where = f"{self.root}: image {item['image_id']!r}"
            if item["image_id"] not in sizes or item["image_id"] in code_of:
                raise DataError(f"{where} is not listed, or has two annotations. Fetch it again.")
            try:
                code_of[item["image_id"]] = _code(item["segmentation"], sizes[item["image_id"]])
            except ValueError as error:
                raise DataError(f"{where}: {error}. Fetch it again.") from error
        frames: dict[tuple[str, str], _Frame] = {}
        asked: dict[str, dict[str, list[str]]] = {}
        for image_id, size in sizes.items():
            video_id, expression_id, name = sample_of(image_id)
            asked.setdefault(video_id, {}).setdefault(expression_id, []).append(name)
            frame = frames.setdefault((video_id, name), _Frame(size, {}))
            if frame.size != size:
                raise DataError(f"{self.root}: frame {name} of video {video_id!r} has two sizes. Fetch it again.")
            if image_id in code_of:
                frame.codes[int(expression_id) + 1] = code_of[image_id]
        records: Records = ([], [], [])
        for video_id, sentences in sorted(asked.items()):
            names = sorted({name for of in sentences.values() for name in of})
            records[0].append(Video(video_id, tuple(names)))
            for key, of in sorted(sentences.items(), key=lambda item: by_number(item[0])):
                number, shown = int(key) + 1, tuple(sorted(of))
                with_mask = tuple(name for name in shown if number in frames[video_id, name].codes)
                records[1].append(ObjectTrack(video_id, number, UNKNOWN, with_mask))
                records[2].append(Expression(video_id, key, (number,), "", shown))
        return records, frames


def _code(segmentation: object, size: tuple[int, int]) -> Rle:
    """Returns a run-length code. Raises ValueError if it is none of this size."""
    if not isinstance(segmentation, dict) or segmentation.get("size") != list(size):
        raise ValueError(f"its segmentation is no run-length code of {size} pixels (height, width)")
    return valid_code(*size, segmentation.get("counts"))
