"""Datasets of a few tiny videos, on disk in the layout of Ref-YouTube-VOS and in memory; a method without weights."""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image

from fsbench.datasets import Expression
from fsbench.datasets import ObjectTrack
from fsbench.datasets import open_dataset
from fsbench.datasets import Video
from fsbench.datasets.records import Dataset
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest

HEIGHT, WIDTH = 24, 32
PATCH_FRAMES = tuple(f"{t:05d}" for t in range(4))


def write_dataset(
    root: Path, categories: Mapping[str, int], *, frames: int = 4, with_frames: bool = True, mixed: Sequence[str] = ()
) -> Path:
    """Writes `categories[name]` videos of each category: two objects each, three sentences, the last about both."""
    videos = [(f"{name}-{i}", name, name) for name, count in categories.items() for i in range(count)]
    videos += [(f"mixed-{i}", name, "other") for i, name in enumerate(mixed)]
    names = [f"{5 * t:05d}" for t in range(frames)]
    meta, texts = {}, {}
    for number, (video_id, one, two) in enumerate(videos):
        objects = {"1": {"category": one, "frames": names}, "2": {"category": two, "frames": names[1:]}}
        meta[video_id] = {"objects": objects}
        said = {"0": ("the left", "1"), "1": ("the right", "2"), "10": ("both of them", ["1", "2"])}
        said = {key: {"exp": f"{text} {one}", "obj_id": ids} for key, (text, ids) in said.items()}
        texts[video_id] = {"frames": names, "expressions": said}
        for t, name in enumerate(names if with_frames else ()):
            _write_frame(root, video_id, name, number, t)
    for path, content in (("train/meta.json", meta), ("meta_expressions/train/meta_expressions.json", texts)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps({"videos": content}))
    return root


def rearrange(root: Path, places: Mapping[str, str]) -> Path:
    """Moves files and folders of a dataset, given where each goes to, both below its root."""
    for old, new in places.items():
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)
    return root


def write_benchmark(base: Path, categories: Mapping[str, int], **options: Any) -> tuple[Dataset, Path]:
    """Writes such a dataset to `base/mini-ref-davis` and its manifest, built with `options`, below `base/splits`.

    Returns:
        The dataset, and the manifest's folder.
    """
    dataset = open_dataset("mini-ref-davis", write_dataset(base / "mini-ref-davis", categories))
    info, rows = build_manifest(dataset, BuildOptions(**options))
    write_manifest(base / "splits", info, rows)
    return dataset, base / "splits" / info.dataset / info.version


def _write_frame(root: Path, video_id: str, name: str, number: int, t: int) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[4 + t : 14 + t, 3 + number % 3 : 12] = 1
    if t > 0:
        labels[8:20, 18 : 26 + t] = 2
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[labels == 1] = (200, 40, 20)
    picture[labels == 2] = (20, 40, 200)
    mask = Image.fromarray(labels, mode=None)
    mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    for folder, suffix, image in (("JPEGImages", "jpg", Image.fromarray(picture)), ("Annotations", "png", mask)):
        path = root / "train" / folder / video_id / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


class Patches(NamedTuple):
    """A dataset in memory: two classes of three videos, in each a patch that moves."""

    name: str = "patches"

    def videos(self) -> list[Video]:
        return [Video(f"{c}-{i}", PATCH_FRAMES) for c in ("red", "teal") for i in range(3)]

    def objects(self) -> list[ObjectTrack]:
        return [ObjectTrack(video.video_id, 1, video.video_id.split("-")[0], PATCH_FRAMES) for video in self.videos()]

    def expressions(self) -> list[Expression]:
        return [Expression(video.video_id, "0", (1,), "the left patch") for video in self.videos()]

    def label_map(self, video_id: str, name: str) -> np.ndarray:
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[4:14, 2 + int(name) + int(video_id[-1]) : 16] = 1
        return labels

    def frame(self, video_id: str, name: str) -> np.ndarray:
        colour = np.array((200, 40, 20) if video_id.startswith("red") else (20, 160, 170), np.uint8)
        return self.label_map(video_id, name)[..., None] * colour


class Reddish:
    """Segments what is red; an option makes it slow, or fail on a video."""

    info = MethodInfo(name="reddish", version="1", summary="what is red")

    def __init__(self, threshold: int = 100, checkpoint: Path | None = None) -> None:
        self.threshold = threshold
        self.checkpoint = checkpoint

    def prepare(self, fold: Fold) -> None:
        self.fold = fold

    def adapt(self, support: Support) -> int:
        return int(support.shots[0].masks.sum())

    def segment(self, adapted: int, clip: Clip, expressions: Sequence[str]) -> np.ndarray:
        red = clip.memo("red", lambda: clip.frames[..., 0].astype(int) - clip.frames[..., 2] > self.threshold)
        height, width = clip.output_size
        rows, columns = np.arange(height) * red.shape[1] // height, np.arange(width) * red.shape[2] // width
        sized = red[:, rows][:, :, columns]
        shifted = np.roll(sized, adapted % 3, axis=2)
        return np.stack([shifted if "left" in sentence else ~shifted for sentence in expressions])
