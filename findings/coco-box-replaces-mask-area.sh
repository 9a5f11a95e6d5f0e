#!/usr/bin/env bash
# What: pycocotools 2.0.11 and faster-coco-eval 1.8.0: mask AP of results that carry the optional "bbox" beside
#   "segmentation", as detectors write them, and of the same results without it.
# Expected: the same numbers: iouType "segm" compares masks, and the area of a mask is its pixels.
# Seen: AP for small objects goes from 0.5 to 1.0 when the boxes are there. loadRes then takes the area of the box
#   (160 x 160 for a thin diagonal of 475 pixels), and a wrong answer that counts as large is not held against small.
#   The rewrite does the same, to the digit.
# Why it matters: AP by size of two methods differs because one of them exports boxes. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pycocotools==2.0.11' 'faster-coco-eval==1.8.0' 'numpy==2.3.4'
"$folder/env/bin/python" - <<'PYTHON'
import contextlib
import io
import sys

import faster_coco_eval
import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
from pycocotools import mask as coco_mask

rows, columns = np.mgrid[:200, :200]
diagonal = (abs(rows - columns) <= 1) & (columns > 20) & (columns < 180)
square = (abs(rows - 100) < 15) & (abs(columns - 40) < 15)


def result(mask, score, with_box):
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    box = {"bbox": coco_mask.toBbox(encoded).tolist()} if with_box else {}
    counts = encoded["counts"].decode()
    return {"image_id": 1, "category_id": 1, "score": score, "segmentation": {**encoded, "counts": counts}, **box}


def small_ap(coco, evaluator, with_box):
    truth = {**result(square, 1.0, True), "id": 1, "area": int(square.sum()), "iscrowd": 0}
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco()
        images = [{"id": 1, "height": 200, "width": 200}]
        data.dataset = {"images": images, "categories": [{"id": 1, "name": "x"}], "annotations": [truth]}
        data.createIndex()
        results = [result(diagonal, 0.9, with_box), result(square, 0.8, with_box)]
        evaluation = evaluator(data, data.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[3]), 3)


seen = {
    "pycocotools": [small_ap(pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval, box) for box in (False, True)],
    "faster-coco-eval": [small_ap(faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster, b) for b in (False, True)],
}
for name, (without_boxes, with_boxes) in seen.items():
    print(f"{name}: AP small {without_boxes} without boxes, {with_boxes} with boxes")
if any(pair != [0.5, 1.0] for pair in seen.values()):
    sys.exit("the behaviour has changed")
PYTHON
