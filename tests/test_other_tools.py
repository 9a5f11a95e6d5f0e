"""The page of other tools' numbers has what they give here, where they are installed in the version that it names."""

import re
import warnings
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version

import numpy as np
import pytest

import fsbench
from fsbench.metrics import boundary_map
from fsbench.protocol import named_protocol
from tests.conftest import ROOT

PAGE = (ROOT / "docs/other-tools.md").read_text(encoding="utf-8")
VERSIONS = dict(re.findall(r"([\w-]+)(?:==| )(\d+(?:\.\d+)+)", PAGE))

SIZE = (240, 320)
EMPTY = np.zeros(SIZE, np.uint8)
SQUARE = EMPTY.copy()
SQUARE[50:90, 50:90] = 1
SMALLER = SQUARE[:120, :160]
FULL = np.ones_like(EMPTY)
MOVED = np.roll(SQUARE, 2, axis=1)


def table(heading, place=0):
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)[place]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found.splitlines()[2:]]


def shown(value):
    value = float(value)
    return (
        f"{value:.0f}" if value in (0, 1) or not np.isfinite(value) else f"{value:.4f}".rstrip("0").rstrip(".") or "0"
    )


def value_or_error(compute, *masks):
    try:
        return shown(compute(*masks))
    except ImportError:
        raise
    except Exception:  # of whatever kind: that there is one is what the page says
        return "an error"


@pytest.fixture(autouse=True)
def quiet():
    """Lets packages warn as they like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def require(call):
    package = re.match(r"`(.*?)`", call)[1]
    if package != "fsbench":
        try:
            installed = version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed; docs/other-tools.md says which version")
        if installed != VERSIONS[package]:
            pytest.skip(f"{package} is {installed}, the page is about {VERSIONS[package]}")


def one_hot(labels, classes=2):
    torch = import_module("torch")
    hot = torch.nn.functional.one_hot(torch.tensor(labels).long(), classes)
    return hot.permute(2, 0, 1)[None]


def indices(labels):
    return import_module("torch").tensor(labels).long()[None]


def of_class_1(name, pred, truth, **options):
    function = getattr(import_module("torchmetrics.functional.segmentation"), name)
    return function(indices(pred), indices(truth), num_classes=2, input_format="index", **options).ravel()[-1]


def binary_jaccard(pred, truth):
    function = import_module("torchmetrics.functional.classification").binary_jaccard_index
    return function(indices(pred), indices(truth))


def of_monai(name, pred, truth, **options):
    function = getattr(import_module("monai.metrics"), name)
    return function(one_hot(pred)[:, 1:].float(), one_hot(truth)[:, 1:].float(), **options)


def of_medpy(name, pred, truth):
    return getattr(import_module("medpy.metric.binary"), name)(pred, truth)


def of_surfaces(name, pred, truth, *options):
    package = import_module("surface_distance")
    surfaces = package.compute_surface_distances(truth.astype(bool), pred.astype(bool), (1, 1))
    return getattr(package, name)(surfaces, *options)


def dice_of_surfaces(pred, truth):
    return import_module("surface_distance").compute_dice_coefficient(truth.astype(bool), pred.astype(bool))


def of_rlemasklib(pred, truth):
    package = import_module("rlemasklib")
    return package.iou([package.encode(pred), package.encode(truth)])


def of_coco(module, pred, truth):
    package = import_module(module)
    codes = ([package.encode(np.asfortranarray(mask))] for mask in (pred, truth))
    return np.ravel(package.iou(*codes, [0]))[0]


def of_vos_benchmark(name, pred, truth):
    if pred.shape != truth.shape:
        raise ValueError("the tool's reader asserts it")
    evaluator = import_module("vos_benchmark.evaluator").Evaluator()
    evaluator.feed_frame(SQUARE, SQUARE)
    evaluator.feed_frame(pred, truth)
    return getattr(evaluator, name)[1][-1]


def of_fsbench(name, pred, truth):
    return getattr(fsbench, name)(pred[np.newaxis].astype(bool), truth[np.newaxis].astype(bool))[0]


CALLS = {
    "`fsbench` J": partial(of_fsbench, "region_similarity"),
    "`fsbench` F": partial(of_fsbench, "contour_accuracy"),
    "`vos-benchmark` J": partial(of_vos_benchmark, "object_iou"),
    "`vos-benchmark` F": partial(of_vos_benchmark, "boundary_f"),
    "`torchmetrics` binary_jaccard_index": binary_jaccard,
    "`torchmetrics` mean_iou": partial(of_class_1, "mean_iou", per_class=True),
    "`torchmetrics` dice_score": partial(of_class_1, "dice_score", average=None),
    "`torchmetrics` generalized_dice_score": partial(of_class_1, "generalized_dice_score", per_class=True),
    "`torchmetrics` hausdorff_distance": partial(of_class_1, "hausdorff_distance"),
    "`monai` compute_iou": partial(of_monai, "compute_iou"),
    "`monai` compute_iou, ignore_empty=False": partial(of_monai, "compute_iou", ignore_empty=False),
    "`monai` compute_dice": partial(of_monai, "compute_dice"),
    "`monai` compute_dice, ignore_empty=False": partial(of_monai, "compute_dice", ignore_empty=False),
    "`monai` compute_surface_dice": partial(
        of_monai, "compute_surface_dice", class_thresholds=[1.0], include_background=True
    ),
    "`monai` compute_hausdorff_distance": partial(of_monai, "compute_hausdorff_distance", include_background=True),
    "`medpy` jc": partial(of_medpy, "jc"),
    "`medpy` dc": partial(of_medpy, "dc"),
    "`medpy` hd": partial(of_medpy, "hd"),
    "`surface-distance` compute_dice_coefficient": dice_of_surfaces,
    "`surface-distance` compute_surface_dice_at_tolerance": lambda *masks: of_surfaces(
        "compute_surface_dice_at_tolerance", *masks, 1
    ),
    "`surface-distance` compute_robust_hausdorff": lambda *masks: of_surfaces("compute_robust_hausdorff", *masks, 100),
    "`rlemasklib` iou": of_rlemasklib,
    "`pycocotools` mask.iou": partial(of_coco, "pycocotools.mask"),
    "`faster-coco-eval` mask.iou": partial(of_coco, "faster_coco_eval.core.mask"),
}


def test_every_call_of_the_page_is_computed_here():
    assert [row[0] for row in table("Libraries, one object")] == list(CALLS)


@pytest.mark.parametrize("row", table("Libraries, one object"), ids=lambda row: row[0])
def test_what_a_library_gives_for_one_object(row):
    require(row[0])
    cases = [(EMPTY, EMPTY), (SQUARE, EMPTY), (EMPTY, SQUARE), (SMALLER, SQUARE)]
    assert [value_or_error(CALLS[row[0]], *masks) for masks in cases] == row[1:]


def of_classes(call, pred, truth):
    if "monai" in call:
        metrics = import_module("monai.metrics")
        metric = getattr(metrics, call.rpartition(" ")[2])(include_background=True)
        values = metric(one_hot(pred, 3), one_hot(truth, 3))[0]
        return values[2], metric.aggregate()
    if "jaccard" in call:
        function = import_module("torchmetrics.functional.classification").multiclass_jaccard_index
        return (
            function(indices(pred), indices(truth), 3, average=None)[2],
            function(indices(pred), indices(truth), 3, average="macro"),
        )
    function = getattr(import_module("torchmetrics.functional.segmentation"), call.rpartition(" ")[2])
    each, mean = ({"per_class": True}, {}) if "iou" in call else ({"average": None}, {"average": "macro"})
    options = {"num_classes": 3, "input_format": "index"}
    values, mean = (function(indices(pred), indices(truth), **options, **how) for how in (each, mean))
    return values[0, 2], mean


@pytest.mark.parametrize("row", table("Libraries, an absent class"), ids=lambda row: row[0])
def test_what_a_library_gives_for_an_absent_class(row):
    require(row[0])
    three = SQUARE.copy()
    three[:2, :2] = 2
    found = []
    for pred, truth in ((SQUARE, SQUARE), (three, SQUARE), (SQUARE, three)):
        value, mean = of_classes(row[0], pred, truth)
        found.append(f"{shown(value)}, mean {float(mean):.4f}".replace(".0000", ""))
    assert found == row[1:]


def of_boundary(call):
    if "fsbench" in call:
        scores = [
            fsbench.contour_accuracy(MOVED[None].astype(bool), SQUARE[None].astype(bool), tolerance)[0]
            for tolerance in (1, 2)
        ]
        return *scores, np.sum(boundary_map(FULL.astype(bool)))
    if "monai" in call:
        edges = import_module("monai.metrics.utils").get_mask_edges(indices(FULL)[0], indices(FULL)[0])[0]
        name, options = "compute_surface_dice", {"include_background": True}
        return *(of_monai(name, MOVED, SQUARE, class_thresholds=[float(t)], **options) for t in (1, 2)), edges.sum()
    package = import_module("surface_distance")
    distances = package.compute_surface_distances(FULL > 0, FULL > 0, (1, 1))["distances_gt_to_pred"]
    return *(of_surfaces("compute_surface_dice_at_tolerance", MOVED, SQUARE, t) for t in (1, 2)), len(distances)


@pytest.mark.parametrize("row", table("Libraries, boundary and tolerance"), ids=lambda row: row[0])
def test_where_a_library_sees_a_boundary(row):
    require(row[0])
    assert [shown(value) for value in of_boundary(row[0])] == row[1:]


@pytest.mark.parametrize("row", table("Video evaluators"), ids=lambda row: row[0])
def test_a_protocol_gives_what_the_tool_gives(row):
    protocol = named_protocol(row[1].strip("`"))
    names = [name for name in ("F_dot_mean", "F_mean") if protocol.name == "mose-v2" or name == "F_mean"]
    counted = 2 if protocol.frames == "inner" else 4
    found = []
    for pred, truth in ((EMPTY, EMPTY), (SQUARE, EMPTY), (EMPTY, SQUARE), (EMPTY, FULL)):
        clips = (np.stack([SQUARE, SQUARE, mask, SQUARE]) for mask in (pred, truth))
        mean = fsbench.score(*clips, protocol=protocol).mean
        values = [counted * mean[name] - (counted - 1) for name in ("J_mean", names[-1])]
        assert all(np.isclose(mean[name], mean[names[-1]]) for name in names)
        found.append(", ".join(shown(round(value, 4)) for value in values))
    assert found == row[2:]


@pytest.mark.parametrize("row", table("Video evaluators", 1), ids=lambda row: row[0])
def test_a_protocol_takes_the_frames_void_and_tolerance_of_the_tool(row):
    (name,) = [other[1].strip("`") for other in table("Video evaluators") if other[0] == row[0]]
    protocol = named_protocol(name)
    assert row[1] == {"inner": "left out", "all": "count"}[protocol.frames]
    assert row[4].endswith(f"{protocol.tolerance:g}")
    if protocol.objects != "in-truth":
        assert row[3] == {"background": "background", "excluded": "left out", "object": "an object"}[protocol.void]
