"""A dataset that lies in no file: an object with the calls of a dataset and nothing else."""

from collections.abc import Sequence

import numpy as np

from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import Video

FRAMES = ("a", "b", "c")


class MadeDataset:
    """Three videos of each category, one object each that two sentences name; pixels follow from the video's place."""

    def __init__(self, name: str = "made", categories: Sequence[str] = ("cat", "dog", "owl")) -> None:
        self.name = name
        self._categories = sorted(categories)

    def videos(self):
        return [Video(video, FRAMES) for video, _ in self._named()]

    def objects(self):
        return [ObjectTrack(video, 1, category, FRAMES) for video, category in self._named()]

    def expressions(self):
        said = ((video, str(number), category) for video, category in self._named() for number in range(2))
        return [Expression(video, number, (1,), f"the {category}, said {number}") for video, number, category in said]

    def frame(self, video_id, name):
        red = np.zeros((16, 20, 3), np.uint8)
        red[..., 0] = 220 * self.label_map(video_id, name)
        return red

    def label_map(self, video_id, name):
        labels = np.zeros((16, 20), np.uint8)
        top = 2 + FRAMES.index(name)
        labels[top : top + 8, 4:13] = 1
        return labels

    def _named(self):
        return [(f"{category}-{number}", category) for category in self._categories for number in range(3)]
