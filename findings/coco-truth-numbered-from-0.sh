#!/usr/bin/env bash
# What: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0: mask AP of two perfect results against a truth whose
#   annotations are numbered from 0, and from 1.
# Expected: 1.0 both times; an id is a name, and 0 is as good as any.
# Seen: numbered from 0, pycocotools gives AP 0.2525: matches are noted as the id of the truth, and 0 means none, so the
#   first object counts as missed and its mask as false. With one object AP is 0.0. faster-coco-eval computes the same
#   but warns that it does; hotcoco gives 1.0. pycocotools says nothing; an issue of 2024 is open.
# Why it matters: enumerate(annotations) is how small sets are written. The fewer objects, the larger the loss: an
#   episode of few-shot segmentation with one object scores 0 for a perfect answer.
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
import warnings

import faster_coco_eval
import hotcoco
import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
from pycocotools import mask as coco_mask

square = np.zeros((120, 120), np.uint8, order="F")
square[40:80, 40:80] = 1
encoded = coco_mask.encode(square)
segmentation = {"size": [120, 120], "counts": encoded["counts"].decode()}
packages = {
    "pycocotools": (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    "faster-coco-eval": (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
    "hotcoco": (hotcoco.COCO, hotcoco.COCOeval),
}


def average_precision(read, evaluator, first, count):
    objects = [{"image_id": i, "category_id": 1, "segmentation": segmentation} for i in range(1, count + 1)]
    box = {"area": 1600, "bbox": [40, 40, 40, 40], "iscrowd": 0}
    truth = {
        "images": [{"id": i, "height": 120, "width": 120, "file_name": f"{i}.png"} for i in range(1, count + 1)],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [{**x, **box, "id": i} for i, x in enumerate(objects, first)],
    }
    pathlib.Path("truth.json").write_text(json.dumps(truth))
    pathlib.Path("results.json").write_text(json.dumps([{**x, "score": 1 - i / 10} for i, x in enumerate(objects)]))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        data = read("truth.json")
        evaluation = evaluator(data, data.loadRes("results.json"), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 4), any("id 0" in str(warning.message) for warning in said)


seen = {}
for name, package in packages.items():
    runs = [average_precision(*package, first, count) for first, count in ((1, 2), (0, 2), (0, 1))]
    seen[name] = [ap for ap, _ in runs], any(warned for _, warned in runs)
    ones, zeros, alone = seen[name][0]
    print(f"{name}: from 1 AP {ones}, from 0 {zeros}, a single object 0 {alone}, warned: {seen[name][1]}")
if list(seen.values()) != [([1.0, 0.2525, 0.0], False), ([1.0, 0.2525, 0.0], True), ([1.0, 1.0, 1.0], False)]:
    sys.exit("the behaviour has changed")
PYTHON
