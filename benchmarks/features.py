"""How well a backbone tells classes apart, in videos and of classes that it was not trained on.

    python -m benchmarks.features shapes/trainings/first-on-64/fold-2 --out shapes

Takes the backbone that a training of `benchmarks/shapes.py` was pretrained with, and the videos that its recipe is
chosen on. Of a video a class is its features, averaged over its objects in three frames, each channel standardised over
all videos. Two videos of a class are told from one of another class if the cosine of the two is larger than that of the
first and the third: the share of such triples is printed for each stride, 0.5 by chance; of the classes that were held
out, and of those that the backbone was trained on.
"""

import argparse
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from benchmarks.shapes import CHOSEN_ON
from benchmarks.shapes import EMBEDDED
from benchmarks.shapes import HELD_OUT
from benchmarks.shapes import LEFT_ALONE
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.records import Dataset
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.text import columns
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.pixels import normalised_pixels
from fsbench_baselines.training.pretraining import load_backbone

__all__ = ["told_apart"]

STRIDES = (4, 8, 16, 32)
_FRAMES = (1, 3, 6)  # of eight


def main() -> None:
    """Parses the command line, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=Path, help="folder of a first training")
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder of the study")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    backbone = build_backbone("resnet_small").eval()
    load_backbone(arguments.training / "backbone" / "model", backbone)
    dataset = open_dataset(EMBEDDED, arguments.out / "sets" / "choose")
    folds = {name: number % NUM_FOLDS + 1 for number, name in enumerate(CHOSEN_ON.categories)}
    rows: list[tuple[str, ...]] = [("classes", *(f"stride {stride}" for stride in STRIDES))]
    trained_on = set(folds.values()) - {LEFT_ALONE, HELD_OUT}
    for label, of_folds in (("held out", {HELD_OUT}), ("trained on", trained_on)):
        names = [name for name, fold in folds.items() if fold in of_folds]
        classes, features = _features(dataset, backbone, names)
        rows.append((label, *(f"{told_apart(level, classes):.3f}" for level in features)))
    print(columns(rows))


@torch.inference_mode()
def _features(
    dataset: Dataset, backbone: torch.nn.Module, names: Collection[str]
) -> tuple[list[str], list[npt.NDArray[np.float64]]]:
    """Returns the class of each video of some classes, and at each stride its features, [videos, channels]."""
    classes: list[str] = []
    found: list[list[npt.NDArray[np.float64]]] = [[] for _ in STRIDES]
    for video in dataset.videos():
        name = video.video_id.rpartition("-")[0]
        if name not in names:
            continue
        shown = [video.frames[number] for number in _FRAMES]
        frames = np.stack([dataset.frame(video.video_id, each) for each in shown])
        masks = np.stack([dataset.label_map(video.video_id, each) > 0 for each in shown])
        weights = torch.from_numpy(masks)[:, None].float()
        classes.append(name)
        for of_stride, level in zip(found, backbone(normalised_pixels(frames), num_frames=1), strict=True):
            share = functional.interpolate(weights, level.shape[-2:], mode="area")
            of_stride.append(((level * share).sum((0, 2, 3)) / share.sum()).double().numpy())
    return classes, [np.stack(each) for each in found]


def told_apart(features: npt.NDArray[np.float64], classes: Collection[str]) -> float:
    """Returns how often a video is more like one of its class than like one of another, over all such triples.

    Args:
        features: float64 [N, C] of N videos.
        classes: Theirs.
    """
    spread = features.std(0)
    standard = (features - features.mean(0)) / np.where(spread > 0, spread, 1)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    cosines = standard @ standard.T
    labels = np.array(list(classes))
    shares = []
    for number, label in enumerate(labels):
        own = np.flatnonzero(labels == label)
        others = np.sort(cosines[number, labels != label])
        shares.append(np.searchsorted(others, cosines[number, own[own != number]]).mean() / len(others))
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
