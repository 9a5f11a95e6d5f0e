"""Two slow, independent ways to J and F, and masks to try them on.

Neither shares a line with `fsbench.metrics`: `edt_counts` works on the full frame with SciPy's Euclidean distance
transform, `search_counts` follows the definition pixel by pixel. Distances are compared as squared integers.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Masks = npt.NDArray[np.bool_]
LabelMaps = npt.NDArray[np.uint8]
Counts = tuple[int, int, int, int, int, int]  # in the order of PairCounts


_counted: dict[tuple[bytes, tuple[int, ...], int], Counts] = {}  # each kernel is asked about the same masks


def edt_counts(pred: Masks, truth: Masks, radius: int) -> Counts:
    key = (hashlib.sha256(pred.tobytes() + truth.tobytes()).digest(), pred.shape, radius)
    if key not in _counted:
        _counted[key] = _edt_counts(pred, truth, radius)
    return _counted[key]


def _edt_counts(pred: Masks, truth: Masks, radius: int) -> Counts:
    pred_boundary, truth_boundary = edt_boundary(pred), edt_boundary(truth)
    return (
        int((pred * truth).sum()),
        int(np.maximum(pred, truth).sum()),
        int(pred_boundary.sum()),
        int(truth_boundary.sum()),
        int((pred_boundary & (_squared_distance(truth_boundary) <= radius**2)).sum()),
        int((truth_boundary & (_squared_distance(pred_boundary) <= radius**2)).sum()),
    )


def edt_boundary(mask: Masks) -> Masks:
    padded = np.vstack([mask, mask[-1:]])
    padded = np.hstack([padded, padded[:, -1:]])
    block = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    return block.any(axis=0) & ~block.all(axis=0)


def _squared_distance(boundary: Masks) -> npt.NDArray[np.float64]:
    if not boundary.any():
        return np.full(boundary.shape, np.inf)
    nearest = ndimage.distance_transform_edt(~boundary, return_distances=False, return_indices=True)
    offsets = nearest.astype(np.int64) - np.indices(boundary.shape)
    return (offsets**2).sum(axis=0).astype(np.float64)


def search_counts(pred: Masks, truth: Masks, radius: int) -> Counts:
    pixels = [(y, x) for y in range(pred.shape[0]) for x in range(pred.shape[1])]
    pred_boundary, truth_boundary = search_boundary(pred), search_boundary(truth)
    return (
        sum(1 for p in pixels if pred[p] and truth[p]),
        sum(1 for p in pixels if pred[p] or truth[p]),
        len(pred_boundary),
        len(truth_boundary),
        _within(pred_boundary, truth_boundary, radius),
        _within(truth_boundary, pred_boundary, radius),
    )


def search_boundary(mask: Masks) -> list[tuple[int, int]]:
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            block = {bool(mask[min(y + dy, height - 1), min(x + dx, width - 1)]) for dy in (0, 1) for dx in (0, 1)}
            if len(block) == 2:
                found.append((y, x))
    return found


def _within(points: list[tuple[int, int]], others: list[tuple[int, int]], radius: int) -> int:
    return sum(any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in points)


def scores(counts: Counts) -> tuple[float, float]:
    """J and F as the papers define them, in DAVIS' order of operations."""
    intersection, union, n_pred, n_truth, pred_matched, truth_matched = counts
    j = 1.0 if union == 0 else intersection / float(union)
    if n_pred == 0 and n_truth == 0:
        precision, recall = 1.0, 1.0
    elif n_pred == 0:
        precision, recall = 1.0, 0.0
    elif n_truth == 0:
        precision, recall = 0.0, 1.0
    else:
        precision, recall = pred_matched / float(n_pred), truth_matched / float(n_truth)
    f = 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)
    return j, f


def radius_of(tolerance: float, shape: tuple[int, ...]) -> int:
    return int(tolerance) if tolerance >= 1 else int(np.ceil(tolerance * math.hypot(*shape)))


def mask_pairs(seed: int, number: int, largest: int) -> Iterator[tuple[Masks, Masks, float]]:
    """Yields (pred, truth, tolerance): odd masks of all sorts, in frames of up to `largest` pixels a side."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        height, width = _frame(rng, largest)
        pred = _mask(rng, height, width)
        kind = rng.integers(4)
        if kind == 0:
            truth = np.roll(pred, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), axis=(0, 1))
        elif kind == 1:
            truth = pred ^ (rng.random((height, width)) < 0.02)
        else:
            truth = _mask(rng, height, width)
        yield pred, truth, float(rng.choice([0.008, 0.01, 0.03, 0.1, 0.4, 0.0, 1, 2, 3, 5, 12, 31, 33, 64, 90, 4096]))


def _frame(rng: np.random.Generator, largest: int) -> tuple[int, int]:
    sides = [
        1,
        2,
        3,
        *(n for n in (31, 32, 33, 63, 64, 65, 127, 128, 129, 192) if n <= largest),
        *rng.integers(1, largest + 1, 6),
    ]
    return int(rng.choice(sides)), int(rng.choice(sides))


def _mask(rng: np.random.Generator, height: int, width: int) -> Masks:
    mask = np.zeros((height, width), dtype=np.bool_)
    y, x = int(rng.integers(height)), int(rng.integers(width))
    kind = rng.integers(12)
    if kind == 1:
        mask[:] = True
    elif kind == 2:
        mask[y, x] = True
    elif kind == 3:
        mask[y] = True
    elif kind == 4:
        mask[:, x] = True
    elif kind == 5:  # a box, often at the border
        mask[y : y + int(rng.integers(1, height + 1)), x : x + int(rng.integers(1, width + 1))] = True
    elif kind == 6:  # noise, sparse to dense
        mask = rng.random((height, width)) < rng.random()
    elif kind == 7:  # an ellipse
        rows, columns = np.ogrid[:height, :width]
        mask = ((rows - y) * rng.uniform(0.5, 2)) ** 2 + (columns - x) ** 2 <= rng.uniform(0, max(height, width)) ** 2
    elif kind == 8:  # all but one pixel
        mask[:] = True
        mask[y, x] = False
    elif kind == 9:  # a checkerboard, or a corner of one
        mask = np.indices((height, width)).sum(axis=0) % 2 == 0
        mask[y:, x:] &= rng.random() < 0.5
    elif kind == 10:  # thin lines down a diagonal
        mask = (np.indices((height, width)).sum(axis=0) + y) % int(rng.integers(2, 40)) == 0
    elif kind == 11:  # stripes
        mask[:: int(rng.integers(1, 9))] = True
        mask = mask if rng.random() < 0.5 else ~mask
    return mask


def label_maps(seed: int, number: int, largest: int) -> Iterator[tuple[LabelMaps, LabelMaps, int]]:
    """Yields (pred, truth, radius): uint8 maps of few to very many labels, of which the truth has most, too."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        shape = _frame(rng, largest)
        labels = rng.choice(256, size=int(rng.choice([1, 2, 3, 8, 40])), replace=False).astype(np.uint8)
        pred = np.zeros(shape, dtype=np.uint8)
        for label in labels:
            pred[_mask(rng, *shape)] = label
        truth = np.roll(pred, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), axis=(0, 1))
        truth[_mask(rng, *shape)] = rng.choice(labels)
        yield pred, truth, int(rng.choice([0, 1, 2, 5, 12, 90, 4096]))
