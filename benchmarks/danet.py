"""Does a DANet use its support, and if not, where is it lost? Features, attention and masks, on videos it has not seen.

    python benchmarks/danet.py trainings/mini-ref-shapes/danet/seed-0/fold-2/model --fold 2 --out shapes

The model is one of version 2 of the embedded set, whose videos are rendered from another seed.
Episodes ask for all objects of a class, as in training: five query frames, three support videos of one frame. Each is
asked again with the support of an episode of another class of its fold. For base and for novel classes it prints

- told apart: how often the mean feature on the query's object is nearest to that on its own support's, among supports
  of all four classes of the fold (a quarter by chance; the mean over all classes is taken off before);
- entropy: of the middle query frame's attention to the support, over the most that there can be;
- on object: the weight of that attention on cells of the object, and the share that these have of all cells;
- J with the own support, with another class's, and with empty masks.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fsbench.datasets.catalogue import dataset_spec
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import V2
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.metrics import region_similarity
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from fsbench.text import columns
from fsbench.training import Augmentation
from fsbench.training import EpisodeSampler
from fsbench.training import TrainingEpisodes
from fsbench_baselines.danet import DANet
from fsbench_baselines.danet import load_checkpoint
from fsbench_baselines.danet.task import Collate
from fsbench_baselines.danet.task import TrainingBatch

PER_CLASS = 10
EMBEDDED = "mini-ref-shapes@v2"
HELD_OUT = replace(V2, seed=1, videos_per_category=6)


class Seen(NamedTuple):
    """What was found in one episode: shares in [0, 1], in the order of the columns."""

    told_apart: float
    entropy: float
    on_object: float
    object_cells: float
    own: float
    other: float
    empty: float


def render_held_out(root: Path) -> None:
    """Renders videos of another seed, with a manifest of one support draw."""
    generate_shapes(root / dataset_spec(EMBEDDED).folders[0], HELD_OUT, progress=True)
    info, rows = build_manifest(
        open_dataset(EMBEDDED, root), BuildOptions(draws=1, version="held-out", draws_from=ALL_VIDEOS)
    )
    write_manifest(root / "splits", info, rows)


def draw_batches(root: Path, size: tuple[int, int]) -> dict[int, list[TrainingBatch]]:
    """Returns episodes of every class of the set, by class id."""
    benchmark = open_benchmark(EMBEDDED, root, root / "splits" / "mini-ref-shapes" / "held-out")
    frames = {"query_frames": 5, "support_frames": 1, "support_videos": 3}
    collate = Collate(size)
    found: dict[int, list[TrainingBatch]] = defaultdict(list)
    for fold in (1, 2):  # what the one leaves out the other draws
        sampler = EpisodeSampler(benchmark, fold, seed=0, per_class=PER_CLASS, target="class", **frames)
        episodes = TrainingEpisodes(sampler, benchmark.dataset, Augmentation())
        for index in range(len(sampler)):
            episode = episodes[0, index]
            if len(found[episode.spec.class_id]) < PER_CLASS:
                found[episode.spec.class_id].append(collate([episode]))
    return found


def mean_on_object(model: DANet, frames: Tensor, masks: Tensor) -> Tensor:
    """Returns the mean feature of the last level on the object, [C], of frames [K, 3, H, W] and masks [K, H, W]."""
    features = model.encoder(frames)[2]
    cells = cells_of(masks, features)
    mean: Tensor = (features * cells).sum((0, 2, 3)) / cells.sum().clamp(min=1e-6)
    return mean


def cells_of(masks: Tensor, features: Tensor) -> Tensor:
    """Returns masks [K, H, W] on the cells of features [K, C, h, w], as the model has them: [K, 1, h, w]."""
    return functional.interpolate(masks[:, None], features.shape[-2:], mode="bilinear", align_corners=True)


def attention(model: DANet, batch: TrainingBatch) -> tuple[float, float, float]:
    """Returns entropy over the most there can be, weight on the object, and the object's share of the cells."""
    features = model.encoder(batch.support_frames[0])[2]
    support = model.project_support(features[None], batch.support_masks)
    middle = batch.frames[0, batch.frames.shape[1] // 2]
    query = model.project_query(model.encoder(middle[None])[2][None]).queries[0, 0].flatten(1)
    keys = support.keys[0].transpose(0, 1).flatten(1)
    weights = (query.T @ keys / keys.shape[0] ** 0.5).softmax(-1)
    entropy = -(weights * weights.clamp(min=1e-12).log()).sum(-1).mean() / np.log(weights.shape[-1])
    is_object = (cells_of(batch.support_masks[0], features).flatten() > 0.5).float()
    return float(entropy), float((weights @ is_object).mean()), float(is_object.mean())


def similarity(model: DANet, query: TrainingBatch, support: TrainingBatch, *, shown: bool = True) -> float:
    """Returns the mean J of a query's masks with the support of an episode, or with its frames and no mask."""
    masks = support.support_masks * float(shown)
    predicted = model(query.frames, support.support_frames, masks)[0] > 0.5
    return float(region_similarity(predicted.numpy(), query.masks[0].numpy() > 0.5).mean())


@torch.no_grad()
def look(model: DANet, batches: dict[int, list[TrainingBatch]], class_ids: Sequence[int]) -> np.ndarray:
    """Returns the means over the episodes of some classes, [columns]."""
    means = {
        class_id: [mean_on_object(model, each.support_frames[0], each.support_masks[0]) for each in of_class]
        for class_id, of_class in batches.items()
    }
    middle = torch.stack([mean for of_class in means.values() for mean in of_class]).mean(0)
    seen = []
    for class_id in class_ids:
        rivals = [k for k in batches if (k - class_id) % NUM_FOLDS == 0]
        following = rivals[(rivals.index(class_id) + 1) % len(rivals)]
        for number, batch in enumerate(batches[class_id]):
            own = mean_on_object(model, batch.frames[0], batch.masks[0]) - middle
            near = [float(functional.cosine_similarity(own, means[k][number] - middle, dim=0)) for k in rivals]
            seen.append(
                Seen(
                    float(rivals[int(np.argmax(near))] == class_id),
                    *attention(model, batch),
                    own=similarity(model, batch, batch),
                    other=similarity(model, batch, batches[following][number]),
                    empty=similarity(model, batch, batch, shown=False),
                )
            )
    return np.mean(seen, axis=0)


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a DANet that `fsbench train` made on the embedded set")
    parser.add_argument("--fold", type=int, required=True, help="the fold that the model is for")
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder for the videos")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    root = arguments.out / "held-out"
    render_held_out(root)
    model = load_checkpoint(arguments.model)
    batches = draw_batches(root, model.config.size)
    novel = [k for k in sorted(batches) if (k - arguments.fold) % NUM_FOLDS == 0]
    rows = [("classes", *(name.replace("_", " ") for name in Seen._fields))]
    for name, ids in (("base", [k for k in sorted(batches) if k not in novel]), ("novel", novel)):
        rows.append((name, *(f"{100 * value:.0f}" for value in look(model, batches, ids))))
    print(columns(rows))


if __name__ == "__main__":
    main()
