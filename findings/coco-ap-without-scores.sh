#!/usr/bin/env bash
# What: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0: mask AP of ten results, one an image, all with score
#   1.0, as methods write them that name no confidence; five are right, five beside the object.
# Expected: one number whichever way images are numbered: equal scores leave no order, so precision is 0.5 throughout.
# Seen: AP is 0.505 where the right ones come first and 0.2525 where they come last, in all three. Ties are kept in the
#   order of image ids and results, each a point of its own on the curve. Issues of two of the packages tell of it since
#   2023; nothing is said at run time.
# Why it matters: methods of referring and few-shot segmentation give one mask and often no score. Their AP then tells
#   how the file of truth is sorted: by name, by sequence, hard ones last. Renaming images halves or doubles it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pycocotools==2.0.11' 'faster-coco-eval==1.8.0' 'hotcoco==1.3.0' 'numpy==2.3.4'
cd "$folder"
env/bin/python - <<'PYTHON'
import contextlib
import io
import json
import pathlib
import sys

import faster_coco_eval
import hotcoco
import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
from pycocotools import mask as coco_mask


def segmentation(first_column):
    mask = np.zeros((120, 120), np.uint8, order="F")
    mask[40:80, first_column : first_column + 40] = 1
    return {"size": [120, 120], "counts": coco_mask.encode(mask)["counts"].decode()}


packages = {
    "pycocotools": (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    "faster-coco-eval": (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
    "hotcoco": (hotcoco.COCO, hotcoco.COCOeval),
}
there, beside = segmentation(10), segmentation(70)


def average_precision(read, evaluator, right):
    box = {"area": 1600, "bbox": [10, 40, 40, 40], "iscrowd": 0}
    truth = {
        "images": [{"id": i, "height": 120, "width": 120, "file_name": f"{i}.png"} for i in range(1, 11)],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "segmentation": there, **box} for i in range(1, 11)],
    }
    results = [
        {"image_id": i, "category_id": 1, "score": 1.0, "segmentation": there if i in right else beside}
        for i in range(1, 11)
    ]
    pathlib.Path("truth.json").write_text(json.dumps(truth))
    pathlib.Path("results.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        data = read("truth.json")
        evaluation = evaluator(data, data.loadRes("results.json"), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 4)


seen = {}
for name, package in packages.items():
    seen[name] = [average_precision(*package, right) for right in (range(1, 6), range(6, 11))]
    print(f"{name}: AP {seen[name][0]} with the right ones first, {seen[name][1]} with them last")
if list(seen.values()) != [[0.505, 0.2525]] * 3:
    sys.exit("the behaviour has changed")
PYTHON
